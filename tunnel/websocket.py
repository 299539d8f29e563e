"""WebSockets whose messages are handed on as they come, without a task that waits for them.

`websockets` hands messages to whoever awaits `recv()`, and sends from `await send()`. For a keystroke that is
two turns of the event loop and two switches of task at each of four places, through a relay and back. So
these connections call back, and send at once; parsing, masking, closing, flow control stay the library's.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.connection import Connection, broadcast
from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode

WAITING = 4
"""Messages that wait to be looked at, in the handshake, before TCP does the waiting."""

_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)

Message = str | bytes
"""Text is for the handshake, bytes for all that follows."""

OnMessage = Callable[[Message], None]


class WebSocket(Connection):
    """What both sides have in common. A message goes to `receive`, or to the callback of `hand_on`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fragments: list[bytes] = []
        self._is_text = False
        self._waiting: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._on_message: OnMessage | None = None

    async def receive(self) -> Message:
        """Return the next message; raises websockets' ConnectionClosed."""
        while not self._waiting:
            self._arrived.clear()
            arrived = asyncio.create_task(self._arrived.wait())
            await asyncio.wait((arrived, self.connection_lost_waiter), return_when=asyncio.FIRST_COMPLETED)
            arrived.cancel()
            if not self._waiting and self.connection_lost_waiter.done():
                raise self.close_exc
        self.transport.resume_reading()
        return self._waiting.popleft()

    def hand_on(self, on_message: OnMessage) -> None:
        """Call back with each message from now on, those that wait first; `on_message` must not raise."""
        self._on_message = on_message
        while self._waiting:
            on_message(self._waiting.popleft())
        self.transport.resume_reading()

    def push(self, data: bytes) -> None:
        """Send a binary message now; nothing happens if the connection is closing. See `is_full`."""
        broadcast((self,), data)

    @property
    def is_full(self) -> bool:
        """So much waits for the network that more should be sent after `drain()` only."""
        return self.paused

    def process_event(self, event: Any) -> None:
        """Take the library's frames: data is ours, the rest its own."""
        if not (isinstance(event, Frame) and event.opcode in _DATA):
            super().process_event(event)
            return
        if event.opcode is not Opcode.CONT:
            self._is_text = event.opcode is Opcode.TEXT
        data = bytes(event.data)
        if self._fragments or not event.fin:
            self._fragments.append(data)
            if not event.fin:
                return
            data = b"".join(self._fragments)
            self._fragments.clear()
        message = data.decode("utf-8", "replace") if self._is_text else data
        if self._on_message:
            self._on_message(message)
        else:
            self._waiting.append(message)
            self._arrived.set()
            if len(self._waiting) >= WAITING:
                self.transport.pause_reading()


class ClientSocket(WebSocket, ClientConnection):
    """For `connect(url, create_connection=ClientSocket)`."""


class ServerSocket(WebSocket, ServerConnection):
    """For `serve(handler, create_connection=ServerSocket)`."""
