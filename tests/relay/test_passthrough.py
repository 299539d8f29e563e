"""The bridge on its own, over loopback: what it does with what nobody sends who is honest."""

import asyncio
import hashlib
import inspect
from collections.abc import Callable

import asyncssh
import pytest
from asyncssh.connection import SSHConnection
from asyncssh.constants import MSG_UNIMPLEMENTED
from asyncssh.crypto.cipher import GCMCipher
from asyncssh.encryption import GCMEncryption
from asyncssh.packet import SSHPacket, SSHPacketHandler

from relay.errors import BridgeFailed
from relay.packets import PACKET_LIMIT
from relay.passthrough import WRITE_LIMIT, Side, UserSide, bridge
from tunnel.gcm import HEADER_SIZE, TAG_SIZE
from tunnel.tuning import SSH_OPTIONS

LEANED_ON = [
    SSHConnection._recv_data,
    SSHConnection._recv_pkthdr,
    SSHConnection._recv_packet,
    SSHConnection._finish_recv_packet,
    SSHConnection.send_packet,
    SSHConnection._send_deferred_packets,
    SSHConnection._send_kexinit,
    SSHConnection.send_newkeys,
    SSHConnection.send_userauth_success,
    SSHConnection.send_userauth_failure,
    SSHConnection._send_disconnect,
    SSHConnection._process_disconnect,
    SSHConnection._process_newkeys,
    SSHConnection._process_userauth_success,
    SSHConnection._force_close,
    SSHConnection._cleanup,
    SSHConnection.connection_made,
    SSHPacketHandler.process_packet,
    GCMEncryption,
    GCMCipher,
]

ASYNCSSH = "489281aaab3606cf703222b7ef3fe84fa133291056dffd35f1da8c2a49e4a89e"
"""SHA-256 of the text of all that is leaned on, in the release that was read."""


def test_asyncssh_is_the_one_that_was_read() -> None:
    text = "".join(inspect.getsource(part) for part in LEANED_ON)
    found = hashlib.sha256(text.encode()).hexdigest()
    assert found == ASYNCSSH, (
        "asyncssh has changed below relay/passthrough.py: read it again, then renew the digest"
    )


READ_SIZE = 256 * 1024
"""Bytes that asyncio reads at once."""


class Agent(asyncssh.SSHServer):
    """Lets the relay in, and writes as much as a command asks for, as fast as it is taken."""

    def begin_auth(self, username: str) -> bool:
        return username == "joe"


async def write_much(process: asyncssh.SSHServerProcess[bytes]) -> None:
    for _ in range(int(process.command)):
        process.stdout.write(bytes(1 << 20))
    process.exit(0)


class SocketStream:
    """A TCP connection in the place of a tunnel's stream."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.agent_side: Side | None = None

    def start(self, protocol: asyncio.Protocol) -> None:
        self.agent_side = protocol
        connecting = asyncio.get_running_loop().create_connection(lambda: protocol, "127.0.0.1", self._port)
        self._task = asyncio.create_task(connecting)


class Bench:
    """A user's client, both sides of a bridge, and an agent."""

    def __init__(self) -> None:
        self.user: UserSide | None = None
        self.agent: Side | None = None
        self.failure: Exception | None = None
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    async def log_in(self, port: int) -> asyncssh.SSHClientConnection:
        bench = self

        class Client(asyncssh.SSHClient):
            def connection_lost(self, exc: Exception | None) -> None:
                if not bench.lost.done():
                    bench.lost.set_result(exc)

        return await asyncssh.connect(
            "127.0.0.1",
            port,
            client_factory=Client,
            known_hosts=None,
            client_keys=None,
            config=None,
            **SSH_OPTIONS,
        )


@pytest.fixture
async def agent_port():
    listener = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Agent,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=write_much,
        encoding=None,
        config=None,
        **SSH_OPTIONS,
    )
    async with listener:
        yield listener.get_port()


@pytest.fixture
async def bench(agent_port):
    made = Bench()

    class Guest(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            made.user = conn

        async def begin_auth(self, username: str) -> bool:
            stream = SocketStream(agent_port)
            made.user.set_reading(False)
            try:
                await bridge(made.user, stream, made.login)
            except BridgeFailed as error:
                made.failure = error
                made.user.set_reading(True)
                return True
            made.agent = stream.agent_side
            return False

    made.login = "relay"
    options = asyncssh.SSHServerConnectionOptions(
        server_factory=Guest,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        config=None,
        **SSH_OPTIONS,
    )
    server = await asyncio.get_running_loop().create_server(lambda: UserSide(options), "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made
        for side in (made.user, made.agent):
            if side is not None:
                side.abort()
                await side.wait_closed()


@pytest.fixture
async def client(bench):
    connection = await bench.log_in(bench.port)
    yield connection
    connection.abort()
    await connection.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def in_memory(bench: Bench) -> int:
    """Bytes that the relay holds for the login."""
    user, agent = bench.user, bench.agent
    deferred = sum(len(part) for _, parts in user._deferred_packets for part in parts)
    return user._transport.get_write_buffer_size() + deferred + len(agent._inpbuf) + len(user._inpbuf)


async def read_all(process: asyncssh.SSHClientProcess[bytes]) -> int:
    return len(await process.stdout.read())


async def test_a_client_that_does_not_read_costs_bounded_memory(bench, client) -> None:
    process = await client.create_process("64", encoding=None, window=0xFFFFFFFF)
    client._transport.pause_reading()
    await until(lambda: not bench.agent._transport.is_reading())
    assert in_memory(bench) <= WRITE_LIMIT + 2 * READ_SIZE
    client._transport.resume_reading()
    assert await read_all(process) == 64 << 20


async def test_a_client_that_stops_in_a_key_exchange_costs_bounded_memory(bench, client) -> None:
    process = await client.create_process("64", encoding=None, window=0xFFFFFFFF)
    client._transport.pause_reading()
    bench.user._send_kexinit()
    bench.user._kexinit_sent = True
    await until(lambda: not bench.agent._transport.is_reading())
    assert in_memory(bench) <= WRITE_LIMIT + 2 * READ_SIZE
    client._transport.resume_reading()
    assert await read_all(process) == 64 << 20
    assert bench.agent._transport.is_reading()


async def test_the_relay_changes_keys_as_often_as_it_should(bench, client, monkeypatch) -> None:
    changes: list[str] = []
    change = Side.send_newkeys
    monkeypatch.setattr(
        Side, "send_newkeys", lambda side, *args: changes.append(repr(side)) or change(side, *args)
    )
    bench.user._rekey_bytes = 1 << 20
    process = await client.create_process("8", encoding=None)
    assert await read_all(process) == 8 << 20
    assert 6 <= len(changes) <= 8


async def test_a_closed_side_still_sends_what_was_written(bench, client) -> None:
    await client.create_process("64", encoding=None, window=0xFFFFFFFF)
    client._transport.pause_reading()
    await until(lambda: not bench.agent._transport.is_reading())
    bench.agent.abort()
    await until(lambda: not bench.user.is_open)
    client._transport.resume_reading()
    reason = await asyncio.wait_for(bench.lost, 10)
    assert reason.reason == UserSide.peer_is_gone


def seal(client: asyncssh.SSHClientConnection, plain: bytes) -> bytes:
    header = len(plain).to_bytes(4)
    packet, tag = client._send_encryption.encrypt_packet(0, header, plain)
    return packet + tag


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda client: bytes(64), "Invalid packet length"),
        (lambda client: (PACKET_LIMIT + 1).to_bytes(4) + bytes(64), "Invalid packet length"),
        (lambda client: (16).to_bytes(HEADER_SIZE) + bytes(16 + TAG_SIZE), "MAC verification failed"),
        (lambda client: seal(client, b"\3\x5e" + bytes(14)), "Invalid padding"),
        (lambda client: seal(client, b"\x0f\x5e" + bytes(14)), "Invalid padding"),
        (lambda client: seal(client, b"\xff\x5e" + bytes(14)), "Invalid padding"),
    ],
    ids=["too short", "too long", "forged", "little padding", "no message", "padding beyond"],
)
async def test_a_packet_that_is_none_ends_both_connections(bench, client, make, words: str) -> None:
    client._transport.write(make(client))
    reason = await asyncio.wait_for(bench.lost, 10)
    assert reason.reason == words
    await asyncio.wait_for(bench.agent.wait_closed(), 10)


async def test_a_message_that_nobody_knows_is_answered_with_its_number(bench, client) -> None:
    process = await client.create_process("1", encoding=None)
    assert await read_all(process) == 1 << 20
    answer = asyncio.get_running_loop().create_future()

    def take(conn: SSHConnection, kind: int, number: int, packet: SSHPacket) -> None:
        answer.set_result(packet.get_uint32())

    client._packet_handlers = client._packet_handlers | {MSG_UNIMPLEMENTED: take}
    client.send_packet(192)
    # The first number went to an SSH_MSG_IGNORE, which asyncssh's own client sends before each packet.
    assert await asyncio.wait_for(answer, 10) == client._send_seq - 1


async def test_a_broken_message_is_the_agents_to_refuse(bench, client) -> None:
    client.send_packet(94, b"\0\0")  # channel data without a channel
    reason = await asyncio.wait_for(bench.lost, 10)
    assert reason.reason == "Incomplete channel request received"


async def test_an_agent_that_lets_nobody_in_fails_the_bridge(bench) -> None:
    bench.login = "joe"
    with pytest.raises(asyncssh.PermissionDenied):
        await bench.log_in(bench.port)
    assert isinstance(bench.failure, BridgeFailed)


async def test_a_user_who_goes_away_takes_the_agents_side_along(bench, client) -> None:
    assert repr(bench.user) == "<UserSide open>"
    client.abort()
    await asyncio.wait_for(bench.agent.wait_closed(), 10)
    assert repr(bench.agent) == "<AgentSide closed>"
