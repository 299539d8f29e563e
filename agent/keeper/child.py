"""The session process as its keeper sees it: forked, ready, sent for, dismissed."""

import os
import select

from agent import link
from agent.config import Config
from agent.keeper import signals
from agent.keeper.pipes import Pipes

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from typing import NoReturn

READY_MS = 5000
"""How long `ready` may take, which takes 0.4 ms; on a stuck machine the step goes first."""

SETTLED_MS = 50
"""After which a step is none of those that are over at once."""


class Child:
    """The session process: `status` is None as long as it lives; `connected` until its end of the link is closed.

    `opened`, `over`, `left`, `name` and `verdict` are what it has said of its session (`link.py`).
    """

    __slots__ = ("connected", "left", "link", "name", "opened", "over", "pid", "status", "verdict")

    def __init__(self, pid: int, end: link.Link) -> None:
        self.pid = pid
        self.link = end
        self.connected = True
        self.opened = False
        self.over = False
        self.left = False
        self.name = ""
        self.verdict: str | None = None
        self.status: int | None = None

    def __repr__(self) -> str:
        state = "ended" if self.status is not None else "opened" if self.opened else "asleep"
        return f"<Child {self.pid} {state}>"

    @property
    def alive(self) -> bool:
        """It has not been reaped."""
        return self.status is None

    def wait_until_ready(self) -> bool:
        """Wait until it is out of reach of our group; False if it does not get there."""
        return _wait_for_word(self.link, READY_MS) and self.link.receive() == ("ready",)

    def reap(self) -> None:
        """KILL it and wait until it is gone, for those who wait for nothing else."""
        if self.alive:
            os.kill(self.pid, 9)
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def start(config: Config, pipes: Pipes | None) -> Child | None:
    """Fork the session process and wait until it is ready; None if that cannot be."""
    child = fork(config, pipes)
    if child and not child.wait_until_ready():
        child.reap()
        child.link.close()
        return None
    return child


def fork(config: Config, pipes: Pipes | None) -> Child | None:
    """Fork the session process, which gets ready by itself; None where there can be none."""
    ours, theirs = link.pair()
    try:
        pid = os.fork()
    except OSError:
        ours.close()
        theirs.close()
        return None
    if pid == 0:
        ours.close()
        _be(theirs, config, pipes)
    theirs.close()
    return Child(pid, ours)


def _be(end: link.Link, config: Config, pipes: Pipes | None) -> "NoReturn":
    """Be the session process, out of the runner's reach at once.

    What more it needs is loaded when the step has run for a while, or the keeper is gone: a start is for the step.
    """
    try:
        os.setsid()
        signals.forget_handlers()
        end.send("ready")
        first = end.receive()
        if first and first[0] == "step":
            _wait_for_word(end, SETTLED_MS)
        from agent.session import asleep  # noqa: PLC0415  (see above)

        asleep.sleep(end, config, pipes, first)
    finally:
        os._exit(1)


def _wait_for_word(end: link.Link, milliseconds: int) -> bool:
    poll = select.poll()
    poll.register(end.fileno(), select.POLLIN)
    return bool(poll.poll(milliseconds))
