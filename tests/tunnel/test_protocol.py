"""The machine by scripted histories: streams, acknowledgements, resume, keepalive, and a peer that cheats."""

import pytest

from tunnel.errors import LocalProtocolError, RemoteProtocolError, TunnelFull
from tunnel.events import (
    DataReceived,
    EofReceived,
    Event,
    MessageReceived,
    PeerLeft,
    StreamClosed,
    StreamOpened,
    StreamReset,
)
from tunnel.frames import Kind, encode, encode_ack, encode_credit
from tunnel.multiplexer import Limits, Side
from tunnel.protocol import ACK_AFTER, DEAD_AFTER, DEFAULT_LIMITS, PING_AFTER, Protocol

EVERYTHING = 1 << 30
OPEN = encode(Kind.OPEN, 1, b"{}")


class Pair:
    """A client and a server, and a link that delivers at once."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.client = Protocol(Side.CLIENT, limits)
        self.server = Protocol(Side.SERVER, limits)
        self.events: list[Event] = []
        self.connect()

    def connect(self) -> None:
        for machine, peer in ((self.client, self.server), (self.server, self.client)):
            machine.detach()
            machine.attach(peer.received, 0.0)

    def exchange(self) -> list[Event]:
        """Deliver until nothing moves; returns the events of both sides, in order."""
        self.events = []
        while data := b"".join(self.client.data_to_send(EVERYTHING)):
            self.events += self.server.receive_data(data, 0.0)
            self.events += self.client.receive_data(b"".join(self.server.data_to_send(EVERYTHING)), 0.0)
        if data := b"".join(self.server.data_to_send(EVERYTHING)):
            self.events += self.client.receive_data(data, 0.0)
            return self.events + self.exchange()
        return self.events


@pytest.fixture
def pair() -> Pair:
    return Pair()


@pytest.fixture
def server() -> Protocol:
    """A server that is fed by hand."""
    machine = Protocol(Side.SERVER)
    machine.attach(0, 0.0)
    return machine


# Streams.


def test_a_stream_from_open_to_both_ends(pair: Pair) -> None:
    number = pair.client.streams.open(b'{"who": "me"}')
    pair.client.streams.write(number, b"question")
    pair.client.streams.end(number)
    assert pair.exchange() == [
        StreamOpened(1, b'{"who": "me"}'),
        DataReceived(1, b"question"),
        EofReceived(1),
    ]
    pair.server.streams.write(number, b"answer")
    pair.server.streams.end(number)
    assert pair.exchange() == [DataReceived(1, b"answer"), EofReceived(1)]
    assert len(pair.client.streams) == len(pair.server.streams) == 0


def test_the_sides_number_their_streams_apart(pair: Pair) -> None:
    assert [pair.client.streams.open(b"{}") for _ in range(3)] == [1, 3, 5]
    assert [pair.server.streams.open(b"{}") for _ in range(3)] == [2, 4, 6]
    assert len(pair.exchange()) == 6


def test_close_delivers_what_was_written_and_drops_what_still_comes(pair: Pair) -> None:
    number = pair.client.streams.open(b"{}")
    pair.exchange()
    pair.client.streams.write(number, b"last words")
    pair.client.streams.close(number)
    pair.server.streams.write(number, b"too late")
    assert pair.exchange() == [DataReceived(1, b"last words"), StreamClosed(1)]
    assert len(pair.client.streams) == len(pair.server.streams) == 0


def test_reset_drops_what_is_pending_and_says_why(pair: Pair) -> None:
    number = pair.client.streams.open(b"{}")
    pair.exchange()
    pair.client.streams.write(number, b"never sent")
    pair.client.streams.reset(number, "changed my mind")
    assert pair.exchange() == [StreamReset(1, "changed my mind")]


def test_a_stream_that_was_reset_before_it_was_sent_is_never_heard_of(pair: Pair) -> None:
    pair.client.streams.reset(pair.client.streams.open(b"{}"), "")
    assert pair.client.streams.open(b"{}") == 3
    assert pair.exchange() == [StreamOpened(3, b"{}")]


def test_commands_for_a_stream_that_is_over_do_nothing(pair: Pair) -> None:
    number = pair.client.streams.open(b"{}")
    pair.exchange()
    pair.server.streams.reset(number, "")
    pair.exchange()
    streams = pair.client.streams
    streams.write(number, b"x")
    streams.consume(number, 1)
    streams.end(number)
    streams.close(number)
    streams.reset(number, "")
    assert streams.pending(number) == 0
    assert pair.exchange() == []


def test_writing_after_the_end_is_our_error(pair: Pair) -> None:
    number = pair.client.streams.open(b"{}")
    pair.client.streams.end(number)
    with pytest.raises(LocalProtocolError):
        pair.client.streams.write(number, b"x")


def test_too_many_streams_are_refused_until_one_is_over() -> None:
    pair = Pair(Limits(streams=2))
    first, _ = pair.client.streams.open(b"{}"), pair.client.streams.open(b"{}")
    with pytest.raises(TunnelFull):
        pair.client.streams.open(b"{}")
    pair.exchange()
    pair.server.streams.close(first)
    pair.exchange()
    pair.client.streams.open(b"{}")
    assert len(pair.exchange()) == 1


def test_streams_take_turns() -> None:
    pair = Pair()
    for _ in range(2):
        pair.client.streams.write(pair.client.streams.open(b"{}"), bytes(300_000))
    pair.exchange()
    order = [event.stream for event in pair.events if isinstance(event, DataReceived)]
    assert order == [1, 3] * 5


def test_the_sender_stops_at_its_credit_and_goes_on_when_the_bytes_are_taken() -> None:
    pair = Pair(Limits(window=100))
    number = pair.client.streams.open(b"{}")
    pair.client.streams.write(number, bytes(150))
    assert pair.exchange()[1] == DataReceived(1, bytes(100))
    assert pair.client.streams.pending(number) == 50
    pair.server.streams.consume(number, 24)
    assert pair.exchange() == []  # a quarter is not reached
    pair.server.streams.consume(number, 1)
    assert pair.exchange() == [DataReceived(1, bytes(25))]


def test_bytes_that_nobody_reads_after_close_cost_the_peer_no_credit() -> None:
    pair = Pair(Limits(window=100))
    number = pair.client.streams.open(b"{}")
    pair.client.streams.write(number, bytes(200))
    pair.client.streams.close(number)
    pair.server.streams.write(number, b"")
    pair.exchange()
    pair.server.streams.write(number, bytes(1000))
    assert pair.exchange() == []
    assert pair.server.streams.pending(number) == 0


# Messages, and the end of the tunnel.


def test_messages_come_in_order_before_later_bytes_and_the_goodbye(pair: Pair) -> None:
    pair.client.send_message(b"[1]")
    pair.client.send_message(b"[2]")
    pair.client.leave("enough")
    assert pair.exchange() == [MessageReceived(b"[1]"), MessageReceived(b"[2]"), PeerLeft("enough")]
    assert pair.client.has_left
    assert pair.client.data_to_send(EVERYTHING) == []


def test_leaving_loses_the_streams(pair: Pair) -> None:
    number = pair.client.streams.open(b"{}")
    assert pair.client.leave("enough") == [StreamReset(number, "enough")]


def test_messages_that_wait_are_bounded() -> None:
    machine = Protocol(Side.CLIENT, Limits(messages=2))
    machine.send_message(b"{}")
    machine.send_message(b"{}")
    with pytest.raises(TunnelFull):
        machine.send_message(b"{}")


def test_messages_and_metadata_that_are_too_long_are_our_error() -> None:
    machine = Protocol(Side.CLIENT)
    with pytest.raises(LocalProtocolError):
        machine.send_message(bytes(10_000))
    with pytest.raises(LocalProtocolError):
        machine.streams.open(bytes(10_000))


# Acknowledgements and resume.


def test_what_was_in_flight_is_sent_again_once(pair: Pair) -> None:
    number = pair.client.streams.open(b"{}")
    pair.client.streams.write(number, b"arrives ")
    pair.exchange()
    pair.client.streams.write(number, b"is lost ")
    assert pair.client.data_to_send(EVERYTHING)
    pair.client.streams.write(number, b"is new")
    pair.connect()
    events = pair.exchange()
    assert b"".join(e.data for e in events if isinstance(e, DataReceived)) == b"is lost is new"


def test_frames_cut_in_the_middle_are_sent_again_whole(pair: Pair) -> None:
    pair.client.streams.open(b"{}")
    pair.server.receive_data(b"".join(pair.client.data_to_send(EVERYTHING))[:-1], 0.0)
    pair.connect()
    assert pair.exchange() == [StreamOpened(1, b"{}")]


def test_a_peer_that_does_not_acknowledge_stops_the_sender_at_the_replay_limit(server: Protocol) -> None:
    numbers = [server.streams.open(b"{}") for _ in range(8)]
    for number in numbers:
        server.streams.write(number, bytes(1024 * 1024))
    sent = 0
    while data := server.data_to_send(256 * 1024):
        sent += sum(map(len, data))
    assert 4 * 1024 * 1024 - 65536 - 20000 < sent <= 4 * 1024 * 1024 + 65536
    server.receive_data(encode_ack(20), 0.0)
    assert server.data_to_send(EVERYTHING)


def test_many_bytes_are_acknowledged_at_once_and_few_with_the_next_tick(server: Protocol) -> None:
    server.receive_data(OPEN, 0.0)
    assert server.data_to_send(EVERYTHING) == []
    server.tick(1.0)
    assert server.data_to_send(EVERYTHING) == [encode_ack(1)]
    server.receive_data(encode(Kind.DATA, 1, bytes(60_000)) * (ACK_AFTER // 60_000 + 1), 1.0)
    assert server.data_to_send(EVERYTHING) == [encode_ack(6)]


def test_an_acknowledgement_rides_along(server: Protocol) -> None:
    server.receive_data(OPEN + encode(Kind.PING), 0.0)
    assert server.data_to_send(EVERYTHING) == [encode(Kind.PONG), encode_ack(1)]


def test_forgetting_loses_all_and_begins_at_zero(pair: Pair) -> None:
    pair.client.streams.open(b"{}")
    pair.exchange()
    assert pair.client.forget("restarted") == [StreamReset(1, "restarted")]
    assert pair.server.forget("restarted") == [StreamReset(1, "restarted")]
    pair.connect()
    assert pair.client.streams.open(b"{}") == 1
    assert pair.exchange() == [StreamOpened(1, b"{}")]


def test_impossible_counts_at_a_resume_are_the_peers_error(pair: Pair) -> None:
    pair.client.streams.open(b"{}")
    pair.exchange()
    pair.client.detach()
    with pytest.raises(RemoteProtocolError):
        pair.client.attach(2, 0.0)


def test_misuse_of_the_machine_is_our_error(server: Protocol) -> None:
    with pytest.raises(LocalProtocolError):
        server.attach(0, 0.0)
    server.detach()
    assert server.data_to_send(EVERYTHING) == []
    with pytest.raises(LocalProtocolError):
        server.receive_data(b"", 0.0)


# Keepalive.


def test_a_silent_peer_is_asked_every_6_s_and_dead_after_20(server: Protocol) -> None:
    asked = []
    now = 0.0
    while server.tick(now):
        if encode(Kind.PING) in server.data_to_send(EVERYTHING):
            asked.append(now)
        now = server.next_tick()
    assert asked == [PING_AFTER, 2 * PING_AFTER, 3 * PING_AFTER]
    assert now == DEAD_AFTER


def test_any_byte_is_a_sign_of_life(server: Protocol) -> None:
    server.receive_data(b"\x11", 19.0)
    assert server.tick(20.0)
    assert server.next_tick() == 19.0 + PING_AFTER
    assert server.tick(38.9)
    assert not server.tick(39.0)


def test_a_new_websocket_starts_a_new_life(server: Protocol) -> None:
    server.detach()
    server.attach(0, 100.0)
    assert server.tick(119.9)


# A peer that cheats.


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encode(Kind.OPEN, 2, b"{}"), id="opens a stream of ours"),
        pytest.param(OPEN + OPEN, id="opens a stream twice"),
        pytest.param(encode(Kind.OPEN, 5, b"{}") + encode(Kind.OPEN, 3, b"{}"), id="opens out of turn"),
        pytest.param(b"".join(encode(Kind.OPEN, n, b"{}") for n in range(1, 131, 2)), id="opens 65"),
        pytest.param(encode(Kind.DATA, 1, b"x"), id="data for no stream"),
        pytest.param(encode(Kind.DATA, 2, b"x"), id="data for a stream that we have not opened"),
        pytest.param(encode_credit(1, 1), id="credit for no stream"),
        pytest.param(encode(Kind.EOF, 1), id="end of no stream"),
        pytest.param(encode(Kind.CLOSE, 1), id="close of no stream"),
        pytest.param(encode(Kind.RESET, 1), id="reset of no stream"),
        pytest.param(OPEN + encode(Kind.EOF, 1) + encode(Kind.DATA, 1, b"x"), id="data after its end"),
        pytest.param(OPEN + encode(Kind.EOF, 1) * 2, id="two ends"),
        pytest.param(OPEN + encode(Kind.DATA, 1, bytes(65536)) * 17, id="more data than credit"),
        pytest.param(OPEN + encode_credit(1, 1), id="more credit than a window"),
        pytest.param(OPEN + encode(Kind.CREDIT, 1, bytes(4)), id="credit of nothing"),
        pytest.param(encode_ack(1), id="acknowledges what was not sent"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="speaks something else"),
    ],
)
def test_a_broken_rule_is_one_error_and_the_machine_is_detached(server: Protocol, data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        server.receive_data(data, 0.0)
    assert not server.is_attached


def test_frames_for_a_stream_that_is_over_are_ignored(server: Protocol) -> None:
    server.receive_data(OPEN, 0.0)
    server.streams.reset(1, "")
    server.data_to_send(EVERYTHING)
    late = encode(Kind.DATA, 1, b"x") + encode_credit(1, 5) + encode(Kind.EOF, 1) + encode(Kind.CLOSE, 1)
    assert server.receive_data(late + encode(Kind.RESET, 1), 0.0) == []
