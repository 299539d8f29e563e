"""A stream behaves as asyncio's own transports do."""

import asyncio

import pytest

from tunnel.messages import Login
from tunnel.protocol import DEFAULT_LIMITS
from tunnel.stream import WRITE_HIGH

WINDOW = DEFAULT_LIMITS.window


@pytest.fixture
async def pair(rig):
    """Both ends of a stream, on a tunnel that is connected."""
    await rig.connect()
    return await rig.stream()


async def test_bytes_go_both_ways(pair, recorder, until) -> None:
    left, right = pair
    a, b = recorder(), recorder()
    left.start(a)
    right.start(b)
    left.write(b"to the ")
    left.writelines([b"right", bytearray(b" "), memoryview(b"side")])
    right.write(b"to the left")
    await until(lambda: b.received == b"to the right side" and a.received == b"to the left")


async def test_the_login_and_the_users_address_are_extra_info(rig) -> None:
    await rig.connect()
    login = Login("splice", "ada", "acme", "203.0.113.7", "execute")
    for stream in await rig.stream(login):
        assert stream.get_extra_info("login") == login
        assert stream.get_extra_info("peername") == ("203.0.113.7", 0)
        assert stream.get_extra_info("socket") is None
        assert stream.get_extra_info("cipher", "none") == "none"
    for stream in await rig.stream(Login("splice")):
        assert stream.get_extra_info("peername") is None


async def test_what_comes_before_the_start_waits(pair, recorder, until) -> None:
    left, right = pair
    left.write(b"early")
    left.write_eof()
    await until(lambda: right._holds_eof)
    protocol = recorder(keeps_open=True)
    right.start(protocol)
    await until(lambda: protocol.calls == ["made", "eof"])
    assert protocol.received == b"early"


async def test_half_close_leaves_the_other_direction_open(pair, recorder, until) -> None:
    left, right = pair
    a, b = recorder(), recorder(keeps_open=True)
    left.start(a)
    right.start(b)
    assert left.can_write_eof()
    left.write(b"question")
    left.write_eof()
    await until(lambda: "eof" in b.calls)
    right.write(b"answer")
    right.close()
    assert await a.lost is None
    assert await b.lost is None
    assert (a.received, b.received) == (b"answer", b"question")


async def test_a_protocol_that_does_not_keep_it_open_closes_at_eof(pair, recorder) -> None:
    left, right = pair
    a, b = recorder(), recorder()
    left.start(a)
    right.start(b)
    left.write_eof()
    assert await b.lost is None
    assert await a.lost is None
    assert b.calls == ["made", "eof", "lost"]


async def test_close_sends_what_is_pending_however_long_it_takes(pair, recorder) -> None:
    left, right = pair
    a, b = recorder(), recorder()
    left.start(a)
    right.start(b)
    data = bytes(range(256)) * (3 * WINDOW // 256)
    left.write(data)
    left.close()
    left.write(b"ignored")
    assert left.is_closing()
    assert await a.lost is None
    assert await b.lost is None
    assert b.received == data


async def test_abort_breaks_off_at_once(pair, recorder) -> None:
    left, right = pair
    a, b = recorder(), recorder()
    left.start(a)
    right.start(b)
    left.write(bytes(10 * WINDOW))
    left.abort()
    assert left.get_write_buffer_size() == 0
    assert await a.lost is None
    error = await b.lost
    assert isinstance(error, ConnectionResetError)
    assert str(error) == "aborted"
    assert a.calls[-1] == b.calls[-1] == "lost"


async def test_a_reader_that_pauses_stops_the_writer_within_a_window(pair, recorder, until) -> None:
    left, right = pair
    a, b = recorder(), recorder()
    left.start(a)
    right.start(b)
    right.pause_reading()
    assert not right.is_reading()
    data = bytes(range(256)) * (4 * WINDOW // 256)
    left.write(data)
    assert a.calls == ["made", "pause"]
    await until(lambda: left.get_write_buffer_size() == len(data) - WINDOW)
    await until(lambda: len(right._held) == WINDOW)
    assert b.received == b""
    right.resume_reading()
    assert right.is_reading()
    await until(lambda: len(b.received) == len(data))
    assert b.received == data
    assert a.calls == ["made", "pause", "resume"]


async def test_close_by_the_peer_is_told_after_the_bytes(pair, recorder, until) -> None:
    left, right = pair
    protocol = recorder()
    right.start(protocol)
    right.pause_reading()
    left.write(b"last words")
    left.close()
    await until(lambda: right._is_ended)
    assert not protocol.lost.done()
    right.resume_reading()
    assert await protocol.lost is None
    assert protocol.received == b"last words"


async def test_a_stream_that_broke_off_before_its_start_tells_at_the_start(pair, recorder, until) -> None:
    left, right = pair
    left.abort()
    await until(right.is_closing)
    protocol = recorder()
    right.start(protocol)
    assert isinstance(await protocol.lost, ConnectionResetError)
    assert protocol.calls == ["made", "lost"]


async def test_the_write_buffer_has_marks(pair, recorder, until) -> None:
    left, right = pair
    assert left.get_write_buffer_limits() == (WRITE_HIGH // 4, WRITE_HIGH)
    left.set_write_buffer_limits(high=100)
    assert left.get_write_buffer_limits() == (25, 100)
    left.set_write_buffer_limits(low=100)
    assert left.get_write_buffer_limits() == (100, 400)
    with pytest.raises(ValueError, match="high"):
        left.set_write_buffer_limits(high=1, low=2)
    left.write(bytes(2000))  # before there is a protocol: it is asked to pause as soon as it comes
    protocol = recorder()
    left.start(protocol)
    assert protocol.calls == ["made", "pause"]
    await until(lambda: protocol.calls == ["made", "pause", "resume"])
    assert right.get_write_buffer_size() == 0


async def test_misuse_raises_as_with_sockets(pair, recorder) -> None:
    left, _ = pair
    with pytest.raises(RuntimeError):
        left.get_protocol()
    with pytest.raises(TypeError):
        left.set_protocol(asyncio.BufferedProtocol())
    left.start(protocol := recorder())
    assert left.get_protocol() is protocol
    with pytest.raises(TypeError):
        left.write("text")
    left.write_eof()
    with pytest.raises(RuntimeError):
        left.write(b"x")


async def test_a_protocol_that_raises_loses_its_stream_and_no_more(rig, pair, recorder, until) -> None:
    errors: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    left, right = pair

    class Broken(recorder):
        def data_received(self, data: bytes) -> None:
            raise ZeroDivisionError

    a, broken = recorder(), Broken()
    left.start(a)
    right.start(broken)
    left.write(b"x")
    assert isinstance(await a.lost, ConnectionResetError)
    assert await broken.lost is None
    assert [type(context["exception"]) for context in errors] == [ZeroDivisionError]
    await rig.stream()
