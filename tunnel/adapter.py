"""Lets asyncssh listen and connect on any asyncio transport: a tunnel stream, a socket, a pipe.

asyncssh takes as `tunnel` any object with `create_server` or `create_connection` (`_listen` and `_connect` of
`asyncssh/connection.py`, 2.24.1) and from it wants nothing but a protocol that is connected to a transport.

Memory: an SSH connection ignores its transport's `pause_writing`, so what waits in a stream's write buffer is
bounded by channels times the peer's SSH windows only, unless `tunnel.tuning.when_congested` is used. What
comes in never waits: a connection takes the bytes as they come.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import asyncssh

from tunnel.errors import LocalProtocolError
from tunnel.stream import Stream

_Factory = Callable[[str, int], asyncio.Protocol]


class Acceptor:
    """An SSH server for connections that come from elsewhere.

    acceptor = Acceptor()
    server = await asyncssh.listen(tunnel=acceptor, server_factory=..., ...)
    acceptor.accept(stream)                                         a tunnel stream
    await loop.create_server(acceptor.protocol_factory, sock=...)   sockets: the same SSH server
    """

    def __init__(self) -> None:
        self._factory: _Factory | None = None

    def accept(self, stream: Stream) -> asyncssh.SSHServerConnection:
        """Serve SSH on a stream; LocalProtocolError if asyncssh does not listen."""
        connection = self.protocol_factory()
        stream.start(connection)
        return cast("asyncssh.SSHServerConnection", connection)

    def protocol_factory(self) -> asyncio.Protocol:
        """Make an SSH connection that waits for a transport; raises as `accept`."""
        if self._factory is None:
            raise LocalProtocolError("asyncssh does not listen on this acceptor")
        return self._factory("", 0)

    # What asyncssh calls.

    async def create_server(self, session_factory: _Factory, _host: str, _port: int) -> "Acceptor":
        """Begin to listen: asyncssh's call, and what it gets is what its own acceptor wraps."""
        self._factory = session_factory
        return self

    def close(self) -> None:
        """Accept no more; connections live on, as with a closed listener."""
        self._factory = None

    async def wait_closed(self) -> None:
        """Nothing to wait for."""

    def get_addresses(self) -> list[tuple[str, int]]:
        """No address: connections come from elsewhere."""
        return []


class Connector:
    """One SSH client connection over a stream: `asyncssh.connect(name, tunnel=Connector(stream), ...)`."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def create_connection(
        self, session_factory: Callable[[], asyncio.Protocol], _host: str, _port: int
    ) -> tuple[Any, asyncio.Protocol]:
        """Connect: asyncssh's call; only the second item is used."""
        connection = session_factory()
        self._stream.start(connection)
        return self._stream, connection
