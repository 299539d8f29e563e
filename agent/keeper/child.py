"""The session process as its keeper sees it: forked, ready, sent for, dismissed."""

import os
import select

from agent import link
from agent.config import Config
from agent.keeper import signals
from agent.keeper.pipes import Pipes
from agent.session import asleep

READY_MS = 5000
"""How long `ready` may take, which takes 0.4 ms; on a stuck machine the step goes first."""


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

    def reap(self) -> None:
        """KILL it and wait until it is gone, for those who wait for nothing else."""
        if self.alive:
            os.kill(self.pid, 9)
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def start(config: Config, pipes: Pipes | None) -> Child | None:
    """Fork the session process and wait until it is out of reach of our group; None if that cannot be."""
    ours, theirs = link.pair()
    try:
        pid = os.fork()
    except OSError:
        ours.close()
        theirs.close()
        return None
    if pid == 0:
        ours.close()
        signals.forget_handlers()
        asleep.sleep(theirs, config, pipes)
    theirs.close()
    child = Child(pid, ours)
    if not _is_ready(ours):
        child.reap()
        ours.close()
        return None
    return child


def _is_ready(end: link.Link) -> bool:
    poll = select.poll()
    poll.register(end.fileno(), select.POLLIN)
    return bool(poll.poll(READY_MS)) and end.receive() == ("ready",)
