"""The agent's SSH server: who may log in, and what a login may open.

It does not know what carries its bytes: a loopback socket, a stream of the tunnel, or `agent connect`.
"""

import itertools
from dataclasses import dataclass, field
from typing import Protocol

import asyncssh

from agent.session.channel import Channel
from agent.session.visitors import BRIDGE, LOOPBACK, Visitor, same_secret, visitor
from agent.session.workshop import Workshop
from tunnel.adapter import Acceptor
from tunnel.tuning import (
    SERVER_VERSION,
    SSH_OPTIONS,
    channel_count,
    disconnect,
    silence,
    skip_ignores,
    speed_up,
    when_congested,
)

MAX_LOGINS = 64
"""Connections at a time, those that have not logged in yet among them: each costs some 100 KiB."""

MAX_CHANNELS = 64
"""Channels of one login: with a window of 2 MiB each, what a login can make us hold is bounded."""

LOGIN_SECONDS = 30
"""Time to authenticate, after which a connection is closed."""

_WRONG_NAME = "Holdfast: that is not this session's id. Copy the whole ssh command from the build log.\n"


class Observer(Protocol):
    """Whoever wants to know who comes and goes."""

    def login(self, login: "Login") -> None:
        """Somebody has logged in."""

    def logout(self, login: "Login") -> None:
        """Somebody has left."""


@dataclass(frozen=True, slots=True)
class Door:
    """Who is let in: by the session id, by keys, or as the relay says."""

    session: str
    keys: asyncssh.SSHAuthorizedKeys | None

    def needs_key(self, guest: Visitor, user: str) -> bool:
        """Tell whether this guest must show a key; on loopback without keys the session id is the secret."""
        if guest.kind == BRIDGE:
            return False
        if self.keys is not None:
            return True
        return guest.kind == LOOPBACK and not same_secret(user, self.session)


@dataclass(slots=True, eq=False)
class Login:
    """One user's connection to the session, with its open channels."""

    number: int
    guest: Visitor
    connection: asyncssh.SSHServerConnection
    channels: set[Channel] = field(default_factory=set)
    congested: bool = False

    def set_congested(self, congested: bool) -> None:
        """The client's side takes no more, or does again: its channels keep the pace."""
        self.congested = congested
        for channel in tuple(self.channels):
            channel.pace()


class Reception(asyncssh.SSHServer):
    """One connection, from its first byte to its end."""

    def __init__(self, host: "Host") -> None:
        self._host = host
        self._login: Login | None = None
        self._connection: asyncssh.SSHServerConnection | None = None
        self._guest: Visitor | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Take a connection, or close it if there are too many."""
        self._connection = conn
        self._guest = visitor(conn.get_extra_info)
        skip_ignores(conn)
        speed_up(conn)
        if not self._host.admit(self):
            conn.disconnect(asyncssh.DISC_TOO_MANY_CONNECTIONS, f"at most {MAX_LOGINS} connections at a time")

    def begin_auth(self, username: str) -> bool:
        """Let in who needs no key; the others are told what the log asks for."""
        assert self._connection and self._guest
        door = self._host.door
        if not door.needs_key(self._guest, username):
            return False
        if door.keys is None:
            self._connection.send_auth_banner(_WRONG_NAME)
        else:
            self._connection.set_authorized_keys(door.keys)
        return True

    def public_key_auth_supported(self) -> bool:
        """Keys help only where there are some."""
        return self._host.door.keys is not None

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Say which key was refused: asyncssh asks here about those that are not in the list."""
        assert self._connection
        fingerprint = f"{key.get_algorithm()} {key.get_fingerprint()}"
        self._connection.send_auth_banner(
            f"Holdfast: key {fingerprint} is not among this session's authorised keys.\n"
        )
        return False

    def auth_completed(self) -> None:
        """The user is in."""
        assert self._connection and self._guest
        self._login = self._host.log_in(self._guest, self._connection)

    def connection_lost(self, exc: Exception | None) -> None:
        """The user has left, or never came in."""
        self._host.log_out(self, self._login)

    def session_requested(self) -> Channel | bool:
        """Open a channel for a shell, a command or sftp."""
        return Channel(self._login, self._host.workshop) if self._login and self._has_room() else False

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        """Forward to what the container reaches (`ssh -L`)."""
        return self._has_room()

    def unix_connection_requested(self, dest_path: str) -> bool:
        """Forward to a socket of the container."""
        return self._has_room()

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        """Listen in the container for the user (`ssh -R`)."""
        return True

    def unix_server_requested(self, listen_path: str) -> bool:
        """Listen on a socket of the container for the user."""
        return True

    def _has_room(self) -> bool:
        return self._connection is not None and channel_count(self._connection) < MAX_CHANNELS


class Host:
    """All logins of one session."""

    def __init__(self, door: Door, workshop: Workshop, observer: Observer) -> None:
        self.door = door
        self.workshop = workshop
        self._observer = observer
        self._numbers = itertools.count(1)
        self._present: set[Reception] = set()
        self.logins: dict[int, Login] = {}

    def admit(self, reception: Reception) -> bool:
        """Count a connection; False if there are too many."""
        if len(self._present) >= MAX_LOGINS:
            return False
        self._present.add(reception)
        return True

    def log_in(self, guest: Visitor, connection: asyncssh.SSHServerConnection) -> Login:
        """Note a login."""
        login = Login(next(self._numbers), guest, connection)
        when_congested(connection, login.set_congested)
        self.logins[login.number] = login
        self._observer.login(login)
        return login

    def log_out(self, reception: Reception, login: Login | None) -> None:
        """Forget a connection."""
        self._present.discard(reception)
        if login is not None and login.number in self.logins:
            del self.logins[login.number]
            self._observer.logout(login)

    @property
    def busy(self) -> bool:
        """Whether a command runs in any channel."""
        return any(channel.busy for login in self.logins.values() for channel in login.channels)

    def tell(self, text: str) -> None:
        """Show a line to everybody who looks at a terminal."""
        for login in tuple(self.logins.values()):
            for channel in tuple(login.channels):
                channel.tell(text)

    def close(self, reason: str) -> None:
        """Disconnect everybody."""
        for login in tuple(self.logins.values()):
            disconnect(login.connection, asyncssh.DISC_BY_APPLICATION, reason)


async def listen(host: Host, host_key: asyncssh.SSHKey) -> Acceptor:
    """Return what makes SSH connections out of transports."""
    silence()
    acceptor = Acceptor()
    await asyncssh.listen(
        tunnel=acceptor,
        server_factory=lambda: Reception(host),
        server_host_keys=[host_key],
        encoding=None,
        line_editor=False,
        agent_forwarding=True,
        x11_forwarding=False,
        login_timeout=LOGIN_SECONDS,
        server_version=SERVER_VERSION,
        **SSH_OPTIONS,
    )
    return acceptor
