"""The environment as it arrived, and how our secrets leave it."""

import os

from agent import launched


def arrived() -> dict[str, str]:
    """Return the environment that this process was started with, of a repeated name the first.

    Not `os.environ`: where no locale is set the interpreter adds LC_CTYPE to that (PEP 538), and the step
    must not see it.
    """
    try:
        entries = launched.environment().split(b"\0")
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

    Where /proc/self/mem is closed, `kernel.hide_memory` alone stands before them.
    """
    if not [name for name in names if os.environ.pop(name, None) is not None]:
        return
    try:
        launched.wipe_environment(_places(launched.environment(), names))
    except OSError:
        return


def _places(block: bytes, names: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return offset and length of each entry of `block` that sets one of `names`."""
    wanted = tuple(os.fsencode(name) + b"=" for name in names)
    places, offset = [], 0
    for entry in block.split(b"\0"):
        if entry.startswith(wanted):
            places.append((offset, len(entry)))
        offset += len(entry) + 1
    return places
