"""Learning of a child's end without a thread, a signal handler or a second waiter."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

from agent.session import guard

POLL_SECONDS = 0.05
"""How often to look where the kernel has no pidfd (before 5.3) or a sandbox forbids it."""

_EVERY_SIGNAL = frozenset(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}


def default_signals() -> None:
    """Give a child between fork and exec the dispositions and the mask that a shell expects."""
    for number in _EVERY_SIGNAL:
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def when_ended(pid: int, callback: Callable[[int], None]) -> None:
    """Call back once with the status of the child PID: an exit code, or minus a signal's number.

    The child leads a session of its own, which the guard ends if the keeper is killed; it is reaped here, and
    nowhere else.
    """
    guard.watch(pid)
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        loop.call_later(POLL_SECONDS, _poll, loop, pid, callback)
        return

    def ended() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        callback(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    loop.add_reader(descriptor, ended)


async def gone(pid: int, seconds: float) -> None:
    """Wait for the end of a process that need not be our child, for so long at most; 0 is none."""
    if not pid:
        return
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:  # it has ended, or cannot be waited for
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        async with asyncio.timeout(seconds):
            await ended.wait()
    except TimeoutError:
        return
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _poll(loop: asyncio.AbstractEventLoop, pid: int, callback: Callable[[int], None]) -> None:
    found, status = os.waitpid(pid, os.WNOHANG)
    if found:
        callback(os.waitstatus_to_exitcode(status))
    else:
        loop.call_later(POLL_SECONDS, _poll, loop, pid, callback)


def signal_group(pid: int, number: int) -> None:
    """Send a signal to the process group that PID leads; it may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
