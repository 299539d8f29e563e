"""The two ends of a tunnel, which differ in the handshake only (`PROTOCOL.md` 1 and 2).

The client, again and again while it wants the tunnel:

    async with connect(url, **CLIENT_OPTIONS) as ws:
        await tunnel.attach(ws)
        await tunnel.carry()

The server, for each WebSocket of `serve(handler, **SERVER_OPTIONS)`:

    hello = await receive_hello(ws)     look the session up: `refuse`, or find or make its tunnel
    await tunnel.attach(ws, hello, reception)
    await tunnel.carry()
"""

import asyncio
import hmac
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from websockets.exceptions import ConnectionClosed

from tunnel.errors import RemoteProtocolError, TunnelLost, TunnelRefused
from tunnel.messages import (
    PROTOCOL_VERSION,
    Hello,
    Reception,
    Refusal,
    Registration,
    Resume,
    SessionState,
    StateReport,
    Welcome,
    parse_answer,
)
from tunnel.multiplexer import Side
from tunnel.tunnel import COALESCE, FAREWELL_TIMEOUT, Clock, OnMessage, OnStream, Tunnel
from tunnel.websocket import ClientSocket, ServerSocket, WebSocket

SOFTWARE = "holdfast"
"""What both ends call themselves."""

HANDSHAKE_TIMEOUT = 10.0
"""Seconds from the open WebSocket to the welcome: several round trips to the other side of the world."""

_OPTIONS: dict[str, Any] = {
    "compression": None,  # SSH's bytes are random
    "ping_interval": None,  # the tunnel has its own keepalive, to which every byte is a sign of life
    "max_size": 2 * COALESCE,  # bytes in a message
    "write_limit": COALESCE,  # bytes that wait in user space
    "close_timeout": FAREWELL_TIMEOUT,
}

CLIENT_OPTIONS = _OPTIONS | {"create_connection": ClientSocket}
"""Keyword arguments for `connect` of `websockets`."""

SERVER_OPTIONS = _OPTIONS | {"create_connection": ServerSocket}
"""Keyword arguments for `serve` of `websockets`."""


class ClientTunnel(Tunnel):
    """The end that dials: the agent's. Each hello carries `registration` as it is then."""

    def __init__(
        self,
        registration: Registration,
        *,
        on_stream: OnStream | None = None,
        on_message: OnMessage | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__(Side.CLIENT, registration, on_stream=on_stream, on_message=on_message, clock=clock)
        self._welcome: Welcome | None = None  # the last one: what to resume with

    async def attach(self, ws: WebSocket) -> Welcome:
        """Say hello on a new WebSocket, resuming if there was one before.

        If the server has forgotten the tunnel, the streams are lost and it begins afresh. Raises
        TunnelRefused, RemoteProtocolError, TunnelClosed, and TunnelLost, the only one worth a retry.
        """
        self._check_open()
        self._drop_link()
        hello = Hello(PROTOCOL_VERSION, SOFTWARE, self.registration, self._make_resume())
        async with _handshake("welcome"):
            await ws.send(hello.serialize())
            answer = parse_answer(await ws.receive())
        if isinstance(answer, Refusal):
            raise TunnelRefused(answer.code, answer.reason)
        self._check_open()
        if answer.resumed != _is_same(answer, hello.resume):
            raise RemoteProtocolError("welcome: resumes a tunnel that was not asked for")
        if self._welcome and not answer.resumed:
            self.forget("the relay has forgotten this tunnel")
            if self.registration.state != hello.registration.state:  # changed meanwhile; just forgotten, too
                self.send_message(StateReport(self.registration.state))
        self._begin(ws, answer.received)
        self._welcome = answer
        return answer

    def set_state(self, state: SessionState) -> None:
        """Tell the relay what the session is now, at once or with the next WebSocket; nothing if it is closed."""
        if state == self.registration.state or self.is_closed:
            return
        self.registration = replace(self.registration, state=state)
        # Also where the next hello will say it: an earlier report may be sent again after that, and this one last.
        self.send_message(StateReport(state))

    def forget(self, reason: str = "the tunnel was given up") -> None:
        """Lose all streams and the WebSocket; a tunnel that is not closed can be attached afresh."""
        self._welcome = None
        super().forget(reason)

    def _make_resume(self) -> Resume | None:
        if self._welcome is None:
            return None
        return Resume(self._welcome.tunnel_id, self._welcome.secret, self._machine.received)


def _is_same(welcome: Welcome, resume: Resume | None) -> bool:
    return resume is not None and welcome.tunnel_id == resume.tunnel_id


class ServerTunnel(Tunnel):
    """The end that is dialled: the relay's. `tunnel_id` changes whenever the tunnel begins afresh."""

    def __init__(
        self,
        registration: Registration,
        *,
        on_stream: OnStream | None = None,
        on_message: OnMessage | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__(Side.SERVER, registration, on_stream=on_stream, on_message=on_message, clock=clock)
        self._new_identity()

    def _new_identity(self) -> None:
        self.tunnel_id = secrets.token_hex(16)
        self._secret = secrets.token_hex(32)
        self._was_attached = False

    async def attach(self, ws: WebSocket, hello: Hello, reception: Reception) -> Welcome:
        """Welcome the client of this tunnel on a new WebSocket, which takes over from an older one.

        A hello that does not resume this tunnel makes it begin afresh: its streams are lost. Raises
        TunnelRefused (the refusal is sent), RemoteProtocolError, TunnelLost, TunnelClosed.
        """
        self._check_open()
        resume = hello.resume if hello.resume and hello.resume.tunnel_id == self.tunnel_id else None
        if resume and not hmac.compare_digest(resume.secret, self._secret):
            await refuse(ws, "forbidden", "wrong resume secret")
            raise TunnelRefused("forbidden", "wrong resume secret")
        self._drop_link()
        if resume is None and self._was_attached:
            self.forget("the agent began afresh")
        self.registration = hello.registration
        link = self._begin(ws, resume.received if resume else 0)
        self._was_attached = True
        welcome = Welcome(
            PROTOCOL_VERSION,
            SOFTWARE,
            self.tunnel_id,
            self._secret,
            resumed=resume is not None,
            received=self._machine.received,
            reception=reception,
        )
        async with _handshake("agent"):
            await ws.send(welcome.serialize())
        if self._link is not link:
            raise TunnelLost("taken over by a newer WebSocket")
        return welcome

    def forget(self, reason: str = "the tunnel was given up") -> None:
        """Lose all streams and the WebSocket; a tunnel that is not closed can be attached afresh."""
        self._new_identity()
        super().forget(reason)


async def receive_hello(ws: WebSocket) -> Hello:
    """Wait for the client's hello.

    Raises RemoteProtocolError, TunnelRefused for another version (the refusal is sent), TunnelLost.
    """
    async with _handshake("hello"):
        data = await ws.receive()
    try:
        return Hello.parse(data)
    except TunnelRefused as refusal:
        await refuse(ws, refusal.code, refusal.reason)
        raise


async def refuse(ws: WebSocket, code: str, reason: str) -> None:
    """Refuse a hello with one of `tunnel.messages.REFUSALS`, and close the WebSocket."""
    try:
        async with _handshake("end"):
            await ws.send(Refusal(code, reason).serialize())
    except TunnelLost:
        return  # it did not wait for the answer
    await ws.close()


@asynccontextmanager
async def _handshake(awaited: str) -> AsyncIterator[None]:
    """Bound a step of the handshake in time; raises TunnelLost if the WebSocket does not survive it."""
    try:
        async with asyncio.timeout(HANDSHAKE_TIMEOUT):
            yield
    except TimeoutError as error:
        raise TunnelLost(f"no {awaited} within {HANDSHAKE_TIMEOUT:.0f} s") from error
    except ConnectionClosed as error:
        raise TunnelLost(f"the WebSocket was closed before the {awaited} came") from error
