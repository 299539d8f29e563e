"""Dialling the relay, again and again while the session lasts."""

import asyncio
import os
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import connect

from agent.session.errors import RelayError, RelayRefused
from agent.session.proxies import Proxy, find_proxy
from agent.session.trouble import explain
from agent.session.trust import Trust, choose_trust
from tunnel.connection import CLIENT_OPTIONS, ClientTunnel
from tunnel.errors import RemoteProtocolError
from tunnel.messages import Welcome
from tunnel.version import VERSION
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
        return self.url.partition("://")[2].partition("/")[0].rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Way:
    """How the relay is reached: by which proxy, and whom TLS trusts; the same for every attempt."""

    proxy: Proxy | None
    trust: Trust | None

    @property
    def variable(self) -> str:
        """Return the variable that names the proxy, empty without one."""
        return self.proxy.variable if self.proxy else ""

    @property
    def proxy_ssl(self) -> ssl.SSLContext | None:
        """Return the context for the proxy itself, if that speaks TLS."""
        return self.trust.context if self.trust and self.proxy and self.proxy.scheme == "https" else None

    def explain(self, error: Exception, place: str) -> RelayError:
        """Translate what went wrong on this way into one line."""
        if self.proxy_ssl and isinstance(error, ssl.SSLError):
            place = f"{place}, or the proxy of {self.variable},"
        return explain(error, place, self.variable, self.trust.source if self.trust else "")


def find_way(relay: Relay) -> Way:
    """Choose the way to a relay; RelayRefused if its URL, the proxy or the CAs cannot be."""
    try:
        proxy = find_proxy(relay.endpoint, relay.place)
    except RelayError:
        raise
    except Exception as error:
        raise explain(error, relay.place) from error
    secure = relay.url.startswith("wss:") or (proxy is not None and proxy.scheme == "https")
    return Way(proxy, choose_trust(relay.ca_file, os.environ) if secure else None)


class Dialler:
    """Keeps a tunnel attached to the relay: `run` retries, `_connect_once` reads top to bottom."""

    def __init__(
        self,
        relay: Relay,
        tunnel: ClientTunnel,
        *,
        first_welcome_seconds: float | None,
        on_welcome: Callable[[Welcome], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._relay = relay
        self._tunnel = tunnel
        self._first_welcome_seconds = first_welcome_seconds
        self._on_welcome = on_welcome
        self._on_trouble = on_trouble
        self._patience: asyncio.Timeout | None = None
        self._welcomed = False
        self._trouble = "it does not answer"

    async def run(self) -> None:
        """Dial until the tunnel is closed.

        Raises RelayError if there is no first welcome in time, or RelayRefused if there can be none. A relay
        that is lost after its first welcome is dialled for as long as the session lasts.
        """
        try:
            async with asyncio.timeout(self._first_welcome_seconds) as self._patience:
                await self._dial(self._patience)
        except TimeoutError:
            seconds = self._first_welcome_seconds
            raise RelayError(f"gave up on {self._relay.place} after {seconds:g} s: {self._trouble}") from None

    def hurry(self, seconds: float) -> None:
        """Allow the first welcome so many seconds from now on, where it had all the time."""
        if self._welcomed:
            return
        self._first_welcome_seconds = seconds
        if self._patience:  # it may not have begun
            self._patience.reschedule(asyncio.get_running_loop().time() + seconds)

    async def _dial(self, patience: asyncio.Timeout) -> None:
        place = self._relay.place
        if not self._relay.token:
            raise RelayRefused(
                f"{place} needs a token: set HOLDFAST_TOKEN or --token-file"
                " (`relay token create … --permission agent` makes one)"
            )
        way = find_way(self._relay)
        retries = backoff()
        complained = False
        while True:
            try:
                welcome = await self._connect_once(way)
            except RelayError as error:
                if isinstance(error, RelayRefused) and not self._welcomed:
                    raise
                self._trouble = str(error)
            else:
                patience.reschedule(None)
                if self._welcomed:
                    self._on_trouble(f"the connection to {place} is back")
                self._welcomed = True
                self._on_welcome(welcome)
                retries, complained = backoff(), False
                await self._carry()
                self._trouble = f"the connection to {place} was lost; dialling again"
            if self._tunnel.is_closed:
                return
            if not complained:
                self._on_trouble(self._trouble)
                complained = True
            await asyncio.sleep(next(retries))

    async def _connect_once(self, way: Way) -> Welcome:
        """Attach the tunnel to a new WebSocket; RelayError or RelayRefused if that fails."""
        endpoint = self._relay.endpoint
        proxy_ssl: dict[str, Any] = {"proxy_ssl": way.proxy_ssl} if way.proxy_ssl else {}
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                websocket = await connect(
                    endpoint,
                    additional_headers={"Authorization": f"Bearer {self._relay.token}"},
                    user_agent_header=f"holdfast-agent/{VERSION}",
                    proxy=way.proxy.url if way.proxy else None,
                    ssl=way.trust.context if way.trust and endpoint.startswith("wss:") else None,
                    open_timeout=None,
                    **proxy_ssl,
                    **CLIENT_OPTIONS,
                )
                assert isinstance(websocket, WebSocket)  # as CLIENT_OPTIONS ask for
                return await self._attach(websocket)
        except TimeoutError:
            raise RelayError(f"{self._relay.place} did not answer within {ATTEMPT_SECONDS} s") from None
        # Whatever it is: what goes unseen here would hold the build until its timeout, and say nothing.
        except Exception as error:
            raise way.explain(error, self._relay.place) from error

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
        # Else the session would live on, out of reach, and nobody would dial.
        except Exception as error:  # noqa: BLE001
            self._on_trouble(f"the tunnel to {self._relay.place} broke ({type(error).__name__}: {error})")
