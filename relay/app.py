"""The relay put together: the composition root."""

import asyncio
import json
import os
import resource
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.http11 import Request, Response

from relay import host_key
from relay.accounts_sql import SqlAccounts
from relay.agents import AGENT_PATH, OPEN_SECONDS, AgentDoor, AgentSocket
from relay.api import Api
from relay.config import Address, Config
from relay.directory import MemoryDirectory
from relay.errors import StartFailed
from relay.live import LiveTunnels
from relay.requests import path_of
from relay.ssh_front import SshFront
from tunnel.connection import SERVER_OPTIONS
from tunnel.tuning import silence

THIS_NODE = "here"
"""The place of sessions in a directory that only this node uses."""

BACKLOG = 512
"""Connections that may wait to be accepted: all agents of a node that dial again after a restart."""

STOPPING = "the relay is being stopped; the same command works again once it is back"

SHUTDOWN_SECONDS = 5.0
"""For agents and users to take the farewell."""


@dataclass(frozen=True, slots=True)
class Running:
    """A relay that takes connections: its real addresses, and its host key's fingerprint."""

    http: Address
    ssh: Address
    fingerprint: str

    def announce(self, descriptor: int) -> None:
        """Write one JSON line to a file descriptor and close it: who started the relay waits for it."""
        fields = {"http_port": self.http.port, "ssh_port": self.ssh.port, "host_key": self.fingerprint}
        with os.fdopen(descriptor, "w") as pipe:
            pipe.write(json.dumps(fields) + "\n")


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Running]:
    """Run a relay as long as the context lasts; raises StartFailed."""
    silence()
    async with AsyncExitStack() as stack:
        key = host_key.load_or_make(config.host_key)
        tls = _tls_context(config)
        http_socket = stack.enter_context(_bind(config.http))
        ssh_socket = stack.enter_context(_bind(config.ssh))
        http, ssh = _bound(config.http, http_socket), _bound(config.ssh, ssh_socket)

        accounts = await SqlAccounts.open(config.database)
        stack.push_async_callback(accounts.close)
        directory, live = MemoryDirectory(), LiveTunnels()

        public = config.public_ssh
        ssh_host, ssh_port = (public.host, public.port) if public else (None, ssh.port)
        agents = AgentDoor(
            accounts,
            directory,
            live,
            ssh_host=ssh_host,
            ssh_port=ssh_port,
            ssh_fingerprint=key.get_fingerprint(),
            place=THIS_NODE,
        )
        api = Api(accounts, directory, live.send_message, ssh_host=ssh_host, ssh_port=ssh_port)

        async def check_request(ws: ServerConnection, request: Request) -> Response | None:
            if path_of(request) == AGENT_PATH:
                return await agents.check_request(ws, request)
            return await api.check_request(ws, request)

        websockets = await serve_websockets(
            agents.serve,
            sock=http_socket,
            ssl=tls,
            process_request=check_request,
            open_timeout=OPEN_SECONDS,
            server_header=None,
            backlog=BACKLOG,
            **SERVER_OPTIONS | {"create_connection": AgentSocket},
        )
        front = SshFront(accounts, directory, live.open_stream, key)
        await front.listen(ssh_socket)
        chores = [asyncio.create_task(agents.sweep_forever()), asyncio.create_task(agents.note_changes())]
        try:
            yield Running(http, ssh, key.get_fingerprint())
        finally:
            for chore in chores:
                chore.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(SHUTDOWN_SECONDS):
                    await front.close(STOPPING)
                    # Not the tunnels: agents keep their sessions, and dial the relay that comes next.
                    websockets.close(reason=STOPPING)
                    await websockets.wait_closed()


def allow_many_files() -> None:
    """Raise the soft limit of open files, often 1024, to what we may have: each connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _bind(address: Address) -> socket.socket:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # `socket.create_server` leaves the protocol open, and asyncio sets TCP_NODELAY only where it is TCP;
        # without that, messages wait 40 ms for an acknowledgement.
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartFailed(f"cannot listen on {address}: {error.strerror}") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(where)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise StartFailed(f"cannot listen on {address}: {error.strerror}") from error
    return sock


def _bound(wanted: Address, sock: socket.socket) -> Address:
    return Address(wanted.host, sock.getsockname()[1])


def _tls_context(config: Config) -> ssl.SSLContext | None:
    if config.tls_cert is None or config.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(config.tls_cert, config.tls_key)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or str(error)
        raise StartFailed(f"TLS with {config.tls_cert} and {config.tls_key}: {reason}") from error
    return context
