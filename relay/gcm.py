"""AES-GCM of SSH packets (RFC 5647), for packets that are opened on one connection and sealed on another.

asyncssh's own cipher sets up a new key schedule for each packet and cuts, joins and copies it several times.
This one takes over its keys and its counter, and hands the plain packet, padding and all, from one key to
the other.
"""

from dataclasses import dataclass

import asyncssh
from asyncssh.constants import MSG_CHANNEL_LAST, MSG_GLOBAL_REQUEST, MSG_IGNORE
from asyncssh.crypto.cipher import GCMCipher
from asyncssh.encryption import Encryption, GCMEncryption
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HEADER_SIZE = 4
"""Bytes: the packet's length, which GCM authenticates but does not encrypt."""

TAG_SIZE = 16
"""Bytes at the end of each packet: its authentication tag."""

PACKET_LIMIT = 256 * 1024
"""Bytes in a packet: OpenSSH's own limit. Channels agree on 32 KiB, so nothing honest comes near."""

SHORTEST_PACKET = 16
"""Bytes: one cipher block, the least that RFC 5647 §7.2 allows."""

SHORTEST_PADDING = 4
"""Bytes (RFC 4253 §6)."""

_FIXED_SIZE = 4
"""Bytes of the nonce that stay; the other eight count packets (RFC 5647 §7.1)."""

_COUNTER_MASK = (1 << 64) - 1


class Gcm(Encryption):
    """One direction of a connection: its key and the number of the next packet.

    It is also an asyncssh `Encryption`, for packets that asyncssh itself sends and receives: both ways
    count on.
    """

    def __init__(self, key: bytes, nonce: bytes) -> None:
        self._cipher = AESGCM(key)
        self._fixed = nonce[:_FIXED_SIZE]
        self._counter = int.from_bytes(nonce[_FIXED_SIZE:])

    def __repr__(self) -> str:
        return f"<Gcm packet {self._counter}>"

    @classmethod
    def taking_over(cls, encryption: Encryption | None) -> "Gcm":
        """Go on where asyncssh's cipher stands; TypeError if that is not AES-GCM, all that is offered."""
        cipher = encryption._cipher if isinstance(encryption, GCMEncryption) else None  # noqa: SLF001  (our pin)
        if not isinstance(cipher, GCMCipher):
            raise TypeError(f"not AES-GCM: {encryption!r}")
        return cls(cipher._key, cipher._iv)  # noqa: SLF001  (our pin)

    def peek(self, header: bytes, sealed: memoryview) -> bytes:
        """Decrypt the next packet without counting it; raises cryptography's InvalidTag."""
        return self._cipher.decrypt(self._nonce(), sealed, header)

    def advance(self) -> None:
        """Count the packet that was peeked at."""
        self._counter = (self._counter + 1) & _COUNTER_MASK

    def seal(self, header: bytes, plain: bytes) -> bytes:
        """Encrypt a packet and return it with its tag, without the header; counts it."""
        sealed = self._cipher.encrypt(self._nonce(), plain, header)
        self._counter = (self._counter + 1) & _COUNTER_MASK
        return sealed

    def _nonce(self) -> bytes:
        return self._fixed + self._counter.to_bytes(8)

    # asyncssh's interface

    def encrypt_packet(self, seq: int, header: bytes, packet: bytes) -> tuple[bytes, bytes]:
        """Return header and ciphertext, and the tag (here with the ciphertext already)."""
        return header + self.seal(header, packet), b""

    def decrypt_header(self, seq: int, first_block: bytes, header_len: int) -> tuple[bytes, bytes]:
        """Return the block as it is, and the length, which is not encrypted."""
        return first_block, first_block[:header_len]

    def decrypt_packet(
        self, seq: int, first: bytes, rest: bytes, header_len: int, mac: bytes
    ) -> bytes | None:
        """Return the plain packet; None if it was tampered with."""
        sealed = memoryview(first[header_len:] + rest + mac)
        try:
            plain = self.peek(first[:header_len], sealed)
        except InvalidTag:
            return None
        self.advance()
        return plain


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
