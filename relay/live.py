"""The tunnels of this node, by session id."""

from collections import Counter

from relay.errors import SessionGone
from tunnel.connection import ServerTunnel
from tunnel.errors import TunnelClosed, TunnelFull
from tunnel.messages import ControlMessage, Login
from tunnel.stream import Stream

TUNNEL_LIMIT = 2000
"""Tunnels on a node: what upterm's public relays allow themselves in 256 MB."""

ACCOUNT_LIMIT = 500
"""Tunnels of one account on a node, so that one account's builds do not lock out the others'."""

RESUME_SECONDS = 120.0
"""How long a tunnel without a WebSocket, and the logins on it, are kept: for a restarted proxy or a network
that came back. The session outlives that, and can register again."""


class LiveTunnels:
    """The tunnels that agents hold, or held a moment ago, to this node; bounded in number."""

    def __init__(self, limit: int = TUNNEL_LIMIT, account_limit: int = ACCOUNT_LIMIT) -> None:
        self._limit = limit
        self._account_limit = account_limit
        self._tunnels: dict[str, tuple[str, ServerTunnel]] = {}  # session id → account, tunnel
        self._by_account: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<LiveTunnels {len(self)} of {self._limit}>"

    def __len__(self) -> int:
        return len(self._tunnels)

    def all(self) -> list[ServerTunnel]:
        """Return all tunnels."""
        return [tunnel for _, tunnel in self._tunnels.values()]

    def find(self, session: str) -> ServerTunnel | None:
        """Return the tunnel of a session, also one that may be resumed."""
        _, tunnel = self._tunnels.get(session, ("", None))
        return tunnel

    def has_room(self, account: str) -> bool:
        """Whether one more tunnel of this account may be added."""
        return len(self) < self._limit and self._by_account[account] < self._account_limit

    def add(self, account: str, tunnel: ServerTunnel) -> None:
        """Add the tunnel of a session that has none."""
        self._tunnels[tunnel.registration.session] = account, tunnel
        self._by_account[account] += 1

    def remove(self, tunnel: ServerTunnel) -> bool:
        """Take a tunnel out; False if it is not here any more."""
        session = tunnel.registration.session
        if self.find(session) is not tunnel:
            return False
        account, _ = self._tunnels.pop(session)
        self._by_account[account] -= 1
        if not self._by_account[account]:
            del self._by_account[account]
        return True

    def lost_before(self, moment: float) -> list[ServerTunnel]:
        """Return the tunnels that have had no WebSocket since `moment`, by the clock they were made with."""
        return [t for t in self.all() if t.lost_since is not None and t.lost_since <= moment]

    async def open_stream(self, session: str, login: Login) -> Stream:
        """Open a stream to a session's agent: the one way by which fronts reach it. Raises SessionGone."""
        try:
            return self._reach(session).open_stream(login)
        except (TunnelClosed, TunnelFull) as error:
            raise SessionGone(str(error)) from error

    async def send_message(self, session: str, message: ControlMessage) -> None:
        """Send a control message to a session's agent, also one that may be resumed. Raises SessionGone."""
        try:
            self._reach(session).send_message(message)
        except (TunnelClosed, TunnelFull) as error:
            raise SessionGone(str(error)) from error

    def _reach(self, session: str) -> ServerTunnel:
        tunnel = self.find(session)
        if tunnel is None:
            raise SessionGone("no tunnel")
        return tunnel
