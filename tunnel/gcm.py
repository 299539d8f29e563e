"""AES-GCM of SSH packets (RFC 5647), faster than asyncssh's own.

That sets up a new key schedule for each packet, and cuts, joins and copies it several times. This one takes
over its keys and its counter; the relay opens packets with it on one side and seals them for the other.
"""

from asyncssh.crypto.cipher import GCMCipher
from asyncssh.encryption import Encryption, GCMEncryption
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HEADER_SIZE = 4
"""Bytes: the packet's length, which GCM authenticates but does not encrypt."""

TAG_SIZE = 16
"""Bytes at the end of each packet: its authentication tag."""

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
