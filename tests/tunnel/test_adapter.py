"""asyncssh over tunnel streams and sockets, with one SSH server; and how much memory a slow client costs."""

import asyncio

import asyncssh
import pytest

from tunnel.adapter import Acceptor, Connector
from tunnel.errors import LocalProtocolError
from tunnel.messages import Login
from tunnel.protocol import DEFAULT_LIMITS

CHUNK = bytes(32 * 1024)
SSH_WINDOW = 512 * 1024  # bytes that the client allows on a channel
KEY = asyncssh.generate_private_key("ssh-ed25519")
CLIENT = {"username": "ada", "known_hosts": None, "client_keys": None, "config": None, "agent_path": None}


class OpenDoor(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


class Flood:
    """A command that writes as long as it may, and counts."""

    def __init__(self) -> None:
        self.written = 0

    async def run(self, process: asyncssh.SSHServerProcess) -> None:
        if process.command == "flood":
            while not process.stdout.is_closing():
                process.stdout.write(CHUNK)
                self.written += len(CHUNK)
                await process.stdout.drain()
        else:
            process.stdout.write(process.command.upper().encode())
            process.exit(7)


@pytest.fixture
def flood() -> Flood:
    return Flood()


@pytest.fixture
async def acceptor(rig, flood):
    """An SSH server for the streams that the rig's client gets."""
    acceptor = Acceptor()
    server = await asyncssh.listen(
        tunnel=acceptor,
        server_factory=OpenDoor,
        process_factory=flood.run,
        server_host_keys=[KEY],
        encoding=None,
        config=None,
    )
    rig.client._on_stream = acceptor.accept
    await rig.connect()
    yield acceptor
    server.close()
    await server.wait_closed()


async def test_commands_run_through_a_stream(rig, acceptor) -> None:
    stream = rig.server.open_stream(Login("bridge"))
    async with asyncssh.connect("session", tunnel=Connector(stream), **CLIENT) as connection:
        result = await connection.run("hello")
    assert (result.stdout, result.exit_status) == ("HELLO", 7)


async def test_the_same_server_takes_sockets(acceptor) -> None:
    server = await asyncio.get_running_loop().create_server(acceptor.protocol_factory, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with asyncssh.connect("127.0.0.1", port, **CLIENT) as connection:
            assert (await connection.run("hello")).stdout == "HELLO"


async def test_a_connection_survives_a_lost_websocket(rig, acceptor) -> None:
    stream = rig.server.open_stream(Login("bridge"))
    async with asyncssh.connect("session", tunnel=Connector(stream), **CLIENT) as connection:
        await rig.cut()
        running = asyncio.ensure_future(connection.run("hello"))
        await rig.connect()
        assert (await running).stdout == "HELLO"


async def test_a_connection_lost_with_its_stream_says_so(rig, acceptor) -> None:
    stream = rig.server.open_stream(Login("bridge"))
    connection = await asyncssh.connect("session", tunnel=Connector(stream), **CLIENT)
    process = await connection.create_process("flood", encoding=None)
    rig.client.close("over")
    await connection.wait_closed()
    await process.wait_closed()


async def test_a_client_that_does_not_read_costs_no_more_than_its_windows(
    rig, acceptor, flood, until
) -> None:
    stream = rig.server.open_stream(Login("bridge"))
    async with asyncssh.connect("session", tunnel=Connector(stream), **CLIENT) as connection:
        process = await connection.create_process("flood", encoding=None, window=SSH_WINDOW)
        stream.pause_reading()  # as a bridge does whose user does not read
        before = -1
        while before != flood.written:  # until the command has to wait
            before = flood.written
            for _ in range(100):
                await asyncio.sleep(0)
        (agents,) = rig.client._streams.values()
        held = len(stream._held) + agents.get_write_buffer_size()
        # asyncssh itself lets 64 KiB wait in a channel before `drain` waits (its default high mark).
        assert flood.written <= SSH_WINDOW + 2 * 64 * 1024
        assert held <= min(DEFAULT_LIMITS.window, SSH_WINDOW) + 64 * 1024
        stream.resume_reading()
        assert await process.stdout.readexactly(flood.written)
        process.close()


async def test_nothing_is_accepted_before_or_after_asyncssh_listens(rig, acceptor) -> None:
    acceptor.close()
    for closed in (acceptor, Acceptor()):
        with pytest.raises(LocalProtocolError):
            closed.accept(rig.server.open_stream(Login("bridge")))
    assert acceptor.get_addresses() == []
