"""The SSH server by itself: who is let in, and what one login can make us hold."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncssh
import psutil
import pytest

from agent.session.channel import NO_PROCESS, is_scp_server
from agent.session.server import MAX_CHANNELS, Door, Host, Login, listen
from agent.session.visitors import BRIDGE, CONNECT, LOOPBACK, Visitor
from agent.session.workshop import Workshop

SESSION = "abcdefghjkmnpqrstuvwxyz23"
KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER_KEY = asyncssh.generate_private_key("ssh-ed25519")
KEYS = asyncssh.import_authorized_keys(KEY.export_public_key().decode())
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")


@pytest.mark.parametrize(
    ("kind", "keys", "user", "needs_key"),
    [
        (LOOPBACK, None, SESSION, False),
        (LOOPBACK, None, SESSION[:-1] + "4", True),
        (LOOPBACK, None, "", True),
        (LOOPBACK, None, "root", True),
        (LOOPBACK, KEYS, SESSION, True),
        (CONNECT, None, "anybody", False),
        (CONNECT, KEYS, SESSION, True),
        (BRIDGE, KEYS, "alice", False),
        (BRIDGE, None, "alice", False),
    ],
)
def test_who_must_show_a_key(kind: str, keys: Any, user: str, needs_key: bool) -> None:
    assert Door(SESSION, keys).needs_key(Visitor(kind, "", "x"), user) is needs_key


class Register:
    """Who came and went."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def login(self, login: Login) -> None:
        self.lines.append(f"+{login.number}")

    def logout(self, login: Login) -> None:
        self.lines.append(f"-{login.number}")


@pytest.fixture
def serve() -> Callable[..., Any]:
    """Start a server on a loopback port: `async with serve(door) as (host, port, register)`."""

    @asynccontextmanager
    async def start(keys: Any = None) -> AsyncIterator[tuple[Host, int, Register]]:
        register = Register()
        workshop = Workshop(SESSION, {"PATH": "/usr/bin:/bin"}, "/addon")
        host = Host(Door(SESSION, keys), workshop, register)
        acceptor = await listen(host, HOST_KEY)
        server = await asyncio.get_running_loop().create_server(acceptor.protocol_factory, "127.0.0.1", 0)
        yield host, server.sockets[0].getsockname()[1], register
        host.close("the test is over")
        workshop.hang_up()
        server.close()
        await server.wait_closed()

    return start


def client(port: int, user: str = SESSION, **options: Any) -> Any:
    return asyncssh.connect(
        "127.0.0.1",
        port,
        username=user,
        known_hosts=None,
        config=None,
        agent_path=None,
        **{"client_keys": None} | options,
    )


async def test_the_session_id_lets_in_and_nothing_else_does(serve) -> None:
    async with serve() as (_, port, register):
        async with client(port) as connection:
            assert (await connection.run("echo $HOLDFAST_SESSION")).stdout == f"{SESSION}\n"
        with pytest.raises(asyncssh.PermissionDenied):
            await client(port, user="root")
    assert register.lines == ["+1", "-1"]


async def test_with_keys_only_their_owners_come_in_and_others_learn_which_key_was_refused(serve) -> None:
    banners: list[str] = []

    class Client(asyncssh.SSHClient):
        def auth_banner_received(self, msg: str, lang: str) -> None:
            banners.append(msg)

    async with serve(KEYS) as (_, port, _register):
        async with client(port, user="me", client_keys=[KEY]) as connection:
            assert (await connection.run("echo in")).stdout == "in\n"
        with pytest.raises(asyncssh.PermissionDenied):
            await client(port, client_keys=[OTHER_KEY], client_factory=Client)
        with pytest.raises(asyncssh.PermissionDenied):
            await client(port)
    assert OTHER_KEY.get_fingerprint() in banners[0]


async def test_a_login_has_so_many_channels_and_gets_them_back(serve) -> None:
    async with serve() as (_, port, _register), client(port) as connection:
        running = [await connection.create_process("cat") for _ in range(MAX_CHANNELS)]
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_process("cat")
        for process in running:
            process.stdin.write_eof()
        await asyncio.gather(*(process.wait() for process in running))
        assert (await connection.run("echo again")).stdout == "again\n"


async def test_a_client_that_does_not_read_costs_bounded_memory(serve) -> None:
    """It claims a window of 1 GiB and stops reading: the command waits, and little is held."""
    async with serve() as (host, port, _register), client(port) as connection:
        transport = connection.get_extra_info("socket")
        assert isinstance(transport, asyncio.trsock.TransportSocket)
        process = await connection.create_process("yes | head -c 200000000", window=1 << 30, encoding=None)
        connection._transport.pause_reading()
        login = next(iter(host.logins.values()))
        async with asyncio.timeout(20):
            while not login.congested:
                await asyncio.sleep(0)
        held = login.connection._transport.get_write_buffer_size()
        assert held < 1 << 20
        connection._transport.resume_reading()
        assert len((await process.communicate())[0]) == 200_000_000


async def test_a_shell_whose_login_was_cut_is_found_again(serve) -> None:
    async with serve() as (host, port, _register):
        first = await client(port)
        shell = await first.create_process(term_type="dumb", encoding=None)
        shell.stdin.write(b"export KEPT=here; echo rea''dy\n")
        await shell.stdout.readuntil(b"ready")
        first.abort()
        await first.wait_closed()
        async with asyncio.timeout(20):
            while host.logins:
                await asyncio.sleep(0)
        async with client(port) as connection:
            again = await connection.create_process(term_type="dumb", encoding=None)
            again.stdin.write(b"echo $KEPT-$((6 * 7)); exit 5\n")
            await again.stdout.readuntil(b"here-42")
            assert (await again.wait()).exit_status == 5


async def test_noise_before_ssh_ends_the_connection_and_nothing_else(serve) -> None:
    async with serve() as (_, port, _register):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(10):
            assert (await reader.read()).startswith(b"SSH-2.0-OpenSSH_Holdfast")
        writer.close()
        async with client(port) as connection:
            assert (await connection.run("echo fine")).stdout == "fine\n"


async def test_a_forwarded_port_reaches_what_the_container_reaches(serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with serve() as (_, port, _register), client(port) as connection:
            reader, writer = await connection.open_connection("127.0.0.1", listener.getsockname()[1])
            peer, _ = listener.accept()
            with peer:
                peer.sendall(b"hello")
                assert await reader.readexactly(5) == b"hello"
            writer.close()


async def test_a_channel_closed_while_its_input_is_held_back_ends_its_command(serve) -> None:
    async with serve() as (host, port, _register), client(port) as connection:
        process = await connection.create_process("echo $$; exec sleep 60", encoding=None)
        pid = int(await process.stdout.readline())
        process.stdin.write(bytes(1 << 20))
        login = next(iter(host.logins.values()))
        async with asyncio.timeout(20):
            while not next(iter(login.channels))._chan._recv_paused:
                await asyncio.sleep(0)
        process.close()
        async with asyncio.timeout(20):
            while login.channels:
                await asyncio.sleep(0)
        async with asyncio.timeout(20):
            while psutil.pid_exists(pid):
                await asyncio.sleep(0)


async def test_a_command_that_reads_slowly_costs_bounded_memory(serve) -> None:
    slow = "while [ $(head -c 65536 | wc -c) -gt 0 ]; do :; done"
    async with serve() as (host, port, _register), client(port) as connection:
        process = await connection.create_process(slow, encoding=None)
        upload = asyncio.create_task(process.communicate(bytes(24 << 20)))
        login = next(iter(host.logins.values()))
        most = 0
        while not upload.done():
            for channel in login.channels:
                held = sum(len(data) for data, _ in channel._chan._recv_buf)
                most = max(most, held + len(channel._command._sink._held))
            await asyncio.sleep(0)
    assert most < 8 << 20


async def test_a_fifo_is_refused_by_sftp_and_nobody_waits(serve, tmp_path) -> None:
    os.mkfifo(tmp_path / "fifo")
    async with (
        serve() as (_, port, _register),
        client(port) as connection,
        connection.start_sftp_client() as sftp,
    ):
        for mode in ("rb", "wb"):
            with pytest.raises(asyncssh.SFTPError):
                await sftp.open(str(tmp_path / "fifo"), mode)
        assert await sftp.listdir(str(tmp_path)) == [".", "..", "fifo"]


async def test_what_no_process_can_be_given_ends_its_channel_only(serve) -> None:
    async with serve() as (_, port, _register), client(port) as connection:
        for options in ({"command": "echo \0"}, {"command": "echo", "term_type": "x\0y"}):
            done = await connection.run(**options)
            assert done.exit_status == NO_PROCESS
        assert (await connection.run("echo fine")).stdout == "fine\n"


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        ("scp -t /tmp", True),
        ("scp -v -r -p -f x", True),
        ("scp -pt 'a b'", True),
        ("scp /etc/hostname /tmp/x", False),
        ("scp don't", False),
        ("scp", False),
        ("scpx -t /tmp", False),
    ],
)
def test_which_commands_are_an_old_scps_other_end(command: str, ours: bool) -> None:
    assert is_scp_server(command) is ours
