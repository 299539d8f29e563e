"""One stream inside the protocol machine: its windows, and what it still has to send, in order."""

from collections import deque
from enum import Enum, auto

from tunnel.errors import LocalProtocolError
from tunnel.frames import HEADER_SIZE, MAX_PAYLOAD, Kind, encode, encode_credit, encode_reason, header
from tunnel.replay import Parts
from tunnel.window import ReceiveWindow, SendWindow

JOIN_ABOVE = 8
"""Pieces of one frame that are kept apart; more are joined, lest each of a few bytes cost an object."""


class Ending(Enum):
    """How far this side is with ending the stream."""

    OPEN = auto()
    EOF = auto()
    CLOSE = auto()
    RESET = auto()


class Substream:
    """A stream as the machine sees it; `tunnel.stream.Stream` is what its users see.

    Frames are made only when they can be sent: until then a stream needs no more memory than what was
    written to it, however long the WebSocket is away.
    """

    __slots__ = (
        "_announcement",
        "_chunks",
        "_end_sent",
        "_reason",
        "ending",
        "eof_received",
        "incoming",
        "is_queued",
        "number",
        "outgoing",
        "pending",
    )

    def __init__(self, number: int, window: int, announcement: bytes | None = None) -> None:
        self.number = number
        self.incoming = ReceiveWindow(window)
        self.outgoing = SendWindow(window)
        self.pending = 0  # bytes written, not yet sent
        self.ending = Ending.OPEN
        self.eof_received = False
        self.is_queued = False  # in the machine's queue of those that have something to send
        self._announcement = announcement
        self._chunks: deque[bytes | memoryview] = deque()
        self._end_sent = Ending.OPEN
        self._reason = ""

    def __repr__(self) -> str:
        return f"<Substream {self.number}: {self.ending.name}, {self.pending} bytes pending, {self.outgoing}>"

    @property
    def is_announced(self) -> bool:
        """The peer knows of this stream, or will by what was sent."""
        return self._announcement is None

    @property
    def is_read(self) -> bool:
        """What comes is for the user; otherwise it is dropped."""
        return self.ending is Ending.OPEN or self.ending is Ending.EOF

    @property
    def is_over(self) -> bool:
        """CLOSE or RESET is sent, or both sides have sent EOF."""
        if self._end_sent is Ending.EOF:
            return self.eof_received
        return self._end_sent is not Ending.OPEN

    @property
    def has_frame(self) -> bool:
        """`next_frame` has something to send."""
        return (
            self._announcement is not None
            or (self.pending > 0 and self.outgoing.available > 0)
            or (self.pending == 0 and self.ending is not self._end_sent)
            or (self.incoming.is_due and not self.eof_received)
        )

    def write(self, data: bytes) -> None:
        """Send these bytes when there is credit; LocalProtocolError after an end."""
        if self.ending is not Ending.OPEN:
            raise LocalProtocolError(f"write to stream {self.number} after its {self.ending.name}")
        self._chunks.append(data)
        self.pending += len(data)

    def reset(self, reason: str) -> None:
        """Break off: what is pending is dropped."""
        self.ending = Ending.RESET
        self._reason = reason
        self._chunks.clear()
        self.pending = 0

    def next_frame(self) -> tuple[Kind, Parts, int]:
        """Make the next frame, if `has_frame`: its kind, its pieces, its size in bytes."""
        if self._announcement is not None:
            frame = encode(Kind.OPEN, self.number, self._announcement)
            self._announcement = None
            return Kind.OPEN, (frame,), len(frame)
        if self.ending is Ending.RESET:
            self._end_sent = self.ending
            frame = encode_reason(Kind.RESET, self.number, self._reason)
            return Kind.RESET, (frame,), len(frame)
        if self.incoming.is_due and not self.eof_received:
            frame = encode_credit(self.number, self.incoming.grant())
            return Kind.CREDIT, (frame,), len(frame)
        if self.pending:
            return self._data_frame()
        self._end_sent = self.ending
        kind = Kind.CLOSE if self.ending is Ending.CLOSE else Kind.EOF
        return kind, (encode(kind, self.number),), HEADER_SIZE

    def _data_frame(self) -> tuple[Kind, Parts, int]:
        room = min(MAX_PAYLOAD, self.outgoing.available, self.pending)
        self.outgoing.take(room)
        self.pending -= room
        head = header(Kind.DATA, self.number, room)
        size = HEADER_SIZE + room
        parts: list[bytes | memoryview] = [head]
        while room:
            chunk = self._chunks.popleft()
            if len(chunk) > room:
                view = memoryview(chunk)
                self._chunks.appendleft(view[room:])
                chunk = view[:room]
            parts.append(chunk)
            room -= len(chunk)
        return Kind.DATA, parts if len(parts) <= JOIN_ABOVE else (b"".join(parts),), size
