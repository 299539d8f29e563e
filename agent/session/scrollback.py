"""What a terminal has shown, so that a login that comes back sees where it was."""

import re
from collections import deque

LIMIT = 256 * 1024
"""Bytes kept for a terminal: some 3,000 lines, sent again within one SSH window."""

SMALL = 4096
"""Bytes up to which a chunk grows: a program that writes byte by byte must not cost an object for each."""

_QUERIES = re.compile(
    rb"\x1b\[[?>=]?[0-9;]*[cn]"  # device attributes and status, as `ESC [ 6 n`
    rb"|\x1b\[\??[0-9;]*\$p"  # is this mode set?
    rb"|\x1b\][0-9;]*;\?(?:\x07|\x1b\\)"  # which colour is this?
    rb"|\x1bZ|\x05"  # identify; enquire
)


class Scrollback:
    """The newest `limit` bytes of a terminal's output."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._cut = False

    def __repr__(self) -> str:
        return f"<Scrollback {self._size}/{self._limit}{' cut' if self._cut else ''}>"

    def append(self, data: bytes) -> None:
        """Add output; the oldest bytes beyond the limit are forgotten."""
        if self._chunks and len(self._chunks[-1]) < SMALL:
            self._chunks[-1] += data
        else:
            self._chunks.append(data)
        self._size += len(data)
        while self._size > self._limit:
            oldest = self._chunks.popleft()
            excess = self._size - self._limit
            self._size -= len(oldest)
            self._cut = True
            if excess < len(oldest):
                self._chunks.appendleft(oldest[excess:])
                self._size += len(oldest) - excess

    def replay(self) -> bytes:
        """Return what to send to a login that comes back.

        It starts at the beginning of a line, and holds no question to the terminal: the answer to an old
        question would arrive as typed text.
        """
        data = b"".join(self._chunks)
        if self._cut:
            data = data[data.find(b"\n") + 1 :]
        return _QUERIES.sub(b"", data)
