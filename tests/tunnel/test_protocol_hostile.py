"""Hostile bytes end in one RemoteProtocolError or do no harm, and take little memory."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tunnel.errors import RemoteProtocolError
from tunnel.frames import MAX_FRAME, Kind, encode, encode_ack, encode_credit
from tunnel.multiplexer import Limits, Side
from tunnel.protocol import Protocol

LIMITS = Limits(streams=3, window=64, replay=1000, messages=4)

FRAMES = st.builds(
    encode, st.sampled_from(Kind), st.integers(0, 8), st.binary(max_size=20)
) | st.sampled_from(
    [
        encode(Kind.OPEN, 1, b"{}"),
        encode(Kind.OPEN, 3, b"[]"),
        encode(Kind.DATA, 1, b"data"),
        encode(Kind.DATA, 2, b"data"),
        encode(Kind.EOF, 1),
        encode(Kind.CLOSE, 2),
        encode(Kind.RESET, 1, b"why"),
        encode(Kind.MESSAGE, 0, b"{}"),
        encode(Kind.PING),
        encode(Kind.BYE),
        encode_credit(1, 4),
        encode_ack(1),
        encode_ack(2),
    ]
)


def feed(slices: list[bytes]) -> None:
    """A server with two streams of its own, one of them written to, gets the bytes."""
    machine = Protocol(Side.SERVER, LIMITS)
    machine.attach(0, 0.0)
    number = machine.streams.open(b"{}")
    machine.streams.write(number, bytes(100))
    machine.streams.open(b"{}")
    try:
        for data in slices:
            machine.data_to_send(1000)
            machine.receive_data(data, 0.0)
            assert len(machine._parser._rest) < MAX_FRAME
            assert len(machine.streams) <= 2 * LIMITS.streams
            assert machine._replay.size < LIMITS.replay + 200
            assert all(s.incoming.held <= LIMITS.window for s in machine.streams._streams.values())
    except RemoteProtocolError:
        assert not machine.is_attached


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_random_bytes(slices: list[bytes]) -> None:
    feed(slices)


@given(st.lists(FRAMES, max_size=30))
@settings(max_examples=300)
def test_frames_in_any_order(frames: list[bytes]) -> None:
    feed(frames)


@given(st.lists(FRAMES, min_size=1, max_size=12), st.data())
def test_valid_streams_with_one_byte_changed(frames: list[bytes], data: st.DataObject) -> None:
    stream = bytearray(b"".join(frames))
    if stream:
        position = data.draw(st.integers(0, len(stream) - 1))
        stream[position] ^= data.draw(st.integers(1, 255))
    feed([bytes(stream)])
