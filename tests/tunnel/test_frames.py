"""Frames to bytes and back; what the parser refuses, and what it holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunnel.errors import RemoteProtocolError
from tunnel.frames import (
    HEADER_SIZE,
    MAX_FRAME,
    MAX_JSON,
    MAX_PAYLOAD,
    MAX_REASON,
    Frame,
    FrameParser,
    Kind,
    decode_ack,
    decode_credit,
    decode_reason,
    encode,
    encode_ack,
    encode_credit,
    encode_reason,
)

NUMBERS = st.integers(1, 2**32 - 1)

FRAMES = st.one_of(
    st.builds(Frame, st.just(Kind.OPEN), NUMBERS, st.binary(min_size=2, max_size=50)),
    st.builds(Frame, st.just(Kind.DATA), NUMBERS, st.binary(min_size=1, max_size=300)),
    st.builds(Frame, st.just(Kind.CREDIT), NUMBERS, st.binary(min_size=4, max_size=4)),
    st.builds(Frame, st.sampled_from([Kind.EOF, Kind.CLOSE]), NUMBERS, st.just(b"")),
    st.builds(Frame, st.just(Kind.RESET), NUMBERS, st.binary(max_size=MAX_REASON)),
    st.builds(Frame, st.just(Kind.MESSAGE), st.just(0), st.binary(min_size=2, max_size=50)),
    st.builds(Frame, st.just(Kind.ACK), st.just(0), st.binary(min_size=8, max_size=8)),
    st.builds(Frame, st.sampled_from([Kind.PING, Kind.PONG]), st.just(0), st.just(b"")),
    st.builds(Frame, st.just(Kind.BYE), st.just(0), st.binary(max_size=MAX_REASON)),
)


@pytest.mark.parametrize(
    ("data", "frame"),
    [
        ("01000002 00000001 7b7d", Frame(Kind.OPEN, 1, b"{}")),
        ("02000003 fffffffe 616263", Frame(Kind.DATA, 0xFFFFFFFE, b"abc")),
        ("03000004 00000002 00010000", Frame(Kind.CREDIT, 2, b"\0\1\0\0")),
        ("04000000 00000003", Frame(Kind.EOF, 3, b"")),
        ("05000000 00000003", Frame(Kind.CLOSE, 3, b"")),
        ("06000002 00000003 6e6f", Frame(Kind.RESET, 3, b"no")),
        ("07000002 00000000 7b7d", Frame(Kind.MESSAGE, 0, b"{}")),
        ("10000008 00000000 0000000100000000", Frame(Kind.ACK, 0, b"\0\0\0\1\0\0\0\0")),
        ("11000000 00000000", Frame(Kind.PING, 0, b"")),
        ("12000000 00000000", Frame(Kind.PONG, 0, b"")),
        ("13000003 00000000 627965", Frame(Kind.BYE, 0, b"bye")),
    ],
)
def test_the_bytes_of_each_kind(data: str, frame: Frame) -> None:
    assert encode(*frame) == bytes.fromhex(data)
    assert list(FrameParser().feed(bytes.fromhex(data))) == [frame]


@given(st.lists(FRAMES, max_size=8), st.data())
def test_frames_come_back_however_the_bytes_are_sliced(frames: list[Frame], data: st.DataObject) -> None:
    stream = b"".join(encode(*frame) for frame in frames)
    parser, parsed = FrameParser(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        parsed += parser.feed(stream[:size])
        stream = stream[size:]
    assert parsed == frames


def test_the_longest_frame_comes_back_when_fed_byte_by_byte() -> None:
    frame = Frame(Kind.DATA, 1, bytes(range(256)) * (MAX_PAYLOAD // 256))
    parser, parsed = FrameParser(), []
    for byte in encode(*frame):
        parsed += parser.feed(bytes([byte]))
    assert parsed == [frame]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encode(Kind.DATA, 0, b"x"), id="data of no stream"),
        pytest.param(encode(Kind.PING, 1), id="ping of a stream"),
        pytest.param(encode(Kind.DATA, 1, b""), id="empty data"),
        pytest.param(encode(Kind.DATA, 1, bytes(MAX_PAYLOAD + 1)), id="long data"),
        pytest.param(encode(Kind.OPEN, 1, b" " * (MAX_JSON + 1)), id="long metadata"),
        pytest.param(encode(Kind.MESSAGE, 0, b"1"), id="short message"),
        pytest.param(encode(Kind.CREDIT, 1, b"123"), id="short credit"),
        pytest.param(encode(Kind.ACK, 0, b"123456789"), id="long ack"),
        pytest.param(encode(Kind.EOF, 1, b"x"), id="end with a payload"),
        pytest.param(encode(Kind.RESET, 1, bytes(MAX_REASON + 1)), id="long reason"),
        pytest.param(b"\x00" * HEADER_SIZE, id="kind 0"),
        pytest.param(b"\x08" + bytes(HEADER_SIZE - 1), id="kind 8"),
        pytest.param(b"\xff" * HEADER_SIZE, id="kind 255"),
    ],
)
def test_a_wrong_frame_is_refused_by_its_header(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        list(FrameParser().feed(data[:HEADER_SIZE]))


@given(st.lists(st.binary(max_size=2 * HEADER_SIZE), max_size=30))
def test_random_bytes_are_refused_or_wait_for_more_within_one_frame(slices: list[bytes]) -> None:
    parser = FrameParser()
    try:
        for data in slices:
            list(parser.feed(data))
            assert len(parser._rest) < MAX_FRAME
    except RemoteProtocolError:
        pass


@given(st.integers(0, 2**64 - 1))
def test_acks_carry_any_count(count: int) -> None:
    assert decode_ack(encode_ack(count)[HEADER_SIZE:]) == count


@given(st.integers(1, 2**32 - 1))
def test_credit_carries_any_size_but_zero(size: int) -> None:
    assert decode_credit(encode_credit(1, size)[HEADER_SIZE:]) == size


def test_credit_of_nothing_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        decode_credit(bytes(4))


@given(st.text(), st.sampled_from([Kind.RESET, Kind.BYE]))
def test_reasons_are_cut_and_come_back_as_one_printable_line(reason: str, kind: Kind) -> None:
    payload = encode_reason(kind, 1, reason)[HEADER_SIZE:]
    assert len(payload) <= MAX_REASON
    assert decode_reason(payload).isprintable()


def test_a_short_reason_comes_back_as_it_was() -> None:
    assert decode_reason(encode_reason(Kind.RESET, 1, "la fenêtre")[HEADER_SIZE:]) == "la fenêtre"
