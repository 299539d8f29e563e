"""Taking SSH packets off a connection, for those that only pass through."""

from dataclasses import dataclass

import asyncssh
from asyncssh.constants import MSG_CHANNEL_LAST, MSG_GLOBAL_REQUEST, MSG_IGNORE
from cryptography.exceptions import InvalidTag

from tunnel.gcm import HEADER_SIZE, TAG_SIZE, Gcm

PACKET_LIMIT = 256 * 1024
"""Bytes in a packet: OpenSSH's own limit. Channels agree on 32 KiB, so nothing honest comes near."""

SHORTEST_PACKET = 16
"""Bytes: one cipher block, the least that RFC 5647 §7.2 allows."""

SHORTEST_PADDING = 4
"""Bytes (RFC 4253 §6)."""

Packet = tuple[bytes, bytes]
"""A packet between two keys: its length field, and its plain text (padding length, message, padding)."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What `open_packets` found.

    packets: to be passed on. count: how many were taken from the buffer, ignored ones too. size: their bytes.
    is_stopped: the next one is complete, and of another kind.
    """

    packets: list[Packet]
    count: int
    size: int
    is_stopped: bool


def open_packets(opener: Gcm, buffer: bytes) -> Opened:
    """Decrypt messages of the connection protocol (80 to 127) up to the first of another kind.

    Raises asyncssh's ProtocolError or MACError, which end the connection.
    """
    view, available = memoryview(buffer), len(buffer)
    packets: list[Packet] = []
    start = count = 0
    while available - start >= HEADER_SIZE:
        body = start + HEADER_SIZE
        header = buffer[start:body]
        length = int.from_bytes(header)
        if not SHORTEST_PACKET <= length <= PACKET_LIMIT:
            raise asyncssh.ProtocolError("Invalid packet length")
        end = body + length + TAG_SIZE
        if end > available:
            break
        try:
            plain = opener.peek(header, view[body:end])
        except InvalidTag:
            raise asyncssh.MACError("MAC verification failed") from None
        if not SHORTEST_PADDING <= plain[0] <= length - 2:
            raise asyncssh.ProtocolError("Invalid padding")
        if MSG_GLOBAL_REQUEST <= plain[1] <= MSG_CHANNEL_LAST:
            packets.append((header, plain))
        elif plain[1] != MSG_IGNORE:
            return Opened(packets, count, start, is_stopped=True)
        opener.advance()
        count += 1
        start = end
    return Opened(packets, count, start, is_stopped=False)
