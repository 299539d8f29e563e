"""The records that a hook writes (`keeper/hooks/PROTOCOL.md`): a pure parser, and what each says."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

LIMIT = 8 * 1024 * 1024
"""Bytes of one record: an environment may have some 2 MiB (execve(2)), in a pwsh of another encoding more."""

FIELDS_LIMIT = 20_000
"""Fields of one record: more variables than any environment of 2 MiB that means anything."""

TEXT_LIMIT = 200
"""Characters of a command or an error, in a line of the log."""

_VARIABLE = b"env:"


class RecordError(Exception):
    """What came is no record."""


class Records:
    """Cuts a byte stream into records, each a list of fields NAME=VALUE.

    The first is the rest of the report, whose beginning the keeper has read: it may have no field at all.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        self._fields: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[list[bytes]]:
        """Add bytes, and return the records that are complete now; RecordError beyond the limits."""
        self._data += data
        self._size += len(data)
        *whole, rest = bytes(self._data).split(b"\0")
        self._data = bytearray(rest)
        complete: list[list[bytes]] = []
        for field_ in whole:
            if field_:
                self._fields.append(field_)
            else:
                complete.append(self._fields)
                self._fields = []
                self._size = len(self._data)
        if self._size > LIMIT or len(self._fields) > FIELDS_LIMIT:
            raise RecordError(f"a record of the step's hook has more than {LIMIT} bytes")
        return complete


@dataclass(frozen=True, slots=True)
class Report:
    """Where a step failed, as far as its interpreter knows; empty or 0 where not.

    `line` is that of the command, which may be in a `function`; `called` is where that was called.
    """

    line: int = 0
    called: int = 0
    function: str = ""
    command: str = ""
    error: str = ""

    @property
    def place(self) -> str:
        """In words, for the log: `at line 12: make test`; empty if nothing is known."""
        where = " ".join(
            words
            for words, known in (
                (f"at line {self.line}", self.line),
                (f"in {self.function}", self.function),
                (f"called at line {self.called}", self.called),
            )
            if known
        )
        what = self.error or self.command
        return f"{where}: {what}" if where and what else where or what


def parse_report(fields: list[bytes]) -> Report:
    """Read the rest of a report."""
    said = _named(fields)
    return Report(
        line=_number(said.get("line", "")),
        called=_number(said.get("called", "")),
        function=_one_line(said.get("function", "")),
        command=_one_line(said.get("command", "")),
        error=_one_line(said.get("error", "")),
    )


@dataclass(frozen=True, slots=True)
class ShellState:
    """What the failed interpreter would give to a child: the debug shells get it."""

    cwd: str
    umask: int | None
    environment: Mapping[str, str] = field(repr=False)


def parse_state(fields: list[bytes]) -> ShellState:
    """Read a state; RecordError if it is none."""
    said = _named([each for each in fields if not each.startswith(_VARIABLE)])
    cwd, umask = said.get("cwd", ""), said.get("umask")
    try:
        mask = None if umask is None else int(umask, 8) & 0o777
    except ValueError:
        raise RecordError(f"{umask!r} is no umask") from None
    if "state" not in said or not cwd.startswith("/"):
        raise RecordError("the state of the step has no working directory")
    environment: dict[str, str] = {}
    for each in fields:
        if each.startswith(_VARIABLE):
            name, _, value = each.removeprefix(_VARIABLE).partition(b"=")
            if name:
                environment.setdefault(os.fsdecode(name), os.fsdecode(value))
    return ShellState(cwd, mask, environment)


def is_state(fields: list[bytes]) -> bool:
    """Tell whether a record is a state."""
    return fields[:1] == [b"state="]


def is_left(fields: list[bytes]) -> bool:
    """Tell whether a record says that the prompt has ended."""
    return fields[:1] == [b"left="]


def _named(fields: list[bytes]) -> dict[str, str]:
    pairs = (each.partition(b"=") for each in fields)
    return {name.decode("ascii", "replace"): os.fsdecode(value) for name, _, value in pairs}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _one_line(text: str) -> str:
    """Return a text's first line that is not blank, cut to what a log bears."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    cut = len(lines) > 1 or len(lines[0]) > TEXT_LIMIT
    return lines[0][:TEXT_LIMIT] + (" …" if cut else "")
