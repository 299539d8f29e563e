"""The ending: nothing survives a hold, and nothing that users started the session of a step that runs on."""

import os
import time

from agent import proc
from agent.config import SESSION

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from collections.abc import Callable

TERM_SECONDS = 5.0
"""Between TERM and KILL, for programs that clean up."""
KILL_SECONDS = 5.0
"""After which what outlives KILL is let be: it hangs in the kernel, and the verdict must not."""
NAP_SECONDS = 0.02
"""Between two looks; a child's end cuts it short."""

_TERM, _KILL, _CONT = 15, 9, 18


def end_all(nap: "Callable[[float], None]", session: int, *, users: bool) -> None:
    """TERM, 5 s, KILL over all our descendants; orphans are ours too, as we are their sub-reaper.

    `nap` waits up to so many seconds, and reaps. Each process has TERM once; a stopped one is woken for it. The
    session process is let be, 0 if there is none, and what is below it too unless `users` are to end.
    """
    begun = time.monotonic()
    told = set()
    refused: set[int] = set()
    while left := [process for process in _left(session, users=users) if process.pid not in refused]:
        elapsed = time.monotonic() - begun
        if elapsed > TERM_SECONDS + KILL_SECONDS:
            return
        for process in left:
            key = (process.pid, process.start)
            if elapsed > TERM_SECONDS:
                _send(process.pid, _KILL, refused)
            elif key not in told:
                told.add(key)
                _send(process.pid, _TERM, refused)
                _send(process.pid, _CONT, refused)
        nap(NAP_SECONDS)


def started_by(pid: int) -> set[tuple[int, int]]:
    """Return all that is below a process, each by pid and start."""
    processes = proc.snapshot()
    return {(each, processes[each].start) for each in proc.below({pid}, processes)}


def end_users(session: str, started: set[tuple[int, int]], nap: "Callable[[float], None]") -> None:
    """KILL what the users of a session have started, and nothing of the step.

    That is what was `started` by the session process, and what has the session's id in its environment, whatever
    has become of the shell that it came from.
    """
    entry = f"{SESSION}={session}".encode()
    deadline = time.monotonic() + KILL_SECONDS
    refused: set[int] = set()
    while time.monotonic() < deadline:
        theirs = [
            process.pid
            for process in _left(0, users=True)
            if process.pid not in refused
            and (
                (process.pid, process.start) in started or (session and proc.has_variable(process.pid, entry))
            )
        ]
        if not theirs:
            return
        for pid in theirs:
            _send(pid, _KILL, refused)
        nap(NAP_SECONDS)


def _left(session: int, *, users: bool) -> list[proc.Process]:
    processes = proc.snapshot()
    spared = {session}
    if session and not users:
        spared |= proc.below({session}, processes)
    pids = proc.below({os.getpid()}, processes) - spared
    return [processes[pid] for pid in pids if processes[pid].alive]


def _send(pid: int, number: int, refused: set[int]) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:  # it became another user's: nobody here can end it
        refused.add(pid)
