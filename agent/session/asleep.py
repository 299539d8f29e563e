"""The session process from its fork until a session opens.

As light as the keeper: it starts with every step, and most steps pass. All that is heavy is in `app`, and
imported when a session opens.
"""

import os
import select

from agent import descriptors
from agent.config import Config
from agent.keeper import signals
from agent.link import Link
from agent.output import say
from agent.session import guard

TYPE_CHECKING = False  # `typing` costs 5 ms in a process that may never wake
if TYPE_CHECKING:
    from typing import NoReturn

FAILED = 70
"""Exit code after a fault of ours (EX_SOFTWARE of sysexits.h), for the keeper to tell."""


class Opened:
    """Why a session opens: the words of the message `open`.

    `reason` is `failed`; `status` the step's exit code, or -N for its death by signal N; `elapsed_ms` the
    milliseconds since the step's start.
    """

    __slots__ = ("elapsed_ms", "reason", "status")

    reason: str
    status: int
    elapsed_ms: int

    def __init__(self, reason: str, status: int, elapsed_ms: int) -> None:
        object.__setattr__(self, "reason", reason)
        object.__setattr__(self, "status", status)
        object.__setattr__(self, "elapsed_ms", elapsed_ms)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name}: an opening is frozen")

    def __repr__(self) -> str:
        return f"Opened(reason={self.reason!r}, status={self.status}, elapsed_ms={self.elapsed_ms})"


def sleep(link: Link, config: Config, mark: int | None) -> "NoReturn":
    """Be the session process: out of the runner's reach, asleep, then the session, then gone.

    `mark` is the read end of the pipe that marks all that the step starts. Never returns: the frames above
    are the keeper's.
    """
    try:
        os.setsid()
        guard.stand(link, os.fstat(mark).st_ino if mark is not None else None)
        signals.unblock_all()
        descriptors.keep_only({link.fileno()} | ({mark} if mark is not None else set()))
        link.send("ready")
        opened = _sleep_until_opened(link)
        from agent.session import app  # noqa: PLC0415  (asyncio and asyncssh: 20 MiB, for failed steps only)

        app.run(link, config, opened)
    except BaseException as error:  # noqa: BLE001  (the last frame of this process: nothing may pass it)
        say(f"the session failed: {type(error).__name__}: {error}")
        os._exit(FAILED)
    os._exit(0)


def _sleep_until_opened(link: Link) -> Opened:
    """Wait for `open`; the end of the link is the keeper's death."""
    poll = select.poll()
    poll.register(link.fileno(), select.POLLIN)
    while True:
        poll.poll()
        match link.receive():
            case None:
                guard.keeper_died()
            case ("step", pid):
                guard.watch(int(pid))
            case ("open", reason, status, elapsed):
                link.send("opened")
                return Opened(reason, int(status), int(elapsed))
            case _:
                pass
