"""The environment as it arrived, and how our secrets leave it."""

import os

_ENV_START_FIELD = 47
"""Index, behind the name, of the address where the environment begins (proc(5), field 50 of stat)."""


def arrived() -> dict[str, str]:
    """Return the environment that this process was started with, of a repeated name the first.

    Not `os.environ`: where no locale is set the interpreter adds LC_CTYPE to that (PEP 538), and the step
    must not see it.
    """
    try:
        entries = _block().split(b"\0")
    except OSError:
        return dict(os.environ)
    environment: dict[str, str] = {}
    for entry in entries:
        name, equals, value = entry.partition(b"=")
        if name and equals:
            environment.setdefault(os.fsdecode(name), os.fsdecode(value))
    return environment


def wipe(names: tuple[str, ...]) -> None:
    """Overwrite these variables in our own memory, so that /proc/PID/environ does not show them.

    Done through /proc/self/mem; where that is closed, `kernel.hide_memory` alone stands before them.
    """
    if not [name for name in names if os.environ.pop(name, None) is not None]:
        return
    try:
        with open("/proc/self/stat", "rb") as file:
            start = int(file.read().rpartition(b")")[2].split()[_ENV_START_FIELD])
        memory = os.open("/proc/self/mem", os.O_WRONLY)
    except OSError:
        return
    try:
        for offset, length in _places(_block(), names):
            os.pwrite(memory, bytes(length), start + offset)
    except OSError:
        return
    finally:
        os.close(memory)


def _block() -> bytes:
    with open("/proc/self/environ", "rb") as file:
        return file.read()


def _places(block: bytes, names: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return offset and length of each entry of `block` that sets one of `names`."""
    wanted = tuple(os.fsencode(name) + b"=" for name in names)
    places, offset = [], 0
    for entry in block.split(b"\0"):
        if entry.startswith(wanted):
            places.append((offset, len(entry)))
        offset += len(entry) + 1
    return places
