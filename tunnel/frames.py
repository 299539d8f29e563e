"""The frames of the tunnel, to and from bytes (`PROTOCOL.md` 3)."""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from tunnel.errors import RemoteProtocolError

MAX_PAYLOAD = 64 * 1024
"""Bytes of DATA in one frame: large, so that headers cost nothing; small, so that streams take turns."""

MAX_JSON = 8 * 1024
"""Bytes of metadata or of a control message: four labels of 256 characters, and names."""

MAX_REASON = 256
"""Bytes of a reason: one line of a log."""


class Kind(IntEnum):
    """What a frame says. Those below ACK are reliable: counted, kept and sent again."""

    OPEN = 1
    DATA = 2
    CREDIT = 3
    EOF = 4
    CLOSE = 5
    RESET = 6
    MESSAGE = 7
    ACK = 16
    PING = 17
    PONG = 18
    BYE = 19


class Frame(NamedTuple):
    """One frame; `stream` is 0 for those of no stream. A tuple: it is made for each few bytes that pass."""

    kind: Kind
    stream: int
    payload: bytes


class _Rule(NamedTuple):
    kind: Kind
    shortest: int
    longest: int
    has_stream: bool


_RULES = {
    rule.kind.value: rule
    for rule in (
        _Rule(Kind.OPEN, 2, MAX_JSON, has_stream=True),
        _Rule(Kind.DATA, 1, MAX_PAYLOAD, has_stream=True),
        _Rule(Kind.CREDIT, 4, 4, has_stream=True),
        _Rule(Kind.EOF, 0, 0, has_stream=True),
        _Rule(Kind.CLOSE, 0, 0, has_stream=True),
        _Rule(Kind.RESET, 0, MAX_REASON, has_stream=True),
        _Rule(Kind.MESSAGE, 2, MAX_JSON, has_stream=False),
        _Rule(Kind.ACK, 8, 8, has_stream=False),
        _Rule(Kind.PING, 0, 0, has_stream=False),
        _Rule(Kind.PONG, 0, 0, has_stream=False),
        _Rule(Kind.BYE, 0, MAX_REASON, has_stream=False),
    )
}

_HEADER = struct.Struct("!II")
_COUNT = struct.Struct("!Q")
_CREDIT = struct.Struct("!I")

HEADER_SIZE = _HEADER.size
MAX_FRAME = HEADER_SIZE + MAX_PAYLOAD


def header(kind: Kind, stream: int, length: int) -> bytes:
    """Encode what goes before a payload of `length` bytes."""
    return _HEADER.pack(kind << 24 | length, stream)


def encode(kind: Kind, stream: int = 0, payload: bytes = b"") -> bytes:
    """Encode a whole frame."""
    return header(kind, stream, len(payload)) + payload


def encode_ack(count: int) -> bytes:
    """Encode an ACK of `count` reliable frames."""
    return encode(Kind.ACK, 0, _COUNT.pack(count))


def encode_credit(stream: int, size: int) -> bytes:
    """Encode a CREDIT of `size` bytes."""
    return encode(Kind.CREDIT, stream, _CREDIT.pack(size))


def encode_reason(kind: Kind, stream: int, reason: str) -> bytes:
    """Encode a RESET or BYE; a reason that is too long is cut."""
    return encode(kind, stream, reason.encode("utf-8", "replace")[:MAX_REASON])


def decode_ack(payload: bytes) -> int:
    """Read the payload of an ACK: a count of frames."""
    count: int = _COUNT.unpack(payload)[0]
    return count


def decode_credit(payload: bytes) -> int:
    """Read the payload of a CREDIT: bytes, not 0."""
    size: int = _CREDIT.unpack(payload)[0]
    if size == 0:
        raise RemoteProtocolError("credit of no bytes")
    return size


def decode_reason(payload: bytes) -> str:
    """Read the payload of a RESET or BYE as one printable line: it is the peer's, and may be cut."""
    text = payload.decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text)


class FrameParser:
    """Cuts a byte stream, fed in any slices, into frames; holds at most one incomplete frame."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._missing = 0  # bytes without which feeding `_rest` again is of no use

    def __repr__(self) -> str:
        return f"<FrameParser: {len(self._rest)} bytes held, {self._missing} missing>"

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are complete now; raises RemoteProtocolError at the first that is wrong."""
        if self._rest:
            self._rest += data
            if len(data) < self._missing:  # else frames fed byte by byte would be copied once per byte
                self._missing -= len(data)
                return
            data = bytes(self._rest)
            self._rest.clear()
        offset, end = 0, len(data)
        while end - offset >= HEADER_SIZE:
            head, stream = _HEADER.unpack_from(data, offset)
            rule, length = _checked(head, stream)
            start = offset + HEADER_SIZE
            if start + length > end:
                self._missing = start + length - end
                break
            offset = start + length
            yield Frame(rule.kind, stream, data[start:offset])
        else:
            self._missing = HEADER_SIZE - (end - offset)
        if offset < end:
            self._rest += memoryview(data)[offset:]


def _checked(head: int, stream: int) -> tuple[_Rule, int]:
    rule = _RULES.get(head >> 24)
    if rule is None:
        raise RemoteProtocolError(f"frame of unknown kind {head >> 24}")
    length = head & 0xFFFFFF
    if not rule.shortest <= length <= rule.longest:
        raise RemoteProtocolError(f"{rule.kind.name} frame of {length} bytes")
    if (stream != 0) != rule.has_stream:
        raise RemoteProtocolError(f"{rule.kind.name} frame of stream {stream}")
    return rule, length
