"""One stream of a tunnel, as an asyncio transport: whatever speaks over a socket speaks over it unchanged."""

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

from tunnel.messages import Login
from tunnel.multiplexer import Multiplexer

WRITE_HIGH = 256 * 1024
"""Bytes waiting to be sent above which the protocol is asked to pause: what one WebSocket message takes."""

WRITE_LOW = 64 * 1024
"""Bytes below which it may write again: one frame, so that the sender does not run dry meanwhile."""


class Carrier(Protocol):
    """What a stream needs of its tunnel."""

    def wake(self, size: int = ...) -> None:
        """Send soon: there are `size` bytes, or something else."""

    def watch(self, stream: "Stream") -> None:
        """Call `stream.flushed()` once, when bytes have been sent."""

    def drop(self, stream: "Stream") -> None:
        """Forget the stream: its protocol has lost its connection."""


class Stream(asyncio.Transport):
    """One byte stream inside a tunnel; survives the loss of a WebSocket.

    Delivery begins with `start(protocol)`. Extra info: `login`, the `Login` it was opened with; `peername`,
    `(address, 0)` of the user if known. The protocol's `connection_lost` gets None after a close by either
    side, ConnectionResetError with the reason when the stream broke off.
    """

    def __init__(self, number: int, streams: Multiplexer, carrier: Carrier, login: Login) -> None:
        super().__init__()
        self._number = number
        self._streams = streams
        self._carrier = carrier
        self._login = login
        self._loop = asyncio.get_running_loop()
        self._protocol: asyncio.Protocol | None = None
        self._high, self._low = WRITE_HIGH, WRITE_LOW
        self._is_reading = True
        self._is_writing_paused = False
        self._is_closing = False
        self._is_ended = False  # nothing more comes, nothing more can be sent
        self._is_lost = False  # connection_lost is called, or about to be
        self._has_written_eof = False
        self._held = bytearray()  # received, not delivered; never more than the window
        self._holds_eof = False
        self._error: ConnectionResetError | None = None

    def __repr__(self) -> str:
        state = "lost" if self._is_lost else "closing" if self._is_closing else "open"
        pending = self.get_write_buffer_size()
        return f"<Stream {self._number} {state}: {pending} bytes to send, {len(self._held)} held>"

    @property
    def number(self) -> int:
        """The stream's number in the tunnel."""
        return self._number

    def start(self, protocol: asyncio.Protocol) -> None:
        """Connect the protocol: calls its `connection_made`; what came meanwhile is delivered soon."""
        self.set_protocol(protocol)
        protocol.connection_made(self)
        if self._is_writing_paused:
            self._call(protocol.pause_writing)
        self._loop.call_soon(self._tell_lost if self._is_lost else self._deliver_held)

    # The transport, as the protocol sees it.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return `login`, `peername`, or the default."""
        if name == "login":
            return self._login
        if name == "peername" and self._login.address:
            return (self._login.address, 0)
        return default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the stream to another protocol, without `connection_made`."""
        if not isinstance(protocol, asyncio.Protocol):
            raise TypeError(f"{type(protocol).__name__} is not an asyncio.Protocol")
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol; RuntimeError before `start` and after the end."""
        if self._protocol is None:
            raise RuntimeError("the stream has no protocol")
        return self._protocol

    def is_closing(self) -> bool:
        """Whether it is closed, or being closed."""
        return self._is_closing

    def close(self) -> None:
        """Send what is pending, then close; nothing more is received."""
        if self._is_closing:
            return
        self._is_closing = True
        self._held.clear()
        self._streams.close(self._number)
        if self._streams.is_open(self._number):
            self._carrier.watch(self)
            self._carrier.wake()
        else:
            self._lose(None)

    def abort(self) -> None:
        """Break off at once: what is pending is dropped."""
        self._is_closing = True
        self._held.clear()
        self._streams.reset(self._number, "aborted")
        self._carrier.wake()
        self._lose(None)

    def is_reading(self) -> bool:
        """Whether what comes is delivered."""
        return self._is_reading and not self._is_closing

    def pause_reading(self) -> None:
        """Deliver nothing, so that the peer soon has no credit and must wait."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """Deliver again, soon."""
        if not self._is_reading:
            self._is_reading = True
            self._loop.call_soon(self._deliver_held)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes, in their turn; never blocks. Ignored when closing, as asyncio's transports do."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data must be bytes-like, not {type(data).__name__}")
        if self._has_written_eof:
            raise RuntimeError("write() after write_eof()")
        if self._is_closing or not data:
            return
        self._streams.write(self._number, data if isinstance(data, bytes) else bytes(data))
        self._carrier.wake(len(data))
        self._pause_writer_if_full()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send several pieces as one."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """Always: a stream can be closed by halves."""
        return True

    def write_eof(self) -> None:
        """Send EOF after what is pending; receiving goes on."""
        if not self._is_closing:
            self._has_written_eof = True
            self._streams.end(self._number)
            self._carrier.wake()

    def get_write_buffer_size(self) -> int:
        """Bytes not yet given to the WebSocket."""
        return self._streams.pending(self._number)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the low and the high mark, in bytes."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks in bytes; each has a default that follows from the other, as in asyncio."""
        high = (WRITE_HIGH if low is None else 4 * low) if high is None else high
        low = high // 4 if low is None else low
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low
        self._pause_writer_if_full()

    # What the tunnel tells.

    def receive(self, data: bytes) -> None:
        """Bytes came."""
        if self._is_closing:
            return
        reader = self._reader
        if reader and not self._held:
            self._deliver(reader, data)
        else:
            self._held += data

    def receive_eof(self) -> None:
        """The peer sends nothing more."""
        self._holds_eof = True
        if not self._held:
            self._deliver_held()

    def receive_close(self) -> None:
        """The peer closed the stream; what came before is still delivered."""
        if self._is_closing:
            self._lose(None)
        self._is_ended = True
        if not self._held:
            self._deliver_held()

    def receive_reset(self, reason: str) -> None:
        """The stream broke off; what is not delivered is lost."""
        self._held.clear()
        self._is_closing = True
        self._lose(ConnectionResetError(reason))

    def flushed(self) -> None:
        """Bytes were sent, of this stream or others: let the writer go on, or finish closing."""
        if self._is_closing and not self._streams.is_open(self._number):
            self._lose(None)
        elif self._is_closing or self.get_write_buffer_size() > self._low:
            self._carrier.watch(self)
        elif self._is_writing_paused:
            self._is_writing_paused = False
            if self._protocol:
                self._call(self._protocol.resume_writing)

    # Inside.

    @property
    def _reader(self) -> asyncio.Protocol | None:
        """The protocol, if it may be given something now."""
        return self._protocol if self._is_reading and not self._is_closing else None

    def _deliver(self, reader: asyncio.Protocol, data: bytes) -> None:
        self._call(reader.data_received, data)
        self._streams.consume(self._number, len(data))

    def _deliver_held(self) -> None:
        """Deliver what was held back, in order: bytes, EOF, the end."""
        if self._held and (reader := self._reader):
            data = bytes(self._held)
            self._held.clear()
            self._deliver(reader, data)
            self._carrier.wake()
        if self._holds_eof and not self._held and (reader := self._reader):
            self._holds_eof = False
            if not self._call(reader.eof_received):
                self.close()
        if self._is_ended and not self._held and self._reader:
            self._is_closing = True
            self._lose(None)

    def _pause_writer_if_full(self) -> None:
        if self._is_writing_paused or self.get_write_buffer_size() <= self._high:
            return
        self._is_writing_paused = True
        self._carrier.watch(self)
        if self._protocol:
            self._call(self._protocol.pause_writing)

    def _call(self, callback: Any, *args: Any) -> Any:
        """Call the protocol; what it raises ends this stream, never the tunnel."""
        try:
            return callback(*args)
        except Exception as error:  # noqa: BLE001 - whatever it is: as asyncio's own transports do
            self._loop.call_exception_handler(
                {"message": "a stream's protocol failed", "exception": error, "protocol": self._protocol}
            )
            self.abort()
            return None

    def _lose(self, error: ConnectionResetError | None) -> None:
        if self._is_lost:
            return
        self._is_lost = True
        self._error = error
        self._carrier.drop(self)
        self._loop.call_soon(self._tell_lost)

    def _tell_lost(self) -> None:
        protocol, self._protocol = self._protocol, None
        if protocol:
            protocol.connection_lost(self._error)
