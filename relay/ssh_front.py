"""The users' door: an SSH server that checks a token, opens the way to the session's agent, and steps aside.

Whatever is wrong, a user gets one and the same refusal at one and the same time, so that nobody learns
which tokens, accounts or sessions exist. The journal says what it was.
"""

import asyncio
import hmac
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncssh
from asyncssh.constants import DISC_BY_APPLICATION, DISC_NO_MORE_AUTH_METHODS_AVAILABLE

from relay.accounts import Accounts, Grant, Permission, token_digest
from relay.directory import Directory
from relay.doorman import Doorman
from relay.errors import BridgeFailed, SessionGone, StoreFailed
from relay.journal import event, failure, surprise
from relay.passthrough import UserSide, bridge
from relay.routing import Route, parse_user_name
from tunnel.messages import Login
from tunnel.stream import Stream
from tunnel.tuning import KEY_EXCHANGE, SERVER_VERSION, SSH_OPTIONS

REFUSAL = """\
This login was refused. Check the three parts of TOKEN:ACCOUNT:SESSION:
is the token current and allowed to execute, and has the session perhaps ended?
"""

REFUSAL_SECONDS = 0.4
"""From a request to its refusal: many times what the look-ups take, so that time tells nothing of them."""

AGENT_SECONDS = 10.0
"""For the agent to take the login: some round trips to the other side of the world, or a WebSocket that is
just being resumed. Only who may log in can notice that it takes longer than a refusal."""

LOGIN_SECONDS = 20
"""From the connection to the end of authentication."""

ATTEMPT_LIMIT = 3
"""User names that one connection may try: OpenSSH tries one."""

OFFERED_KEY_EXCHANGE = ("mlkem768x25519-sha256", *KEY_EXCHANGE)
"""A hybrid first, that stays safe from quantum computers: OpenSSH 10.1 warns of servers without."""

_NOBODY = Route(token="none", account="none", session="none")  # noqa: S106  (looked up where a name has no route)

OpenStream = Callable[[str, Login], Awaitable[Stream]]
"""How fronts reach a session: by its id, with who logs in. Raises SessionGone."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A login that was let in."""

    session: str
    account: str
    user: str
    address: str


class SshFront:
    """The SSH server. `open_stream` is the way to sessions; `pause` and `clock` are others in tests only."""

    def __init__(
        self,
        accounts: Accounts,
        directory: Directory,
        open_stream: OpenStream,
        host_key: asyncssh.SSHKey,
        *,
        doorman: Doorman | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._accounts = accounts
        self._directory = directory
        self._open_stream = open_stream
        self._pause = pause
        self._clock = clock
        self._options = asyncssh.SSHServerConnectionOptions(
            server_factory=lambda: _Guest(self),
            server_host_keys=[host_key],
            server_version=SERVER_VERSION,
            login_timeout=LOGIN_SECONDS,
            password_auth=False,
            kbdint_auth=False,
            public_key_auth=False,
            host_based_auth=False,
            gss_host=None,
            config=None,
            **SSH_OPTIONS | {"kex_algs": OFFERED_KEY_EXCHANGE},
        )
        self._server: asyncio.Server | None = None
        self.doorman = doorman or Doorman()
        self.users: dict[UserSide, Visit | None] = {}  # None: not let in yet

    def __repr__(self) -> str:
        return f"<SshFront {self.doorman!r}>"

    async def listen(self, sock: socket.socket) -> None:
        """Take connections on a bound socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: UserSide(self._options), sock=sock)

    async def close(self, reason: str) -> None:
        """Take no more connections, and end those that there are."""
        if self._server is not None:
            self._server.close()
        users = list(self.users)
        for user in users:
            user.disconnect(DISC_BY_APPLICATION, reason)
        await asyncio.gather(*(user.wait_closed() for user in users))

    async def admit(self, user: UserSide, name: str, address: str) -> Visit | None:
        """Bring a user to the session that the SSH user name asks for; None if that must not or cannot be.

        Takes `REFUSAL_SECONDS` to say no, whatever the reason.
        """
        verdict_at = self._clock() + REFUSAL_SECONDS
        try:
            route, grant = await self._authorise(name)
            async with asyncio.timeout(AGENT_SECONDS):
                visit = Visit(route.session, grant.account, grant.user, address)
                stream = await self._open_stream(route.session, _login(visit))
                await bridge(user, stream, grant.user)
        except (_Refused, SessionGone, BridgeFailed, TimeoutError) as error:
            event("login-refused", address=address, reason=str(error) or "the agent did not answer in time")
        except StoreFailed as error:
            failure("accounts-failed", reason=error)
        except Exception as error:  # noqa: BLE001  (whatever it is: it is no login, and the operator has to learn of it)
            surprise("login-failed", error, address=address)
        else:
            return visit
        await self._pause(max(0.0, verdict_at - self._clock()))
        return None

    async def _authorise(self, name: str) -> tuple[Route, Grant]:
        """Find out whether a name may log in. Every look-up is made, also when an earlier one has failed."""
        route = parse_user_name(name) or _NOBODY
        grant = await self._accounts.find_grant(token_digest(route.token))
        record = await self._directory.find(route.session)
        if grant is None:
            raise _Refused("no such token" if route is not _NOBODY else "malformed user name")
        if not hmac.compare_digest(grant.account, route.account):
            raise _Refused("the token is of another account")
        if not grant.allows(Permission.EXECUTE):
            raise _Refused(f"the token has no permission '{Permission.EXECUTE}'")
        if record is None or record.account != grant.account:
            raise _Refused("no such session in the account")
        if not record.state.is_open:
            raise _Refused("the session stands by: its step runs, and nobody has enabled it")
        if record.end_to_end:
            raise _Refused("the agent takes end-to-end logins only")
        return route, grant


class _Refused(Exception):
    """Why a login is refused; for the journal only."""


class _Guest(asyncssh.SSHServer):
    """asyncssh's view of one connection, until it is let in and after it has ended."""

    def __init__(self, front: SshFront) -> None:
        self._front = front
        self._user: UserSide | None = None
        self._address = ""
        self._entered = False
        self._attempts = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Let a connection in if there is room."""
        assert isinstance(conn, UserSide)
        self._user = conn
        peer = conn.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        self._entered = self._front.doorman.enter(self._address)
        if self._entered:
            self._front.users[conn] = None
        else:
            conn.abort()

    async def begin_auth(self, username: str) -> bool:
        """Authenticate by the user name alone: False lets the user in, True asks for another method."""
        user = self._user
        if user is None:
            return True
        self._attempts += 1
        if self._attempts > ATTEMPT_LIMIT:
            raise asyncssh.DisconnectError(DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "Too many user names")
        # What a client sends meanwhile stays in its own buffers.
        user.set_reading(False)
        visit = await self._front.admit(user, username, self._address)
        if visit is not None:
            self._welcome(user, visit)
            return False
        user.set_reading(True)
        user.send_auth_banner(REFUSAL)
        return True

    def _welcome(self, user: UserSide, visit: Visit) -> None:
        self._front.doorman.recognise(self._address)
        self._front.users[user] = visit
        event("login", session=visit.session, account=visit.account, user=visit.user, address=visit.address)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection out."""
        if self._user is None or not self._entered:
            return
        visit = self._front.users.pop(self._user)
        self._front.doorman.leave(self._address, recognised=visit is not None)
        if visit is not None:
            event(
                "logout", session=visit.session, account=visit.account, user=visit.user, address=visit.address
            )


def _login(visit: Visit) -> Login:
    return Login(
        kind="bridge",
        user=visit.user,
        account=visit.account,
        address=visit.address,
        permission=Permission.EXECUTE,
    )
