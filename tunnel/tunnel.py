"""What both ends of a tunnel have in common: streams that live on while WebSockets come and go."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from websockets.exceptions import ConnectionClosed

from tunnel.attachment import Attachment
from tunnel.errors import LocalProtocolError, RemoteProtocolError, TunnelClosed
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
from tunnel.messages import ControlMessage, Login, Registration, parse_control
from tunnel.multiplexer import Side
from tunnel.protocol import Protocol
from tunnel.stream import Stream
from tunnel.websocket import WebSocket

COALESCE = 256 * 1024
"""Bytes of one WebSocket message, and the frame that went beyond: larger ones were not faster (bench)."""

LARGE = 1024
"""Bytes from which a write waits for others to go with it: above a keystroke and its echo, below a screenful."""

FAREWELL_TIMEOUT = 2.0
"""Seconds for saying goodbye to a peer that may not read."""

OnStream = Callable[[Stream], object]
OnMessage = Callable[[ControlMessage], None]
Clock = Callable[[], float]


class Tunnel:
    """What both ends of a tunnel have in common. It outlives its WebSockets, and the streams with it.

    on_stream: called with each stream that the peer opens; without it they are reset. on_message: called with
    each control message. clock: seconds, monotonic. Attributes: `registration`, of the agent; `lost_since`,
    by the clock, when the tunnel was last left without a WebSocket, or None while it has one.
    """

    def __init__(
        self,
        side: Side,
        registration: Registration,
        *,
        on_stream: OnStream | None = None,
        on_message: OnMessage | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.registration = registration
        self.lost_since: float | None = clock()
        self._on_stream = on_stream
        self._on_message = on_message
        self._clock = clock
        self._machine = Protocol(side)
        self._streams: dict[int, Stream] = {}
        self._watching: set[Stream] = set()
        self._link: Attachment | None = None
        self._close_reason: str | None = None

    def __repr__(self) -> str:
        state = "closed" if self.is_closed else "attached" if self._link else "detached"
        return f"<{type(self).__name__} {self.registration.session} {state}: {self._machine}>"

    @property
    def is_closed(self) -> bool:
        """Either side closed it for good; it cannot be attached again."""
        return self._close_reason is not None

    @property
    def close_reason(self) -> str:
        """Why it was closed; empty if it is not."""
        return self._close_reason or ""

    # Streams and messages.

    def open_stream(self, login: Login) -> Stream:
        """Open a stream, usable at once, also while no WebSocket is there. TunnelClosed, TunnelFull."""
        self._check_open()
        number = self._machine.streams.open(login.serialize())
        self.wake()
        return self._add_stream(number, login)

    def send_message(self, message: ControlMessage) -> None:
        """Send a control message, before all that is written later. TunnelClosed, TunnelFull."""
        self._check_open()
        self._machine.send_message(message.serialize())
        self.wake()

    def close(self, reason: str = "") -> None:
        """End the tunnel for good: streams are lost, `carry` says goodbye to the peer and returns."""
        if self.is_closed:
            return
        self._close_reason = reason
        self._lose(self._machine.leave(reason))
        if self._link:
            self._link.must_wait.set()
            asyncio.get_running_loop().call_later(FAREWELL_TIMEOUT, self._link.end)

    def forget(self, reason: str = "the tunnel was given up") -> None:
        """Lose all streams and the WebSocket; a tunnel that is not closed can be attached afresh."""
        self._drop_link()
        self._lose(self._machine.forget(reason))

    def _lose(self, resets: list[Event]) -> None:
        for event in resets:
            self._dispatch(event)

    # The WebSocket.

    async def carry(self) -> None:
        """Run until the WebSocket given to `attach` is lost, dead or taken over, or the tunnel is closed.

        Call it right after `attach`, once. Raises RemoteProtocolError if the peer breaks the protocol; the
        streams are lost then.
        """
        link = self._link
        if link is None or link.is_carried:
            raise LocalProtocolError("carry() without attach()")
        link.is_carried = True
        link.ws.hand_on(partial(self._receive, link))
        work = (self._send(link), self._keep_alive(link), link.ws.wait_closed())
        tasks = [asyncio.create_task(part) for part in work]
        try:
            done, _ = await asyncio.wait([link.ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._link is link:
                self._drop_link()

    def _begin(self, ws: WebSocket, peer_received: int) -> Attachment:
        """Take this WebSocket; RemoteProtocolError for a count that cannot be, and the streams are lost."""
        try:
            self._machine.attach(peer_received, self._clock())
        except RemoteProtocolError as error:
            self._distrust(error)
            raise
        self._link = Attachment(ws)
        self.lost_since = None
        return self._link

    def _drop_link(self) -> None:
        """Leave the WebSocket, if there is one, without waiting for anything."""
        if self._link is None:
            return
        link, self._link = self._link, None
        self._machine.detach()
        self.lost_since = self._clock()
        link.end()
        link.ws.transport.abort()

    async def _send(self, link: Attachment) -> None:
        """Send when there is more than the network takes; `_flush` sends the rest."""
        with suppress(ConnectionClosed, OSError):
            while self._link is link and not self._machine.has_left:
                link.must_wait.clear()
                self._flush(link)
                if link.ws.is_full:
                    await link.ws.drain()
                elif not self._machine.has_left:
                    await link.must_wait.wait()
            if self._link is link:
                await link.ws.close()

    def _flush(self, link: Attachment) -> None:
        """Send what there is, as far as the network takes it."""
        link.is_flush_due = False
        size = COALESCE
        while size >= COALESCE and self._link is link and not link.ws.is_full:
            data = b"".join(self._machine.data_to_send(COALESCE))
            size = len(data)  # less than was allowed: that was all
            if data:
                link.ws.push(data)
                self._let_writers_go_on()
        if link.ws.is_full or self._machine.has_left:
            link.must_wait.set()

    def _receive(self, link: Attachment, data: str | bytes) -> None:
        """Take a message, and send at once what follows from it."""
        if self._link is not link:
            return
        link.is_flush_due = True
        try:
            self._take(link, data)
        except RemoteProtocolError as error:
            link.end(error)
            self._distrust(error)
        else:
            self._flush(link)

    def _take(self, link: Attachment, data: str | bytes) -> None:
        if isinstance(data, str):
            raise RemoteProtocolError("text after the handshake")
        for event in self._machine.receive_data(data, self._clock()):
            self._dispatch(event)
            if self._link is not link:  # what was called may have closed or given up the tunnel
                return

    def _distrust(self, error: RemoteProtocolError) -> None:
        """Lose all streams: a peer that broke the protocol once cannot be believed any more."""
        self.forget(f"the peer broke the tunnel's protocol: {error}")

    def _let_writers_go_on(self) -> None:
        watching, self._watching = self._watching, set()
        for stream in watching:
            stream.flushed()

    async def _keep_alive(self, link: Attachment) -> None:
        while self._link is link and self._machine.tick(self._clock()):
            self.wake()
            await asyncio.sleep(self._machine.next_tick() - self._clock())

    # Events.

    def _dispatch(self, event: Event) -> None:
        match event:
            case StreamOpened(number, metadata):
                self._accept(number, Login.parse(metadata))
            case MessageReceived(data):
                self._take_message(data)
            case PeerLeft(reason):
                self._leave(reason)
            case _ if stream := self._streams.get(event.stream):
                _tell(stream, event)

    def _accept(self, number: int, login: Login) -> None:
        if self._on_stream is None or self.is_closed:
            self._machine.streams.reset(number, "no streams are accepted here")
        else:
            self._call(self._on_stream, self._add_stream(number, login))

    def _take_message(self, data: bytes) -> None:
        message = parse_control(data)
        if message and self._on_message:
            self._call(self._on_message, message)

    def _leave(self, reason: str) -> None:
        if not self.is_closed:
            self._close_reason = reason
        self.forget(reason)

    def _call(self, callback: Callable[[Any], object], argument: object) -> None:
        """Call the tunnel's owner; what it raises is a bug there, and no reason to lose the tunnel."""
        try:
            callback(argument)
        except Exception as error:  # noqa: BLE001 - whatever it is: as asyncio does with callbacks
            context = {"message": "a tunnel's callback failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    def _add_stream(self, number: int, login: Login) -> Stream:
        stream = self._streams[number] = Stream(number, self._machine.streams, self, login)
        return stream

    def _check_open(self) -> None:
        if self.is_closed:
            raise TunnelClosed(self.close_reason or "the tunnel is closed")

    # What streams need: `tunnel.stream.Carrier`.

    def wake(self, size: int = LARGE) -> None:
        """Send what was written: so many bytes at once if they are few, else in the loop's next turn.

        A keystroke waits for nothing; what a flood writes in one turn goes out in one message.
        """
        link = self._link
        if link is None or not link.is_carried or link.is_flush_due:
            return
        if size < LARGE:
            self._flush(link)
        else:
            link.is_flush_due = True
            asyncio.get_running_loop().call_soon(self._flush, link)

    def watch(self, stream: Stream) -> None:
        """Tell the stream, once, when bytes have been sent."""
        self._watching.add(stream)

    def drop(self, stream: Stream) -> None:
        """Forget the stream."""
        self._watching.discard(stream)
        if self._streams.get(stream.number) is stream:
            del self._streams[stream.number]


def _tell(stream: Stream, event: Event) -> None:
    match event:
        case DataReceived(_, data):
            stream.receive(data)
        case EofReceived():
            stream.receive_eof()
        case StreamClosed():
            stream.receive_close()
        case StreamReset(_, reason):
            stream.receive_reset(reason)
