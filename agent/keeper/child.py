"""The session process as its keeper sees it: forked, ready, sent for, dismissed."""

import os
import select

from agent import link
from agent.config import Config
from agent.keeper import signals
from agent.keeper.pipes import Pipes
from agent.session import asleep

ANSWER_MS = 5000
"""How long `ready` and `opened` may take, which take 0.4 ms; on a stuck machine the step goes first."""


class Child:
    """The session process: `status` is None as long as it lives."""

    __slots__ = ("connected", "link", "opened", "over", "pid", "status")

    def __init__(self, pid: int, end: link.Link) -> None:
        self.pid = pid
        self.link = end
        self.connected = True
        self.opened = False
        self.over = False
        self.status: int | None = None

    def __repr__(self) -> str:
        state = "ended" if self.status is not None else "opened" if self.opened else "asleep"
        return f"<Child {self.pid} {state}>"

    @property
    def alive(self) -> bool:
        """It has not been reaped."""
        return self.status is None

    def open(self, words: tuple[str, str, str]) -> bool:
        """Have it open a session for a step of this state, status and age; False: no answer, it died asleep."""
        self.opened = self.connected and self.link.send("open", *words) and _answers(self.link, "opened")
        return self.opened

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
    if not _answers(ours, "ready"):
        child.reap()
        ours.close()
        return None
    return child


def _answers(end: link.Link, word: str) -> bool:
    poll = select.poll()
    poll.register(end.fileno(), select.POLLIN)
    return bool(poll.poll(ANSWER_MS)) and end.receive() == (word,)
