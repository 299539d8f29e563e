"""The tunnel as a pure state machine (`PROTOCOL.md`): no I/O, no clock, no task.

    machine.attach(received, now)              a WebSocket is up, the handshake done
    events = machine.receive_data(data, now)   bytes came
    parts = machine.data_to_send(limit)        bytes to send: ask after anything that was done
    is_alive = machine.tick(now)               at `machine.next_tick()`
    machine.detach()                           the WebSocket is lost; attach() again resumes

`machine.streams` takes the commands for streams; like all commands they work whether attached or not.
"""

from collections import deque

from tunnel.errors import LocalProtocolError, RemoteProtocolError, TunnelFull
from tunnel.events import Event, MessageReceived, PeerLeft
from tunnel.frames import (
    MAX_JSON,
    Frame,
    FrameParser,
    Kind,
    decode_ack,
    decode_reason,
    encode,
    encode_ack,
    encode_reason,
)
from tunnel.multiplexer import Limits, Multiplexer, Side
from tunnel.replay import ENTRY_OVERHEAD, Parts, ReplayBuffer

PING_AFTER = 6.0
"""Seconds of silence after which the peer is asked: three times before it is given up."""

DEAD_AFTER = 20.0
"""Seconds without a byte after which the WebSocket is dead: a user who waits for an echo still waits."""

ACK_AFTER = 256 * 1024
"""Bytes received, overhead included, that are acknowledged at once: a sixteenth of the replay buffer."""

DEFAULT_LIMITS = Limits()


class Protocol:
    """One end of a tunnel."""

    is_attached: bool
    """A WebSocket is there."""

    def __init__(self, side: Side, limits: Limits = DEFAULT_LIMITS) -> None:
        self._side = side
        self._limits = limits
        self._start_afresh()
        self.detach()

    def __repr__(self) -> str:
        state = "attached" if self.is_attached else "detached"
        return f"<Protocol {state}: {self.received} received, {self._replay}, {self.streams}>"

    def _start_afresh(self) -> None:
        self.streams = Multiplexer(self._side, self._limits)
        self.received = 0
        """Reliable frames received since the tunnel began."""
        self._told = 0  # of them acknowledged
        self._messages: deque[bytes] = deque()
        self._replay = ReplayBuffer(self._limits.replay)

    # The WebSocket comes and goes.

    def attach(self, peer_received: int, now: float) -> None:
        """Begin on a new WebSocket, sending again what comes after `peer_received`.

        Raises RemoteProtocolError if the peer cannot have received so many frames, or so few.
        """
        if self.is_attached:
            raise LocalProtocolError("attached twice")
        self._replay.rewind(peer_received)
        self.is_attached = True
        self._heard = self._asked = now

    def detach(self) -> None:
        """Note that the WebSocket is gone. All that is not acknowledged will be sent again."""
        self.is_attached = False
        self._parser = FrameParser()
        self._heard = self._asked = 0.0
        self._owes_ping = self._owes_pong = self._owes_ack = False
        self._unacknowledged = 0  # bytes
        self._farewell: str | None = None
        self.has_left = False
        """The BYE is sent: the WebSocket may be closed."""

    def forget(self, reason: str) -> list[Event]:
        """Drop all streams and counts, as after `resumed: false`; returns a StreamReset for each stream."""
        lost = self.streams.drop_all(reason)
        self._start_afresh()
        self.detach()
        return lost

    def leave(self, reason: str) -> list[Event]:
        """Send BYE after the messages, and drop all streams now; returns a StreamReset for each stream."""
        self._farewell = reason
        return self.streams.drop_all(reason)

    def send_message(self, data: bytes) -> None:
        """Send a control message, in order; TunnelFull if too many wait."""
        if not 2 <= len(data) <= MAX_JSON:
            raise LocalProtocolError(f"message of {len(data)} bytes")
        if len(self._messages) >= self._limits.messages:
            raise TunnelFull(f"{self._limits.messages} messages wait to be sent")
        self._messages.append(data)

    # Bytes out.

    def data_to_send(self, limit: int) -> list[bytes | memoryview]:
        """Take the bytes to send now, as pieces to be joined: `limit` bytes, and the frame that went beyond.

        Empty when there is nothing to send, and when not attached.
        """
        if not self.is_attached or self.has_left:
            return []
        out: list[bytes | memoryview] = []
        if self._owes_pong:
            out.append(encode(Kind.PONG))
        if self._owes_ping:
            out.append(encode(Kind.PING))
        self._add_reliable(out, limit)
        if self.received > self._told and (out or self._owes_ack or self._unacknowledged >= ACK_AFTER):
            out.append(encode_ack(self.received))
            self._told = self.received
            self._unacknowledged = 0
        self._owes_ping = self._owes_pong = self._owes_ack = False
        if self._farewell is not None and not self._messages and not self._replay.is_replaying:
            out.append(encode_reason(Kind.BYE, 0, self._farewell))
            self.has_left = True
        return out

    def _add_reliable(self, out: list[bytes | memoryview], limit: int) -> None:
        """Add what is to be sent again, then what is new, while the replay buffer has room for it."""
        while limit > 0 and self._replay.is_replaying:
            parts, size = self._replay.replay()
            out += parts
            limit -= size
        while limit > 0 and not self._replay.is_full:
            if self._messages:
                message = encode(Kind.MESSAGE, 0, self._messages.popleft())
                frame: tuple[Parts, int] | None = (message,), len(message)
            elif self.streams.has_frame:
                frame = self.streams.next_frame()
            else:
                return
            if frame:
                parts, size = frame
                self._replay.append(parts, size)
                out += parts
                limit -= size

    # Bytes in.

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Take bytes from the WebSocket; returns what they mean.

        Raises RemoteProtocolError if they break the protocol: then the machine is detached, fit for `forget`.
        """
        if not self.is_attached:
            raise LocalProtocolError("data received while detached")
        self._heard = now
        events: list[Event] = []
        try:
            for frame in self._parser.feed(data):
                event = self._receive_frame(frame)
                if event is not None:
                    events.append(event)
        except RemoteProtocolError:
            self.detach()
            raise
        return events

    def _receive_frame(self, frame: Frame) -> Event | None:
        if frame.kind >= Kind.ACK:
            return self._receive_unreliable(frame)
        self.received += 1
        self._unacknowledged += len(frame.payload) + ENTRY_OVERHEAD
        if frame.kind is Kind.MESSAGE:
            return MessageReceived(frame.payload)
        return self.streams.receive(frame)

    def _receive_unreliable(self, frame: Frame) -> Event | None:
        if frame.kind is Kind.ACK:
            self._replay.acknowledge(decode_ack(frame.payload))
        elif frame.kind is Kind.PING:
            self._owes_pong = True
        elif frame.kind is Kind.BYE:
            return PeerLeft(decode_reason(frame.payload))
        return None  # a PONG says all by coming

    # Time.

    def tick(self, now: float) -> bool:
        """Ask a silent peer, acknowledge what came; False when the peer must be taken for dead."""
        if now - self._heard >= DEAD_AFTER:
            return False
        if now - max(self._heard, self._asked) >= PING_AFTER:
            self._owes_ping = True
            self._asked = now
        self._owes_ack = True
        return True

    def next_tick(self) -> float:
        """When `tick` is due, on the clock of `attach`: at most `PING_AFTER` from the last one."""
        return min(max(self._heard, self._asked) + PING_AFTER, self._heard + DEAD_AFTER)
