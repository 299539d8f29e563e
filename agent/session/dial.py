"""Dialling the relay, again and again while the session lasts."""

import asyncio
import os
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from urllib.parse import urlsplit

import certifi
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake

from agent.session.errors import RelayError, RelayRefused
from agent.session.trouble import explain
from tunnel.connection import CLIENT_OPTIONS, ClientTunnel
from tunnel.errors import RemoteProtocolError, TunnelClosed, TunnelLost, TunnelRefused
from tunnel.messages import Welcome
from tunnel.websocket import WebSocket

ATTEMPT_SECONDS = 20
"""Time for one attempt, TLS and proxies included."""

FIRST_RETRY_SECONDS = 0.25
LAST_RETRY_SECONDS = 15
"""Retries start at once, for most losses are short, and slow down: an outage is not a siege."""


def backoff() -> Iterator[float]:
    """Yield the seconds to wait before each retry, without end."""
    seconds = FIRST_RETRY_SECONDS
    while True:
        yield seconds
        seconds = min(seconds * 2, LAST_RETRY_SECONDS)


@dataclass(frozen=True, slots=True)
class Relay:
    """Where the relay is, and how we are known there."""

    url: str
    token: str = field(repr=False)
    ca_file: str | None

    @property
    def endpoint(self) -> str:
        """The URL of the agents' WebSocket."""
        return self.url.rstrip("/") + "/agent"

    @property
    def place(self) -> str:
        """Host and port, for a line of the log: a URL may carry a password."""
        parts = urlsplit(self.url)
        return parts.netloc.rpartition("@")[2]


class Dialler:
    """Keeps a tunnel attached to the relay: `run` retries, `_connect_once` reads top to bottom."""

    def __init__(
        self,
        relay: Relay,
        tunnel: ClientTunnel,
        *,
        first_welcome_seconds: float,
        on_welcome: Callable[[Welcome], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._relay = relay
        self._tunnel = tunnel
        self._first_welcome_seconds = first_welcome_seconds
        self._on_welcome = on_welcome
        self._on_trouble = on_trouble
        self._welcomed = asyncio.Event()

    async def run(self) -> None:
        """Dial until the tunnel is closed.

        Raises RelayError if there is no first welcome in time, or RelayRefused if there can be none. A relay
        that is lost after its first welcome is dialled for as long as the session lasts.
        """
        dialling = asyncio.create_task(self._dial())
        welcomed = asyncio.create_task(self._welcomed.wait())
        try:
            await asyncio.wait(
                (dialling, welcomed), timeout=self._first_welcome_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if not (welcomed.done() or dialling.done()):
                raise RelayError(f"gave up on {self._relay.place} after {self._first_welcome_seconds:g} s")
            await dialling
        finally:
            for task in (dialling, welcomed):
                task.cancel()
            await asyncio.gather(dialling, welcomed, return_exceptions=True)

    async def _dial(self) -> None:
        retries = backoff()
        complained = False
        while True:
            try:
                welcome = await self._connect_once()
            except RelayRefused as error:
                if not self._welcomed.is_set():
                    raise
                trouble = str(error)
            except RelayError as error:
                trouble = str(error)
            else:
                self._welcomed.set()
                self._on_welcome(welcome)
                retries, complained = backoff(), False
                await self._carry()
                trouble = f"the connection to {self._relay.place} was lost; dialling again"
            if self._tunnel.is_closed:
                return
            if not complained:
                self._on_trouble(trouble)
                complained = True
            await asyncio.sleep(next(retries))

    async def _connect_once(self) -> Welcome:
        """Attach the tunnel to a new WebSocket; RelayError or RelayRefused if that fails."""
        if not self._relay.token:
            raise RelayRefused(
                f"{self._relay.place} needs a token: set HOLDFAST_TOKEN or --token-file"
                " (`relay token create … --permission agent` makes one)"
            )
        place = self._relay.place
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                websocket = await connect(
                    self._relay.endpoint,
                    additional_headers={"Authorization": f"Bearer {self._relay.token}"},
                    user_agent_header=f"holdfast-agent/{version('holdfast')}",
                    ssl=trust(self._relay.ca_file) if self._relay.url.startswith("wss:") else None,
                    open_timeout=None,
                    **CLIENT_OPTIONS,
                )
                assert isinstance(websocket, WebSocket)  # as CLIENT_OPTIONS ask for
                return await self._attach(websocket)
        except TimeoutError:
            raise RelayError(f"{place} did not answer within {ATTEMPT_SECONDS} s") from None
        except (
            OSError,
            InvalidHandshake,
            TunnelRefused,
            RemoteProtocolError,
            TunnelLost,
            TunnelClosed,
        ) as error:
            raise explain(error, place) from error

    async def _attach(self, websocket: WebSocket) -> Welcome:
        try:
            return await self._tunnel.attach(websocket)
        except BaseException:
            await websocket.close()
            raise

    async def _carry(self) -> None:
        try:
            await self._tunnel.carry()
        except RemoteProtocolError as error:
            self._on_trouble(f"{self._relay.place} breaks the tunnel's protocol: {error}")


def trust(ca_file: str | None) -> ssl.SSLContext:
    """Return the TLS context: the named CAs, else the system's (or SSL_CERT_FILE), else those of certifi."""
    context = ssl.create_default_context(cafile=ca_file)
    paths = ssl.get_default_verify_paths()
    if ca_file is None and not paths.cafile and not (paths.capath and os.listdir(paths.capath)):
        context.load_verify_locations(cadata=certifi.contents())
    return context
