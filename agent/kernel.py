"""The system calls that `os` lacks, through `_ctypes`: `ctypes` itself costs the keeper 5 ms."""

import _ctypes
import os

from agent.errors import KernelError

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_SFD_NONBLOCK = 0o4000
_SFD_CLOEXEC = 0o2000000
_FIRST_PROCESS = 1
"""Of a container, or of the machine."""
_SIGSET_BYTES = 128
"""What libc's sigset_t holds, room for 1024 signals; the kernel looks at the first 64."""

_call_function = _ctypes.call_function
_LIBC = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # NULL: this process' own libc; typeshed wants a name


def adopt_orphans() -> None:
    """Become the sub-reaper: orphans below us become our children, so that the ending finds them.

    Survives `exec`, so it is undone before another program takes our place. The first process of a container gets
    them anyway, and an emulator may know no such call.
    """
    if os.getpid() != _FIRST_PROCESS:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def disown_orphans() -> None:
    """Be no sub-reaper any more; where the kernel knows none, we were none."""
    _call_function(_address("prctl"), (_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0))


def hide_memory() -> None:
    """Close our memory, environment and descriptors to other processes of our user, and to core files.

    /proc/PID then belongs to root; of what we read about ourselves only `environ` and `mem` are lost.
    An `exec` undoes it.
    """
    _prctl(_PR_SET_DUMPABLE, 0)


def notify_parent_death(number: int) -> None:
    """Ask for a signal when the thread that forked us ends; 0 takes it back."""
    _prctl(_PR_SET_PDEATHSIG, number)


def signal_descriptor(numbers: "set[int]") -> int:
    """Return a descriptor from which blocked signals are read, 128 bytes each; KernelError if refused."""
    mask = sum(1 << (number - 1) for number in numbers).to_bytes(_SIGSET_BYTES, "little")
    descriptor: int = _call_function(_address("signalfd"), (-1, mask, _SFD_NONBLOCK | _SFD_CLOEXEC))
    if descriptor < 0:
        raise KernelError("the kernel refused signalfd")
    return descriptor


def _prctl(option: int, argument: int) -> None:
    if _call_function(_address("prctl"), (option, argument, 0, 0, 0)) < 0:
        raise KernelError(f"the kernel refused prctl {option}")


def _address(name: str) -> int:
    return _ctypes.dlsym(_LIBC, name)
