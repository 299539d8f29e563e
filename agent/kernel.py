"""The system calls that `os` lacks, through `_ctypes`: `ctypes` itself costs the keeper 5 ms."""

import _ctypes
import os

from agent.errors import KernelError

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_SFD_NONBLOCK = 0o4000
_SFD_CLOEXEC = 0o2000000
_FIRST_PROCESS = 1
"""Of a container, or of the machine."""
_SIGSET_BYTES = 128
"""What libc's sigset_t holds, room for 1024 signals; the kernel looks at the first 64."""
_AF_UNIX = 1
_SOCK_SEQPACKET = 5
_SOCK_CLOEXEC = 0o2000000
_MADV_DONTNEED = 4
_SPAWN_SETSIGDEF, _SPAWN_SETSIGMASK, _SPAWN_SETSID = 0x04, 0x08, 0x80
_SPAWN_WORDS = 128
"""Pointers for which there is room in each of the structures that posix_spawn takes: three times what they need."""

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
    mask = _signal_set(numbers)
    descriptor: int = _call_function(_address("signalfd"), (-1, mask, _SFD_NONBLOCK | _SFD_CLOEXEC))
    if descriptor < 0:
        raise KernelError("the kernel refused signalfd")
    return descriptor


def packet_pair() -> tuple[int, int]:
    """Return two connected sockets that keep packets apart, both close-on-exec; to import `_socket` costs 0.3 ms."""
    ends = (_Int * 2)()
    if _call_function(_address("socketpair"), (_AF_UNIX, _SOCK_SEQPACKET | _SOCK_CLOEXEC, 0, ends)) < 0:
        raise KernelError("the kernel refused a socket pair")
    return ends[0], ends[1]


def spawn(
    path: str,
    argv: "Sequence[str]",
    environment: "dict[str, str]",
    *,
    handed: "list[tuple[int, int]]",
    defaults: "set[int]",
    mask: "set[int]",
    leads_session: bool,
) -> int:
    """Start a program in a new process, with no copy of our memory; returns its pid when it runs, OSError if it cannot.

    `handed` are our descriptors with their numbers there, `defaults` the signals that are set to default, `mask` those
    that are blocked. `os.posix_spawn` is not enough: it refuses the C library's own signals among the `defaults`, and
    the C library leaves them ignored then.
    """
    attributes, actions, pid = (_Text * _SPAWN_WORDS)(), (_Text * _SPAWN_WORDS)(), _Int()
    flags = _SPAWN_SETSIGDEF | _SPAWN_SETSIGMASK | (_SPAWN_SETSID if leads_session else 0)
    _call("posix_spawnattr_init", attributes)
    _call("posix_spawnattr_setflags", attributes, flags)
    _call("posix_spawnattr_setsigdefault", attributes, _signal_set(defaults))
    _call("posix_spawnattr_setsigmask", attributes, _signal_set(mask))
    _call("posix_spawn_file_actions_init", actions)
    for ours, number in handed:
        _call("posix_spawn_file_actions_adddup2", actions, ours, number)
    entries = [f"{name}={value}" for name, value in environment.items()]
    program = os.fsencode(path)
    _call("posix_spawn", _ctypes.byref(pid), program, actions, attributes, _texts(argv), _texts(entries))
    return int(pid.value)


def let_go_of_text() -> None:
    """Give back the code that has come in from files: of what an interpreter starts with, one that waits needs little.

    What is needed comes again, from the files. Executable mappings only: into others relocations were written.
    Without a /proc all stays.
    """
    try:
        with open("/proc/self/maps", "rb") as file:
            mappings = [line.split(None, 5) for line in file]
    except OSError:
        return
    for span, mode, *_, path in (fields for fields in mappings if len(fields) == 6):
        if mode == b"r-xp" and path.startswith(b"/"):
            start, end = (int(edge, 16) for edge in span.split(b"-"))
            _call_function(_address("madvise"), (_Pointer(start), _Size(end - start), _MADV_DONTNEED))


def _prctl(option: int, argument: int) -> None:
    if _call_function(_address("prctl"), (option, argument, 0, 0, 0)) < 0:
        raise KernelError(f"the kernel refused prctl {option}")


class _Int(_ctypes._SimpleCData):  # type: ignore[type-arg]  # noqa: SLF001  (of which `ctypes` makes its types)
    _type_ = "i"


class _Pointer(_ctypes._SimpleCData):  # type: ignore[type-arg]  # noqa: SLF001
    _type_ = "P"


class _Size(_ctypes._SimpleCData):  # type: ignore[type-arg]  # noqa: SLF001
    _type_ = "L"


class _Text(_ctypes._SimpleCData):  # type: ignore[type-arg]  # noqa: SLF001
    _type_ = "z"


def _texts(words: "Sequence[str]") -> object:
    """Return an array of `char *` as `exec` takes it; no word holds a NUL."""
    texts = os.fsencode("\0".join(words)).split(b"\0") if words else ()
    return (_Text * (len(words) + 1))(*texts)


def _call(name: str, *arguments: object) -> None:
    """Call a function of libc that returns the number of an error."""
    if error := _call_function(_address(name), arguments):
        raise OSError(error, os.strerror(error))


def _signal_set(numbers: "set[int]") -> bytes:
    return sum(1 << (number - 1) for number in numbers).to_bytes(_SIGSET_BYTES, "little")


def _address(name: str) -> int:
    return _ctypes.dlsym(_LIBC, name)
