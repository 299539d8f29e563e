"""The streams of one tunnel, and whose turn it is to send (`PROTOCOL.md` 4 and 5). Pure."""

from collections import deque
from dataclasses import dataclass
from enum import IntEnum

from tunnel.errors import LocalProtocolError, RemoteProtocolError, TunnelFull
from tunnel.events import DataReceived, EofReceived, Event, StreamClosed, StreamOpened, StreamReset
from tunnel.frames import MAX_JSON, Frame, Kind, decode_credit, decode_reason
from tunnel.replay import Parts
from tunnel.substream import Ending, Substream

MAX_NUMBER = 2**32 - 1


class Side(IntEnum):
    """Who dialled. The value is the number of the side's first stream."""

    CLIENT = 1
    SERVER = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that both sides know; the defaults are those of `PROTOCOL.md`.

    streams: opened by one side at a time. window: bytes on one stream without credit. replay: bytes not
    acknowledged. messages: control messages waiting to be sent (this side's own affair).
    """

    streams: int = 64
    window: int = 1024 * 1024
    replay: int = 4 * 1024 * 1024
    messages: int = 64


class Multiplexer:
    """All streams that live, by number. Commands for a stream that is over do nothing.

    The end of a stream may be on its way to the user, who cannot be blamed for a last command.
    """

    def __init__(self, side: Side, limits: Limits) -> None:
        self._side = side
        self._limits = limits
        self._streams: dict[int, Substream] = {}
        self._ready: deque[Substream] = deque()
        self._next_number = int(side)
        self._announced = 0  # the highest number of ours that the peer knows
        self._highest_theirs = 0

    def __repr__(self) -> str:
        return f"<Multiplexer {self._side.name}: {list(self._streams.values())}>"

    def __len__(self) -> int:
        return len(self._streams)

    # What the user of the streams wants.

    def open(self, metadata: bytes) -> int:
        """Open a stream; returns its number. TunnelFull if there are too many."""
        if not 2 <= len(metadata) <= MAX_JSON:
            raise LocalProtocolError(f"metadata of {len(metadata)} bytes")
        number = self._next_number
        if self._count_like(number) >= self._limits.streams or number > MAX_NUMBER:
            raise TunnelFull(f"{self._limits.streams} streams are open")
        self._next_number += 2
        stream = self._streams[number] = Substream(number, self._limits.window, metadata)
        self._make_ready(stream)
        return number

    def is_open(self, number: int) -> bool:
        """Whether something is still to be sent or received on the stream."""
        return number in self._streams

    def pending(self, number: int) -> int:
        """Bytes written to the stream and not yet sent."""
        stream = self._streams.get(number)
        return stream.pending if stream else 0

    def write(self, number: int, data: bytes) -> None:
        """Send bytes, when there is credit; LocalProtocolError after `end` or `close`."""
        stream = self._streams.get(number)
        if stream and data:
            stream.write(data)
            self._make_ready(stream)

    def end(self, number: int) -> None:
        """Send EOF after what is pending."""
        stream = self._streams.get(number)
        if stream and stream.ending is Ending.OPEN:
            stream.ending = Ending.EOF
            self._make_ready(stream)

    def close(self, number: int) -> None:
        """Send CLOSE after what is pending; what still comes is dropped, and its credit given."""
        stream = self._streams.get(number)
        if stream and stream.ending is not Ending.RESET:
            stream.ending = Ending.CLOSE
            stream.incoming.consume(stream.incoming.held)
            self._make_ready(stream)

    def reset(self, number: int, reason: str) -> None:
        """Drop what is pending, and send RESET."""
        stream = self._streams.get(number)
        if stream and not stream.is_announced:
            del self._streams[number]
        elif stream:
            stream.reset(reason)
            self._make_ready(stream)

    def consume(self, number: int, count: int) -> None:
        """The user took `count` bytes that came: the peer may send as many more."""
        stream = self._streams.get(number)
        if stream and stream.is_read:
            stream.incoming.consume(count)
            self._make_ready(stream)

    def drop_all(self, reason: str) -> list[Event]:
        """Forget all streams, without a word to the peer; returns a StreamReset for each."""
        lost: list[Event] = [StreamReset(number, reason) for number in self._streams]
        self._streams.clear()
        self._ready.clear()
        return lost

    # Frames out.

    @property
    def has_frame(self) -> bool:
        """Some stream may have something to send."""
        return bool(self._ready)

    def next_frame(self) -> tuple[Parts, int] | None:
        """Let the stream whose turn it is send one frame: its pieces and its size in bytes."""
        stream = self._ready.popleft()
        stream.is_queued = False
        if self._streams.get(stream.number) is not stream or not stream.has_frame:
            return None
        kind, parts, size = stream.next_frame()
        if kind is Kind.OPEN:
            self._announced = stream.number
        if stream.is_over:
            del self._streams[stream.number]
        else:
            self._make_ready(stream)
        return parts, size

    def _make_ready(self, stream: Substream) -> None:
        if not stream.is_queued and stream.has_frame:
            stream.is_queued = True
            self._ready.append(stream)

    # Frames in.

    def receive(self, frame: Frame) -> Event | None:
        """Take a frame of a stream; RemoteProtocolError if the peer may not send it now."""
        match frame.kind:
            case Kind.DATA:
                return self._data_received(frame)
            case Kind.CREDIT:
                return self._credit_received(frame)
            case Kind.OPEN:
                return self._open_received(frame)
            case Kind.EOF:
                return self._eof_received(frame)
            case Kind.CLOSE:
                return self._close_received(frame)
            case _:
                return self._reset_received(frame)

    def _open_received(self, frame: Frame) -> Event:
        if frame.stream % 2 == self._side % 2 or frame.stream <= self._highest_theirs:
            raise RemoteProtocolError(f"stream {frame.stream} opened out of turn")
        if self._count_like(frame.stream) >= self._limits.streams:
            raise RemoteProtocolError(f"more than {self._limits.streams} streams opened")
        self._highest_theirs = frame.stream
        self._streams[frame.stream] = Substream(frame.stream, self._limits.window)
        return StreamOpened(frame.stream, frame.payload)

    def _data_received(self, frame: Frame) -> Event | None:
        stream = self._find(frame)
        if stream is None:
            return None
        if stream.eof_received:
            raise RemoteProtocolError(f"data on stream {frame.stream} after its end")
        stream.incoming.receive(len(frame.payload))
        if stream.is_read:
            return DataReceived(frame.stream, frame.payload)
        stream.incoming.consume(len(frame.payload))
        self._make_ready(stream)
        return None

    def _credit_received(self, frame: Frame) -> Event | None:
        size = decode_credit(frame.payload)
        stream = self._find(frame)
        if stream:
            stream.outgoing.add(size)
            self._make_ready(stream)
        return None

    def _eof_received(self, frame: Frame) -> Event | None:
        stream = self._find(frame)
        if stream is None:
            return None
        if stream.eof_received:
            raise RemoteProtocolError(f"two ends of stream {frame.stream}")
        stream.eof_received = True
        if stream.is_over:
            del self._streams[frame.stream]
        return EofReceived(frame.stream)

    def _close_received(self, frame: Frame) -> Event | None:
        if self._find(frame) is None:
            return None
        del self._streams[frame.stream]
        return StreamClosed(frame.stream)

    def _reset_received(self, frame: Frame) -> Event | None:
        if self._find(frame) is None:
            return None
        del self._streams[frame.stream]
        return StreamReset(frame.stream, decode_reason(frame.payload))

    def _find(self, frame: Frame) -> Substream | None:
        """The frame's stream; None if it is over. RemoteProtocolError if it never was."""
        is_ours = frame.stream % 2 == self._side % 2
        if frame.stream > (self._announced if is_ours else self._highest_theirs):
            raise RemoteProtocolError(f"{frame.kind.name} for stream {frame.stream}, which was never opened")
        return self._streams.get(frame.stream)

    def _count_like(self, number: int) -> int:
        """How many streams live that the same side opened."""
        return sum(1 for other in self._streams if other % 2 == number % 2)
