"""The pipes between the step and us (`hooks/PROTOCOL.md`): the hook reports on one, and is answered on another.

The report's pipe also marks a run: all that the step starts inherits it, so what it left behind can be found.
The numbers are high: 3 to 9 belong to scripts, and the highest are rarely asked for (`RULES.md`, 13).
"""

import os

from agent.keeper.hooks.launch import Launch, Numbers

Handed = list[tuple[int, int]]
"""What the step is handed: our descriptors, each with its number there."""

HIGHEST = 1000
"""Numbers above are avoided even where the limit allows them: some programs close or list them all."""
LOWEST = 10
_TRIES = 64
"""Numbers looked at: so many taken ones in a row mean that somebody wants them all."""

_REPORT_BYTES = 9
_CODES = range(1, 256)


class Pipes:
    """Our ends of both pipes, theirs until the step has started, and the step's numbers for its own.

    `numbers` is None where only one was free: then that is the mark, and the step runs without a hook.
    """

    __slots__ = ("_answered", "_reported", "answers", "inode", "mark", "numbers", "reports")

    def __init__(self, reports: tuple[int, int], answers: tuple[int, int], numbers: list[int]) -> None:
        """Take both pipes, each by its end to read and its end to write; -1 for one that we have not."""
        self.reports, self._reported = reports
        self._answered, self.answers = answers
        self.mark = numbers[0] if numbers else -1
        self.numbers = Numbers(*numbers) if len(numbers) == len(Numbers.__slots__) else None
        self.inode = os.fstat(self.reports).st_ino

    def __repr__(self) -> str:
        return f"<Pipes {self.numbers or self.mark} pipe:[{self.inode}]>"

    @property
    def ours(self) -> set[int]:
        """The descriptors that keeper and session process keep."""
        return {self.reports, self.answers} - {-1}

    @property
    def marked(self) -> Handed:
        """What a step has that is started plain."""
        return [(self._reported, self.mark)]

    def load(self, launch: Launch) -> Handed | None:
        """Put into the pipes what the step's hook reads; returns what the step has, None if it can only start plain."""
        if not launch.armed:
            return self.marked
        assert self.numbers
        handed = self.marked
        if launch.hook:
            text = _filled(launch.hook)
            if text is None:
                return None
            handed.append((text, self.numbers.text))
        if launch.failed:
            os.write(self.answers, launch.failed)  # less than any pipe holds
        return [*handed, (self._answered, self.numbers.answers)]

    def report(self) -> int | None:
        """Read the code of a report that has come, from 1 to 255; None if that is no report."""
        data = os.read(self.reports, _REPORT_BYTES)
        digits = data[5:8]
        if data[:5] == b"code=" and data[8:] == b"\0" and digits.isdigit() and int(digits) in _CODES:
            return int(digits)
        return None

    def release(self) -> None:
        """Close our end of the answers: when the session process has, too, the interpreter goes on dying."""
        if self.answers >= 0:
            os.close(self.answers)
            self.answers = -1


def make() -> Pipes | None:
    """Make the pipes; None where no number is free, or no descriptor is left."""
    numbers = free_numbers(os.sysconf("SC_OPEN_MAX"), len(Numbers.__slots__))
    if not numbers:
        return None
    try:
        reports = os.pipe()
    except OSError:
        return None
    try:
        answers = os.pipe()
    except OSError:
        os.close(reports[0])
        os.close(reports[1])
        return None
    return Pipes(reports, answers, numbers if len(numbers) == len(Numbers.__slots__) else numbers[:1])


def inherited(reports: int, answers: int, numbers: list[int]) -> Pipes:
    """Take our ends of the pipes of a step that has started."""
    return Pipes((reports, -1), (-1, answers), numbers)


def free_numbers(limit: int, count: int) -> list[int]:
    """Return up to `count` free numbers, the highest below the soft limit on open files and at most `HIGHEST`."""
    top = min(limit - 1, HIGHEST)
    found: list[int] = []
    for number in range(top, max(LOWEST, top - _TRIES) - 1, -1):
        if len(found) < count and _is_free(number):
            found.append(number)
    return found


def _is_free(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return True
    return False


def _filled(text: bytes) -> int | None:
    """Return a descriptor from which `text` can be read to its end; None if a pipe cannot hold it.

    Linux gives only 8 KiB to a user who has very many pipes.
    """
    try:
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        fits = os.write(writer, text) == len(text)
        os.close(writer)
    except OSError:
        return None
    if not fits:
        os.close(reader)
        return None
    return reader
