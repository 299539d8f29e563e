"""The reliable frames that the peer has not acknowledged, to be sent again (`PROTOCOL.md` 6)."""

from collections import deque
from collections.abc import Sequence

from tunnel.errors import RemoteProtocolError

Parts = Sequence[bytes | memoryview]
"""An encoded frame in pieces, so that payloads are joined once, on their way out."""

ENTRY_OVERHEAD = 128
"""Bytes that an entry costs beside its frame in CPython 3.11: tuples, list of parts, object headers."""


class ReplayBuffer:
    """Unacknowledged frames in order: first those sent over this WebSocket, then those to send again.

    At most `limit` bytes, and the one frame with which it became full.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sent: deque[tuple[Parts, int]] = deque()
        self._again: deque[tuple[Parts, int]] = deque()
        self._acknowledged = 0
        self.size = 0
        """Bytes held, overhead included."""

    def __repr__(self) -> str:
        return (
            f"<ReplayBuffer: {self._acknowledged} acknowledged, {len(self._sent)} sent, "
            f"{len(self._again)} to send again, {self.size} of {self._limit} bytes>"
        )

    @property
    def is_full(self) -> bool:
        """No new frame may be sent before an acknowledgement."""
        return self.size >= self._limit

    @property
    def is_replaying(self) -> bool:
        """There are frames to send again, before any new one."""
        return bool(self._again)

    def append(self, parts: Parts, size: int) -> None:
        """Keep a frame of `size` bytes that is sent now."""
        self._sent.append((parts, size + ENTRY_OVERHEAD))
        self.size += size + ENTRY_OVERHEAD

    def replay(self) -> tuple[Parts, int]:
        """Take the next frame to send again, and its size in bytes."""
        entry = self._again.popleft()
        self._sent.append(entry)
        return entry[0], entry[1] - ENTRY_OVERHEAD

    def acknowledge(self, count: int) -> None:
        """Drop what the peer has received; RemoteProtocolError for a count that cannot be."""
        news = count - self._acknowledged
        if not 0 <= news <= len(self._sent):
            possible = f"{self._acknowledged} to {self._acknowledged + len(self._sent)}"
            raise RemoteProtocolError(f"{count} frames acknowledged, not {possible}")
        for _ in range(news):
            self.size -= self._sent.popleft()[1]
        self._acknowledged = count

    def rewind(self, count: int) -> None:
        """Resume: the peer has received `count`, the rest is to be sent again. Raises as `acknowledge`."""
        self._sent.extend(self._again)
        self._again.clear()
        self.acknowledge(count)
        self._again, self._sent = self._sent, self._again
