"""Moving bytes between descriptors and callbacks, with back-pressure in both directions."""

import asyncio
import contextlib
import os
from collections.abc import Callable

READ_BYTES = 128 * 1024
"""Bytes asked of one read: four SSH packets, and what a pipe of Linux can be grown to hold with ease."""

SHORT_READ_BYTES = 1024
"""A read that gives less has emptied the descriptor, as good as certainly: an echo is one read, not two."""

DRAIN_READS = 16
"""Bursts in which all that the kernel holds for a PTY has been read, also when another writer goes on."""

HELD_BYTES = 64 * 1024
"""Bytes held for a descriptor that takes no more, before the sender is told to pause."""


class Source:
    """Reads a descriptor and hands its bytes on; owns the descriptor.

    `burst` reads are joined: a PTY gives at most 4,095 bytes a read, and a packet for each would cost more
    than the bytes in it.
    """

    def __init__(
        self, fd: int, on_data: Callable[[bytes], None], on_end: Callable[[], None], *, burst: int = 1
    ) -> None:
        os.set_blocking(fd, False)
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._on_data = on_data
        self._on_end = on_end
        self._burst = burst
        self._reading = False
        self._ended = False

    def resume(self) -> None:
        """Read, now and whenever there is something."""
        if not (self._reading or self._ended):
            self._reading = True
            self._loop.add_reader(self._fd, self._readable)

    def pause(self) -> None:
        """Leave what comes in the kernel's buffer."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._fd)

    def flush(self) -> None:
        """Hand on what is there already."""
        for _ in range(DRAIN_READS):
            if self._ended or not self._read_once():
                break

    def drain(self) -> None:
        """Hand on what is there already, then end: the writer that matters is gone."""
        self.flush()
        self.close()

    def close(self) -> bool:
        """End without a word; the descriptor is closed. False if it was already."""
        if self._ended:
            return False
        self.pause()
        self._ended = True
        os.close(self._fd)
        return True

    def _readable(self) -> None:
        self._read_once()

    def _read_once(self) -> bool:
        """Hand on what one burst of reads gives; False if there was nothing."""
        chunks: list[bytes] = []
        ended = False
        for _ in range(self._burst):
            try:
                data = os.read(self._fd, READ_BYTES)
            except BlockingIOError:
                break
            except OSError:  # EIO: the last holder of the PTY's other side is gone
                data = b""
            if not data:
                ended = True
                break
            chunks.append(data)
            if len(data) < SHORT_READ_BYTES:
                break
        if chunks:
            self._on_data(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        if ended and not self._ended:
            self.close()
            self._on_end()
        return bool(chunks)


class Sink:
    """Writes to a descriptor that may take its time; owns the descriptor."""

    def __init__(self, fd: int, on_congested: Callable[[bool], None]) -> None:
        os.set_blocking(fd, False)
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._on_congested = on_congested
        self._held = bytearray()
        self._ending = False
        self._closed = False

    def write(self, data: bytes) -> None:
        """Write now what fits, hold the rest; `on_congested(True)` asks the sender to pause."""
        if self._closed or self._ending:
            return
        if not self._held:
            data = data[self._write(data) :]
            if not data or self._closed:
                return
            self._loop.add_writer(self._fd, self._writable)
        self._held += data
        if len(self._held) >= HELD_BYTES:
            self._on_congested(True)

    def end(self) -> None:
        """Close once all that is held has been written."""
        self._ending = True
        if not self._held:
            self.close()

    def close(self) -> None:
        """Close now; what is held is lost."""
        if not self._closed:
            self._closed = True
            self._loop.remove_writer(self._fd)
            self._held.clear()
            os.close(self._fd)

    def _write(self, data: bytes | bytearray) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError:  # EPIPE, EIO: nobody reads any more; as in a shell's pipe, that is no error of ours
            self.close()
            return 0

    def _writable(self) -> None:
        congested = len(self._held) >= HELD_BYTES
        del self._held[: self._write(self._held)]
        if self._closed:
            return
        if not self._held:
            self._loop.remove_writer(self._fd)
            if self._ending:
                self.close()
        if congested and len(self._held) < HELD_BYTES:
            with contextlib.suppress(OSError):  # the channel may have closed while its bytes were held
                self._on_congested(False)
