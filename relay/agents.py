"""The agents' door: a WebSocket endpoint that turns registrations into tunnels.

GET /agent      Authorization: Bearer TOKEN     a WebSocket, on which `tunnel/PROTOCOL.md` is spoken
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from relay.accounts import Accounts, Grant, Permission, token_digest
from relay.directory import Directory, SessionRecord
from relay.errors import StoreFailed
from relay.journal import event, failure
from relay.live import RESUME_SECONDS, LiveTunnels
from relay.requests import address_of, bearer_token, dialled_host
from tunnel.connection import ServerTunnel, receive_hello, refuse
from tunnel.errors import TunnelError
from tunnel.messages import ControlMessage, Reception, Registration, StateReport
from tunnel.websocket import ServerSocket

AGENT_PATH = "/agent"

SOCKET_LIMIT = 4000
"""TCP connections on the HTTP port: twice the tunnels, agents dial again before their loss is noticed."""

OPEN_SECONDS = 10.0
"""For TLS and the HTTP request."""

SWEEP_SECONDS = 5.0
"""Between two looks for tunnels that nobody resumed."""


class AgentSocket(ServerSocket):
    """An agent's WebSocket, and what its token allows."""

    grant: Grant | None = None
    dialled_host: str = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Drop connections beyond the limit; those that are there keep working."""
        super().connection_made(transport)
        if len(self.server.handler_tasks) > SOCKET_LIMIT:
            self.transport.abort()


class AgentDoor:
    """Checks agents in. `public_ssh` and `place` are told to agents and to the directory."""

    def __init__(
        self,
        accounts: Accounts,
        directory: Directory,
        live: LiveTunnels,
        *,
        ssh_host: str | None,
        ssh_port: int,
        ssh_fingerprint: str,
        place: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._accounts = accounts
        self._directory = directory
        self._live = live
        self._ssh_host = ssh_host
        self._ssh_port = ssh_port
        self._ssh_fingerprint = ssh_fingerprint
        self._place = place
        self._clock = clock
        # At most one entry a tunnel, however often its agent changes its mind; the directory may be slow.
        self._changed: dict[str, ServerTunnel] = {}
        self._has_changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<AgentDoor {self._live!r}>"

    # HTTP

    async def check_request(self, ws: ServerConnection, request: Request) -> Response | None:
        """Answer a request; None lets it become a WebSocket, with its grant."""
        try:
            grant = await self._find_grant(bearer_token(request))
        except StoreFailed as error:
            failure("accounts-failed", reason=error)
            return ws.respond(
                HTTPStatus.SERVICE_UNAVAILABLE, "The relay cannot look up tokens now; try again.\n"
            )
        if grant is None:
            return _unauthorised(ws, "The agent's token is missing, unknown, expired or revoked.")
        if not grant.allows(Permission.AGENT):
            return _unauthorised(ws, f"The agent's token has no permission '{Permission.AGENT}'.")
        assert isinstance(ws, AgentSocket)
        ws.grant = grant
        ws.dialled_host = dialled_host(request)
        return None

    async def _find_grant(self, token: str | None) -> Grant | None:
        return None if token is None else await self._accounts.find_grant(token_digest(token))

    # Tunnels

    async def serve(self, ws: ServerConnection) -> None:
        """Serve one WebSocket for as long as it lives."""
        assert isinstance(ws, AgentSocket)
        assert ws.grant is not None
        try:
            hello = await receive_hello(ws)
            tunnel = await self._check_in(ws, hello.registration, ws.grant)
            if tunnel is None:
                return
            reception = Reception(
                ws.grant.account, self._ssh_host or ws.dialled_host, self._ssh_port, self._ssh_fingerprint
            )
            welcome = await tunnel.attach(ws, hello, reception)
            event(
                "tunnel-up",
                session=hello.registration.session,
                account=ws.grant.account,
                resumed=welcome.resumed,
            )
            await tunnel.carry()
        except TunnelError as error:
            event("tunnel-failed", account=ws.grant.account, reason=type(error).__name__, detail=error)
            return
        if tunnel.is_closed:
            await self._forget(tunnel, tunnel.close_reason or "the agent left")
        else:
            event("tunnel-lost", session=hello.registration.session)

    async def _check_in(
        self, ws: AgentSocket, registration: Registration, grant: Grant
    ) -> ServerTunnel | None:
        """Return the tunnel of a session, an old one or a new one; None if it was refused."""
        session = registration.session
        if self._live.find(session) is None and not self._live.has_room(grant.account):
            event("tunnel-refused", account=grant.account, reason="full")
            await refuse(ws, "full", "the relay carries as many sessions as it may; try again later")
            return None
        if not await self._directory.claim(SessionRecord.of(registration, grant.account, self._place)):
            event("tunnel-refused", account=grant.account, reason="taken")
            await refuse(ws, "taken", "the session id belongs to another agent")
            return None
        tunnel = self._live.find(session)
        if tunnel is not None and not tunnel.is_closed:
            return tunnel
        if tunnel is not None:
            self._live.remove(tunnel)
        new = ServerTunnel(
            registration, on_message=lambda message: self._hear(new, message), clock=self._clock
        )
        self._live.add(grant.account, new)
        return new

    def _hear(self, tunnel: ServerTunnel, message: ControlMessage) -> None:
        if not isinstance(message, StateReport):
            return
        session = tunnel.registration.session
        if message.state != tunnel.registration.state:
            event("session-state", session=session, state=message.state)
        tunnel.registration = replace(tunnel.registration, state=message.state)
        # Also where it is none: what is noted may be older than the hello that said so first.
        self._changed[session] = tunnel
        self._has_changed.set()

    async def _forget(self, tunnel: ServerTunnel, reason: str) -> None:
        if self._live.remove(tunnel):
            tunnel.close(reason)
            await self._directory.release(tunnel.registration.session, self._place)
            event("session-gone", session=tunnel.registration.session, reason=reason)

    async def sweep(self) -> None:
        """Forget the tunnels that were lost and not resumed in time."""
        for tunnel in self._live.lost_before(self._clock() - RESUME_SECONDS):
            await self._forget(tunnel, f"the agent did not come back within {RESUME_SECONDS:.0f} s")

    async def note_changes(self) -> None:
        """Write into the directory what agents have said of their sessions, one after the other, for ever."""
        while True:
            await self._has_changed.wait()
            self._has_changed.clear()
            while self._changed:
                session, tunnel = self._changed.popitem()
                if self._live.find(session) is tunnel:  # else the id may be another agent's by now
                    await self._directory.update(session, self._place, tunnel.registration.state)

    async def sweep_forever(self) -> None:
        """Sweep again and again."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self.sweep()


def _unauthorised(ws: ServerConnection, reason: str) -> Response:
    event("agent-refused", address=address_of(ws), reason=reason)
    response = ws.respond(HTTPStatus.UNAUTHORIZED, reason + "\n")
    response.headers["WWW-Authenticate"] = 'Bearer realm="holdfast"'
    return response
