"""What the agent prints: its own lines, on standard error, each in one write."""

import os
import select

STDERR = 2
LINE_LIMIT = 4000
"""Bytes in a line: below PIPE_BUF (4096), so that a line is never mixed with the step's output."""
PATIENCE_MS = 1000
"""How long a log that nobody reads may hold us up: an ending must not hang on it."""


def say(line: str) -> None:
    """Print `holdfast: LINE`, and never raise."""
    show(f"holdfast: {line}")


def show(line: str) -> None:
    """Print a line as it is, a command to copy for one; a log that is gone must not change a verdict."""
    offer(packet(line), STDERR, PATIENCE_MS)


def plain(text: str) -> str:
    """Return one line that no terminal obeys: relays and clients write into our lines, too."""
    line = " ".join(text.splitlines())
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def packet(line: str) -> bytes:
    """Return a line as it goes out, in at most `LINE_LIMIT` bytes and a line end."""
    return plain(line).encode()[:LINE_LIMIT] + b"\n"


def offer(data: bytes, fd: int, patience_ms: int) -> bool:
    """Write a packet as soon as there is room for it; False if there is none in time.

    Our standard error is the step's, too, so it cannot be made non-blocking: a pipe that polls writable
    takes PIPE_BUF bytes. Where nobody will ever read, the packet counts as written.
    """
    try:
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        if not poll.poll(patience_ms):
            return False
        os.write(fd, data)
    except OSError:
        pass
    return True
