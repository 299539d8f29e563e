"""The session process' half of the bargain: it survives a killed keeper, and then ends everything.

Out of reach: a daemon in a session of its own that closed all descriptors; both of us killed at one moment.
"""

import os
import select
import time

from agent import kernel, proc
from agent.config import SESSION
from agent.link import Link

TYPE_CHECKING = False  # `signal` imports enum, and `typing` more: 5 ms in a process that may never wake
if TYPE_CHECKING:
    import signal as _signal
    from typing import NoReturn
else:
    import _signal

PARENT_DEATH = _signal.SIGRTMIN + 1
"""Tells of the keeper's death: a number that no program sends by itself, and that musl leaves to programs as well."""

NAP_SECONDS = 0.01
"""Between two rounds: the killed take that long to be gone."""
GIVE_UP_SECONDS = 10.0
"""After which what outlives KILL is let be: it hangs in the kernel."""

KILLED = 1
"""Exit code after a sweep; nobody is left to read it."""


class _Post:
    """What the guard knows: filled when it is set up, and as sessions come."""

    __slots__ = ("inode", "link", "sessions", "since", "step", "variable")

    def __init__(self) -> None:
        self.link: Link | None = None
        self.inode: int | None = None
        self.sessions: set[int] = set()
        self.since = 0
        self.step = 0
        self.variable = b""


_post = _Post()


def stand(link: Link, inode: int | None) -> None:
    """Watch the keeper from now on; `inode` is that of the pipe which marks all that the step starts.

    The handler is a plain one, so it works while Python imports, and under asyncio.
    """
    _post.link = link
    _post.inode = inode
    itself = proc.read(os.getpid())
    _post.since = itself.start if itself else 0
    _signal.signal(PARENT_DEATH, lambda _number, _frame: keeper_died())
    kernel.notify_parent_death(PARENT_DEATH)


def watch(sid: int) -> None:
    """Add a session id, which is its leader's pid: a terminal's, a command's."""
    _post.sessions.add(sid)


def watch_step(pid: int) -> None:
    """Add the step's pid, which is its session's id as well unless it has a terminal."""
    _post.step = pid
    watch(pid)


def watch_users(session: str) -> None:
    """Add all that has the session's id in its environment: users start daemons, which hold no pipe of ours."""
    _post.variable = f"{SESSION}={session}".encode()


def step() -> int:
    """Return the step's pid, 0 if there is none."""
    return _post.step


def stay() -> "NoReturn":
    """Guard on, after the session: the keeper ends us when it has ended all else."""
    assert _post.link
    _post.link.send("left")
    while _post.link.receive() is not None:
        pass
    keeper_died()


def keeper_died() -> "NoReturn":
    """Kill all that the step and the users started, then end this process."""
    _read_last_messages()
    if not _post.step:  # one that is just being started shows its pipe to others only when it is its program
        time.sleep(NAP_SECONDS)
    refused: set[int] = set()
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < deadline:
        processes = proc.snapshot()
        prey = related(os.getpid(), _post.sessions, processes, since=_post.since)
        _kill(prey - refused, refused)
        # The slow look only after the quick blow; both see one state, so nobody escapes between them.
        marked = {pid for pid in _marked(set(processes) - prey - {os.getpid()}) if processes[pid].alive}
        _kill(marked - refused, refused)
        if not (prey | marked) - refused:
            break
        time.sleep(NAP_SECONDS)
    os._exit(KILLED)


def _marked(pids: set[int]) -> set[int]:
    """Return those of `pids` that the step has started, by the pipe which they hold, or a user, by the variable."""
    found = proc.holders(_post.inode, pids) if _post.inode else set()
    if _post.variable:
        found |= {pid for pid in pids - found if proc.has_variable(pid, _post.variable)}
    return found


def related(me: int, sessions: set[int], processes: dict[int, proc.Process], *, since: int) -> set[int]:
    """Return who is to die: our descendants, the members of `sessions`, the sessions' leaders, all theirs.

    Only what is alive and started after `since`, which is when we did: a pid may have been used again.
    """
    young = {pid: process for pid, process in processes.items() if process.start >= since}
    roots = {pid for pid, process in young.items() if pid in sessions or process.session in sessions}
    found = (roots | proc.below(roots | {me}, young)) - {me}
    return {pid for pid in found if young[pid].alive}


def _read_last_messages() -> None:
    """Learn the step's pid even if the keeper was killed right after it had been sent."""
    if _post.link is None:
        return
    poll = select.poll()
    poll.register(_post.link.fileno(), select.POLLIN)
    while poll.poll(0) and (message := _post.link.receive()) is not None:
        if message[0] == "step":
            watch_step(int(message[1]))


def _kill(pids: set[int], refused: set[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, _signal.SIGKILL)
        except ProcessLookupError:
            continue
        except PermissionError:  # it became another user's: nobody here can end it
            refused.add(pid)
