from hypothesis import given
from hypothesis import strategies as st

from relay.packets import open_packets
from tunnel.gcm import HEADER_SIZE, Gcm


def cipher() -> Gcm:
    return Gcm(bytes(range(16)), bytes(12))


def plain_packet(kind: int, message: bytes) -> bytes:
    padding = -(2 + len(message)) % 16
    padding += 16 if padding < 4 else 0
    return bytes([padding, kind]) + message + bytes(padding)


KINDS = st.integers(0, 255)
MESSAGES = st.lists(st.tuples(KINDS, st.binary(max_size=100)), max_size=8)


@given(MESSAGES, st.integers(0, 2000))
def test_a_run_of_packets_ends_at_another_kind_or_where_the_bytes_end(messages, cut: int) -> None:
    sender, ours = cipher(), cipher()
    plains = [plain_packet(kind, message) for kind, message in messages]
    wire = [len(plain).to_bytes(4) + sender.seal(len(plain).to_bytes(4), plain) for plain in plains]
    buffer = b"".join(wire)[:cut]

    opened = open_packets(ours, buffer)

    complete = 0
    while complete < len(wire) and sum(map(len, wire[: complete + 1])) <= len(buffer):
        complete += 1
    passing = [80 <= kind <= 127 for kind, _ in messages]
    taken = next((n for n in range(complete) if not passing[n] and messages[n][0] != 2), complete)
    assert opened.count == taken
    assert opened.size == sum(map(len, wire[:taken]))
    assert opened.is_stopped == (taken < complete)
    assert [plain for _, plain in opened.packets] == [plains[n] for n in range(taken) if passing[n]]
    if opened.is_stopped:  # and asyncssh's own way finds that packet where it is
        rest = buffer[opened.size :]
        sealed = rest[HEADER_SIZE : len(wire[taken])]
        assert ours.decrypt_packet(0, rest[:4], sealed[:-16], 4, sealed[-16:]) == plains[taken]
