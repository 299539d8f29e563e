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
    packet = " ".join(line.splitlines()).encode("utf-8", "backslashreplace")[:LINE_LIMIT] + b"\n"
    try:
        poll = select.poll()
        poll.register(STDERR, select.POLLOUT)
        if poll.poll(PATIENCE_MS):
            os.write(STDERR, packet)
    except OSError:
        pass
