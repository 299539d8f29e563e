"""The build log as the session writes it: in order, and without ever holding the event loop up."""

import asyncio
import contextlib
from collections import deque

from agent.output import STDERR, offer, packet

QUEUE_BYTES = 256 * 1024
"""What waits for a log that takes nothing: some thousand lines, the section among them."""


class Log:
    """Writes lines at once where the log takes them; else they wait, and the loop writes them later.

    The oldest are kept when the queue is full: they say how to log in.
    """

    def __init__(self, fd: int = STDERR) -> None:
        self._fd = fd
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._writer: asyncio.AbstractEventLoop | None = None
        self._written = asyncio.Event()

    def say(self, line: str) -> None:
        """Print `holdfast: LINE`, and never raise."""
        self.show(f"holdfast: {line}")

    def show(self, line: str) -> None:
        """Print a line as it is, now or later; needs the running loop, and never raises."""
        data = packet(line)
        if self._bytes + len(data) <= QUEUE_BYTES:
            self._waiting.append(data)
            self._bytes += len(data)
        if self._writer is None:
            self._write()

    async def flush(self, seconds: float) -> None:
        """Wait until all is written, for so long at most; what is left then is given up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._waiting:
                    self._written.clear()
                    await self._written.wait()
        self._waiting.clear()
        self._bytes = 0
        self._watch(on=False)

    def _write(self) -> None:
        while self._waiting and offer(self._waiting[0], self._fd, 0):
            self._bytes -= len(self._waiting.popleft())
        # A regular file, which epoll refuses, always polls writable: nothing ever waits for one.
        self._watch(on=bool(self._waiting))
        if not self._waiting:
            self._written.set()

    def _watch(self, *, on: bool) -> None:
        if on and self._writer is None:
            self._writer = asyncio.get_running_loop()
            self._writer.add_writer(self._fd, self._write)
        elif not on and self._writer is not None:
            self._writer.remove_writer(self._fd)
            self._writer = None
