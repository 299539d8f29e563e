"""Two machines and a link that delays, cuts at any byte, loses what is in flight, and comes back.

Whatever happens: what arrives is what was sent, in order, nothing twice; credit is never exceeded; what is
held in memory is bounded at each step.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tunnel.errors import TunnelFull
from tunnel.events import (
    DataReceived,
    EofReceived,
    Event,
    MessageReceived,
    StreamClosed,
    StreamOpened,
    StreamReset,
)
from tunnel.frames import MAX_FRAME
from tunnel.multiplexer import Limits, Side
from tunnel.protocol import Protocol
from tunnel.replay import ENTRY_OVERHEAD

LIMITS = Limits(streams=3, window=16, replay=5 * ENTRY_OVERHEAD, messages=4)
LONGEST_FRAME = 100  # bytes: a window of data or an OPEN, with its header
SIDES = st.sampled_from([0, 1])
PICK = st.integers(0, 5)


@dataclass
class Half:
    """One side's view of a stream."""

    wrote: bytearray = field(default_factory=bytearray)
    read: bytearray = field(default_factory=bytearray)
    unconsumed: int = 0
    is_reading: bool = True
    ended: bool = False  # end() or close() called
    closed: bool = False  # close() called
    was_reset: bool = False  # reset() called
    got_eof: bool = False
    got_close: bool = False
    is_over: bool = False  # nothing more may come


class Link(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.machines = [Protocol(Side.CLIENT, LIMITS), Protocol(Side.SERVER, LIMITS)]
        self.flight = [bytearray(), bytearray()]  # by sender
        self.begin_afresh()
        self.connected = False

    def begin_afresh(self) -> None:
        self.halves: list[defaultdict[int, Half]] = [defaultdict(Half), defaultdict(Half)]
        self.sent_messages: list[list[bytes]] = [[], []]
        self.got_messages: list[list[bytes]] = [[], []]

    # The users of the streams.

    def usable(self, side: int, pick: int) -> tuple[int, Half] | None:
        live = [(n, half) for n, half in self.halves[side].items() if not (half.is_over or half.closed)]
        return live[pick % len(live)] if live else None

    @rule(side=SIDES)
    def open(self, side: int) -> None:
        try:
            number = self.machines[side].streams.open(b"{}")
        except TunnelFull:
            assert len(self.machines[side].streams) >= LIMITS.streams
        else:
            assert number not in self.halves[side]
            self.halves[side][number] = Half()

    @rule(side=SIDES, pick=PICK, data=st.binary(min_size=1, max_size=100))
    def write(self, side: int, pick: int, data: bytes) -> None:
        if not self.halves[side]:
            self.open(side)
        if (found := self.usable(side, pick)) and not found[1].ended:
            self.machines[side].streams.write(found[0], data)
            found[1].wrote += data

    @rule(side=SIDES, pick=PICK)
    def end(self, side: int, pick: int) -> None:
        if found := self.usable(side, pick):
            self.machines[side].streams.end(found[0])
            found[1].ended = True

    @rule(side=SIDES, pick=PICK)
    def close(self, side: int, pick: int) -> None:
        if found := self.usable(side, pick):
            self.machines[side].streams.close(found[0])
            found[1].ended = found[1].closed = found[1].is_over = True

    @rule(side=SIDES, pick=PICK)
    def reset(self, side: int, pick: int) -> None:
        if found := self.usable(side, pick):
            self.machines[side].streams.reset(found[0], "no")
            found[1].was_reset = found[1].is_over = True

    @rule(side=SIDES, pick=PICK, reading=st.booleans())
    def read(self, side: int, pick: int, reading: bool) -> None:
        if found := self.usable(side, pick):
            self.set_reading(side, *found, reading)

    def set_reading(self, side: int, number: int, half: Half, reading: bool) -> None:
        half.is_reading = reading
        if reading:
            self.machines[side].streams.consume(number, half.unconsumed)
            half.unconsumed = 0

    @rule(side=SIDES)
    def message(self, side: int) -> None:
        data = b"%04d" % len(self.sent_messages[side])
        try:
            self.machines[side].send_message(data)
        except TunnelFull:
            return
        self.sent_messages[side].append(data)

    # The link.

    @precondition(lambda self: self.connected)
    @rule(side=SIDES, limit=st.integers(1, 300))
    def send(self, side: int, limit: int) -> None:
        self.flight[side] += b"".join(self.machines[side].data_to_send(limit))

    @precondition(lambda self: self.connected)
    @rule(side=SIDES, size=st.integers(1, 400))
    def deliver(self, side: int, size: int) -> None:
        data = bytes(self.flight[side][:size])
        del self.flight[side][:size]
        if data:
            for event in self.machines[1 - side].receive_data(data, 0.0):
                self.take(1 - side, event)

    @precondition(lambda self: self.connected)
    @rule(times=st.integers(1, 4))
    def calm(self, times: int) -> None:
        """A while without trouble."""
        for side in (0, 1) * times:
            self.send(side, 1000)
            self.deliver(side, 10_000)

    @precondition(lambda self: self.connected)
    @rule(side=SIDES)
    def tick(self, side: int) -> None:
        assert self.machines[side].tick(1.0)

    @precondition(lambda self: self.connected)
    @rule()
    def cut(self) -> None:
        for machine, flight in zip(self.machines, self.flight, strict=True):
            machine.detach()
            flight.clear()
        self.connected = False

    @precondition(lambda self: not self.connected)
    @rule()
    def connect(self) -> None:
        counts = [machine.received for machine in self.machines]
        self.machines[0].attach(counts[1], 0.0)
        self.machines[1].attach(counts[0], 0.0)
        self.connected = True

    @precondition(lambda self: not self.connected)
    @rule()
    def restart_the_server(self) -> None:
        self.machines[1] = Protocol(Side.SERVER, LIMITS)
        lost = {event.stream for event in self.machines[0].forget("gone") if isinstance(event, StreamReset)}
        alive = {n for n, half in self.halves[0].items() if not half.is_over}
        assert {n for n in alive if not (self.halves[0][n].ended and self.halves[0][n].got_eof)} <= lost
        self.begin_afresh()

    # What must hold.

    def take(self, side: int, event: Event) -> None:
        if isinstance(event, MessageReceived):
            self.got_messages[side].append(event.data)
            return
        if isinstance(event, StreamOpened):
            assert event.stream not in self.halves[side]
            self.halves[side][event.stream] = Half()
            return
        half = self.halves[side][event.stream]
        other = self.halves[1 - side][event.stream]
        assert not half.got_close
        match event:
            case DataReceived(number, data):
                assert not half.got_eof
                assert not half.is_over
                half.read += data
                assert other.wrote.startswith(half.read)
                if half.is_reading:
                    self.machines[side].streams.consume(number, len(data))
                else:
                    half.unconsumed += len(data)
            case EofReceived():
                assert other.ended
                assert half.is_over or half.read == other.wrote
                half.got_eof = True
            case StreamClosed():
                assert other.closed
                assert half.is_over or half.read == other.wrote
                half.got_close = half.is_over = True
            case StreamReset():
                assert other.was_reset
                half.got_close = half.is_over = True

    @invariant()
    def memory_is_bounded(self) -> None:
        for side, machine in enumerate(self.machines):
            assert machine._replay.size < LIMITS.replay + LONGEST_FRAME + ENTRY_OVERHEAD
            assert len(machine._parser._rest) < MAX_FRAME
            assert len(machine._messages) <= LIMITS.messages
            assert len(machine.streams) <= 2 * LIMITS.streams
            for number, stream in machine.streams._streams.items():
                assert 0 <= stream.outgoing.available <= LIMITS.window
                assert 0 <= stream.incoming.held <= LIMITS.window
                half = self.halves[side][number]
                assert half.is_over or stream.incoming.held == half.unconsumed

    def teardown(self) -> None:
        """Let everything arrive, and compare."""
        if not self.connected:
            self.connect()
        for side in (0, 1):
            for number, half in list(self.halves[side].items()):
                self.set_reading(side, number, half, reading=True)
        quiet = 0
        while quiet < 3:  # rounds: one may pass with acknowledgements only, that let the next one send
            before = [machine.received for machine in self.machines]
            for side in (0, 1):
                self.tick(side)
                self.send(side, 10_000)
                self.deliver(side, 1_000_000)
            quiet = quiet + 1 if before == [machine.received for machine in self.machines] else 0
        assert set(self.machines[0].streams._streams) == set(self.machines[1].streams._streams)
        assert self.got_messages == [self.sent_messages[1], self.sent_messages[0]]
        for side in (0, 1):
            for number, mine in self.halves[side].items():
                theirs = self.halves[1 - side].get(number)
                if theirs is None:
                    assert mine.was_reset  # before it was announced
                elif not (mine.was_reset or theirs.was_reset or theirs.closed):
                    assert theirs.read == mine.wrote
                    assert theirs.got_eof or theirs.got_close or not mine.ended


TestLink = Link.TestCase
TestLink.settings = settings(max_examples=150, stateful_step_count=80, deadline=None)
