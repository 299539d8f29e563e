"""What the protocol machine tells its owner about what came from the peer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The peer opened a stream; `metadata` is JSON, not yet looked at."""

    stream: int
    metadata: bytes


@dataclass(frozen=True, slots=True)
class DataReceived:
    """Bytes of a stream, in order; `Protocol.consume` gives their credit back."""

    stream: int
    data: bytes


@dataclass(frozen=True, slots=True)
class EofReceived:
    """The peer sends nothing more on this stream."""

    stream: int


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """The peer closed the stream: nothing more comes, nothing more is read. What came before is good."""

    stream: int


@dataclass(frozen=True, slots=True)
class StreamReset:
    """The stream broke off: reset by the peer, or forgotten with the whole tunnel."""

    stream: int
    reason: str


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A control message; `data` is JSON, not yet looked at."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PeerLeft:
    """The peer closed the tunnel for good."""

    reason: str


Event = StreamOpened | DataReceived | EofReceived | StreamClosed | StreamReset | MessageReceived | PeerLeft
