import os

import pytest
from asyncssh.encryption import get_encryption
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from tunnel.gcm import Gcm

KEY, NONCE = bytes(range(16)), bytes(4) + b"\xff" * 8
"""A counter that is about to run over."""


def theirs():
    return get_encryption(b"aes128-gcm@openssh.com", KEY, NONCE)


@given(st.lists(st.binary(min_size=16, max_size=200), max_size=5), st.integers(0, 5))
def test_it_goes_on_where_asyncssh_stands(packets: list[bytes], before: int) -> None:
    sender, receiver = theirs(), theirs()
    for _ in range(before):
        header, tag = sender.encrypt_packet(0, b"\0\0\0\1", b"x")
        receiver.decrypt_packet(0, header[:4], header[4:], 4, tag)
    ours = Gcm.taking_over(sender)
    for plain in packets:
        header = len(plain).to_bytes(4)
        sealed = ours.seal(header, plain)
        assert receiver.decrypt_packet(0, header, sealed[:-16], 4, sealed[-16:]) == plain


def test_peeking_does_not_count() -> None:
    sender, ours = theirs(), Gcm.taking_over(theirs())
    for plain in (b"first", b"second"):
        packet, tag = sender.encrypt_packet(0, b"head", plain)
        assert [ours.peek(b"head", memoryview(packet[4:] + tag)) for _ in range(2)] == [plain, plain]
        ours.advance()
    assert repr(ours) == "<Gcm packet 1>"


def test_as_asyncssh_uses_it() -> None:
    sender, ours = Gcm.taking_over(theirs()), Gcm.taking_over(theirs())
    packet, tag = sender.encrypt_packet(0, b"head", b"plain text")
    first, length = ours.decrypt_header(0, packet[:16], 4)
    assert length == b"head"
    assert ours.decrypt_packet(0, first, packet[16:], 4, tag) == b"plain text"


def test_what_was_tampered_with_is_not_decrypted() -> None:
    sender, ours = Gcm.taking_over(theirs()), Gcm.taking_over(theirs())
    sealed = sender.seal(b"head", os.urandom(32))
    with pytest.raises(InvalidTag):
        ours.peek(b"HEAD", memoryview(sealed))
    assert ours.decrypt_packet(0, b"head", sealed[:-1], 4, b"?") is None


def test_no_other_cipher_is_taken_over() -> None:
    with pytest.raises(TypeError, match="not AES-GCM"):
        Gcm.taking_over(get_encryption(b"chacha20-poly1305@openssh.com", bytes(64), b""))
    with pytest.raises(TypeError, match="not AES-GCM"):
        Gcm.taking_over(None)
