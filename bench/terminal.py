"""An ssh client on a PTY, timed from the user's side."""

import contextlib
import fcntl
import os
import random
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence

from bench.errors import BenchError

ROWS, COLUMNS = 24, 80
READ_SIZE = 1 << 16
"""Bytes: a PTY gives at most 4 KiB a read; more costs nothing."""

PROMPT = re.compile(rb"[#$] \Z")
ESCAPES = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9A-Za-z]|\x1b[=>78MDEHc]|\x0f"
)
"""What shells and terminals send that is no text: CSI, OSC, character sets, single-letter escapes."""

PATIENCE = 30.0
"""Seconds for anything that should take less than one."""

QUIET = 0.15
"""Seconds without output after which a terminal has come to rest."""

LEAVE_SECONDS = 10.0
TAIL = 256
"""Bytes at the end of bulk output in which a marker is looked for: longer than any marker and its escapes."""


def plain(text: bytes) -> bytes:
    """Without escape sequences."""
    return ESCAPES.sub(b"", text)


class Marker:
    """A word that the shell computes, so that the echo of the command does not hold it."""

    def __init__(self) -> None:
        a, b = random.randint(10_000, 49_999), random.randint(10_000, 49_999)
        self.expression = f"M$(({a}+{b}))W"
        self.word = f"M{a + b}W".encode()


class Terminal:
    """An interactive login by ssh."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._fd, theirs = os.openpty()
        try:
            termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
            self.started = time.monotonic()
            self._client = subprocess.Popen(
                argv,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
                env=os.environ | {"TERM": "xterm-256color", "LANG": "C.UTF-8"},
            )
        finally:
            os.close(theirs)
        fcntl.fcntl(self._fd, fcntl.F_SETFL, os.O_NONBLOCK)

    def read(self, seconds: float) -> bytes:
        """Read what comes next; empty if nothing does in SECONDS. Raises BenchError at the login's end."""
        if not select.select([self._fd], [], [], max(0.0, seconds))[0]:
            return b""
        try:
            return os.read(self._fd, READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError as error:  # a PTY tells its end by EIO
            raise BenchError("the login ended") from error

    def send(self, text: str | bytes) -> None:
        """Type TEXT."""
        left = text.encode() if isinstance(text, str) else text
        while left:
            select.select([], [self._fd], [], PATIENCE)
            left = left[os.write(self._fd, left) :]

    def wait_prompt(self) -> float:
        """Wait for the shell's prompt; when it came."""
        deadline, seen = time.monotonic() + PATIENCE, b""
        while time.monotonic() < deadline:
            try:
                seen += self.read(1)
            except BenchError as error:
                raise BenchError(f"the login ended before its prompt: {plain(seen)[-300:]!r}") from error
            if PROMPT.search(plain(seen)):
                return time.monotonic()
        raise BenchError(f"no prompt in {PATIENCE:g} s: {plain(seen)[-300:]!r}")

    def wait_marker(self, marker: Marker, seconds: float = PATIENCE) -> float:
        """Read on until the marker comes, keeping no more than a tail; when it came."""
        deadline, tail = time.monotonic() + seconds, b""
        while time.monotonic() < deadline:
            tail = tail[-TAIL:] + self.read(1)
            if marker.word in tail or (b"\x1b" in tail and marker.word in plain(tail)):
                return time.monotonic()
        raise BenchError(f"no marker in {seconds:g} s")

    def settle(self) -> None:
        """Read on until it is quiet."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.read(QUIET):
            pass

    def leave(self) -> None:
        """End the shell and with it the login, as a user does: a lost ssh may leave its terminal behind."""
        deadline = time.monotonic() + LEAVE_SECONDS
        self.send("exit\r")
        with contextlib.suppress(BenchError):
            while time.monotonic() < deadline:
                self.read(1)

    def close(self) -> None:
        """End the ssh client, whatever state it is in."""
        self._client.send_signal(signal.SIGTERM)
        try:
            self._client.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._client.kill()
            self._client.wait()
        os.close(self._fd)


@contextlib.contextmanager
def logged_in(argv: Sequence[str]) -> Iterator[Terminal]:
    """Log in and prove the shell alive by a command; it ends with the block."""
    terminal = Terminal(argv)
    try:
        terminal.wait_prompt()
        marker = Marker()
        terminal.send(f" echo {marker.expression}\r")
        terminal.wait_marker(marker)
        terminal.settle()
        yield terminal
        terminal.leave()
    finally:
        terminal.close()
