"""What the static binary knows by itself: environment and signals as they arrived, and what lies beside a module.

Its launcher (`packaging/launcher/handover.h`) makes the environment and the command line what the runner gave, so that
nothing here, nor in /proc, tells the two apart.
"""

import os
import sys

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

_ENV_START_FIELD = 47
"""Index, behind the name, of the address where the environment begins (proc(5), field 50 of stat)."""

if "_holdfast" in sys.builtin_module_names:
    import _holdfast  # type: ignore[import-not-found]  # built into the interpreter of the binary

    BINARY = True
    IGNORED: set[int] = _holdfast.ignored
    _environment: memoryview = _holdfast.environment
else:
    BINARY = False
    IGNORED = set()
    """Of the signals that Python ignores by itself, those that arrived so."""


def environment() -> bytes:
    """Return the environment that this process was started with, as /proc/PID/environ has it; OSError.

    Of the binary, from memory: an emulator shows in /proc what the launcher gave, not what it was made.
    """
    if BINARY:
        return bytes(_environment)
    with open("/proc/self/environ", "rb") as file:
        return file.read()


def wipe_environment(places: list[tuple[int, int]]) -> None:
    """Overwrite parts of it, by offset and length, in our own memory; OSError."""
    if BINARY:
        for offset, length in places:
            _environment[offset : offset + length] = bytes(length)
        return
    with open("/proc/self/stat", "rb") as file:
        start = int(file.read().rpartition(b")")[2].split()[_ENV_START_FIELD])
    memory = os.open("/proc/self/mem", os.O_WRONLY)
    try:
        for offset, length in places:
            os.pwrite(memory, bytes(length), start + offset)
    finally:
        os.close(memory)


def read_beside(spec: "ModuleSpec | None", name: str) -> bytes:
    """Return the content of a file that lies beside the module of that `__spec__`; FileNotFoundError."""
    assert spec and spec.origin
    content: bytes = spec.loader.get_data(os.path.join(os.path.dirname(spec.origin), name))  # type: ignore[union-attr]
    return content
