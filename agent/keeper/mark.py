"""The pipe that marks a run: all that the step starts inherits it, so what it left behind can be found.

Its number is high: 3 to 9 belong to scripts, and the highest are rarely asked for (`keeper.md`, rule 13).
"""

import os

HIGHEST = 1000
"""Numbers above are avoided even where the limit allows them: some programs close or list them all."""
LOWEST = 10
_TRIES = 64
"""Numbers looked at: so many taken ones in a row mean that somebody wants them all."""


class Mark:
    """A pipe: its read end is kept, which keeps the inode ours; its write end the step gets as `number`."""

    __slots__ = ("inode", "number", "reader", "writer")

    def __init__(self, reader: int, writer: int, number: int) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number
        self.inode = os.fstat(reader).st_ino

    def __repr__(self) -> str:
        return f"<Mark {self.number} pipe:[{self.inode}]>"

    def hand_over(self) -> None:
        """Give the write end its number, in the process that becomes the step."""
        os.dup2(self.writer, self.number, inheritable=True)


def make() -> Mark | None:
    """Make the mark; None where no number is free, or no descriptor is left."""
    number = free_number(os.sysconf("SC_OPEN_MAX"))
    if number is None:
        return None
    try:
        reader, writer = os.pipe()
    except OSError:
        return None
    return Mark(reader, writer, number)


def free_number(limit: int) -> int | None:
    """Return the highest free number below the soft limit on open files, and at most `HIGHEST`."""
    top = min(limit - 1, HIGHEST)
    return next(
        (number for number in range(top, max(LOWEST, top - _TRIES) - 1, -1) if _is_free(number)), None
    )


def _is_free(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return True
    return False
