"""The session process from its fork until a session opens.

As light as the keeper: it starts with every step, and most steps pass. All that is heavy is in `app`, and
imported when a session opens.
"""

import gc
import os
import sys

from agent import descriptors, kernel
from agent.config import Config
from agent.keeper import signals
from agent.keeper.pipes import Pipes
from agent.link import Link
from agent.session import guard

TYPE_CHECKING = False  # `typing` costs 5 ms in a process that may never wake
if TYPE_CHECKING:
    from typing import NoReturn

FAILED = 70
"""Exit code after a fault of ours (EX_SOFTWARE of sysexits.h), for the keeper to tell."""


class StepState:
    """What has become of the step: the words of the messages `open` and `became` (`link.py`).

    `name` is `running`, `reported`, `failed`, `passed` or `unknown`; `status` the exit code, or -N for a death by
    signal N, None while there is none; `elapsed_ms` the milliseconds since the step's start.
    """

    __slots__ = ("elapsed_ms", "name", "status")

    name: str
    status: int | None
    elapsed_ms: int

    def __init__(self, name: str, status: int | None, elapsed_ms: int) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "status", status)
        object.__setattr__(self, "elapsed_ms", elapsed_ms)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name}: a state is frozen")

    def __repr__(self) -> str:
        return f"StepState({self.name!r}, {self.status}, {self.elapsed_ms})"

    @property
    def running(self) -> bool:
        """The step runs: nothing that happens to the session may touch it."""
        return self.name == "running"


def parse_state(name: str, status: str, elapsed: str) -> StepState:
    """Parse the words of a message."""
    return StepState(name, None if status == "-" else int(status), int(elapsed))


RUNNING = StepState("running", None, 0)
"""A step that has just started, as a session in standby knows it."""


def sleep(link: Link, config: Config, pipes: Pipes | None, first: tuple[str, ...] | None) -> "NoReturn":
    """Be the session process, which is out of the runner's reach already: asleep, then the session, then our guard.

    `first` is the first message, which has been received. Never returns: the frames above are the keeper's.
    """
    try:
        guard.stand(link, pipes.inode if pipes else None)
        signals.unblock_all()
        descriptors.keep_only({link.fileno()} | (pipes.ours if pipes else set()))
        step = _take(first, link, pipes)
        if step is None:
            kernel.let_go_of_text()
        while step is None and not config.standby:
            step = _take(link.receive(), link, pipes)
        wake(link, config, step or RUNNING, pipes)
    except BaseException as error:  # noqa: BLE001  (the last frame of this process: nothing may pass it)
        fail(error)
    guard.stay()


def wake(link: Link, config: Config, step: StepState, pipes: Pipes | None) -> None:
    """Open a session, and serve it to its end."""
    gc.enable()
    asked = None
    if step.name == "reported" and pipes:
        from agent.session.inspect.questions import ask_state  # noqa: PLC0415  (while it answers, we import)

        asked = ask_state(config, pipes, os.path.abspath(sys.argv[0]), guard.step())
    from agent.session import app  # noqa: PLC0415  (asyncio and asyncssh: 20 MiB, for failed steps only)

    app.run(link, config, step, pipes, asked)


def fail(error: BaseException) -> "NoReturn":
    """End this process after a fault of ours, with a line about it."""
    from agent.output import say  # noqa: PLC0415  (nothing of a session that sleeps)

    say(f"the session failed: {type(error).__name__}: {error}")
    os._exit(FAILED)


def _take(message: tuple[str, ...] | None, link: Link, pipes: Pipes | None) -> StepState | None:
    """Take one message; returns the step's state where that is to open a session. The link's end: the keeper died."""
    match message:
        case None:
            guard.keeper_died()
        case ("step", pid):
            guard.watch_step(int(pid))
        case ("release",) if pipes:
            pipes.release()
        case ("open", name, status, elapsed):
            link.send("opened")
            return parse_state(name, status, elapsed)
        case _:
            pass
    return None
