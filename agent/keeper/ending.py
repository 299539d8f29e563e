"""The ending: nothing that the step or a user started survives a hold."""

import os
import time

from agent import proc

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


def end_all(nap: "Callable[[float], None]", spare: int = 0) -> None:
    """TERM, 5 s, KILL over all our descendants; orphans are ours too, as we are their sub-reaper.

    `nap` waits up to so many seconds, and reaps. Each process has TERM once; a stopped one is woken for it.
    The process `spare`, and what is below it, is let be.
    """
    begun = time.monotonic()
    told: set[tuple[int, int]] = set()
    refused: set[int] = set()
    while left := [process for process in _left(spare) if process.pid not in refused]:
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


def _left(spare: int) -> list[proc.Process]:
    processes = proc.snapshot()
    spared = proc.below({spare}, processes) | {spare} if spare else set()
    pids = proc.below({os.getpid()}, processes) - spared
    return [processes[pid] for pid in pids if processes[pid].alive]


def _send(pid: int, number: int, refused: set[int]) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:  # it became another user's: nobody here can end it
        refused.add(pid)
