"""What passes through the bridge, with the real OpenSSH client: everything that the agent offers."""

import asyncio
import hashlib
import os

import asyncssh
import ptyprocess
import pytest
from asyncssh.constants import DISC_BY_APPLICATION

from relay.passthrough import UserSide
from tunnel.tuning import SSH_OPTIONS, disconnect

ALL_BYTES = bytes(range(256))


@pytest.fixture
async def agent(start_agent):
    return await start_agent()


@pytest.mark.parametrize("separator", [":", "+"])
async def test_output_error_and_status_arrive_apart(agent, ssh, user_name, separator) -> None:
    done = await ssh(user_name(agent, separator), "echo out; echo err >&2; exit 3")
    assert (done.status, done.out, done.err) == (3, b"out\n", b"err\n")
    assert agent.logins == [("bridge", "joe")]


async def test_a_death_by_signal_arrives(agent, ssh, user_name) -> None:
    done = await ssh(user_name(agent), "kill -TERM $$")
    assert done.status == 255  # ssh's own way to say: no exit status


async def test_all_bytes_both_ways_and_half_close(agent, ssh, user_name) -> None:
    # `cat` speaks again after its input has ended: the end of file travels apart from the close.
    done = await ssh(user_name(agent), "cat; printf end", stdin=ALL_BYTES * 1000)
    assert done.out == ALL_BYTES * 1000 + b"end"


@pytest.mark.parametrize("client", [["-oRekeyLimit=1M"], []], ids=["client rekeys", "relay and agent rekey"])
async def test_keys_change_in_the_middle_of_a_transfer(agent, ssh, user_name, monkeypatch, client) -> None:
    if not client:
        monkeypatch.setitem(SSH_OPTIONS, "rekey_bytes", 1 << 20)
    data = os.urandom(1 << 20) * 8
    done = await ssh(user_name(agent), "cat", stdin=data, options=tuple(client))
    assert hashlib.sha256(done.out).digest() == hashlib.sha256(data).digest()


async def test_a_websocket_cut_in_the_middle_of_a_transfer_is_not_noticed(agent, ssh, user_name) -> None:
    data = os.urandom(1 << 20) * 16
    agent.cuts = [1 << 20, 5 << 20, 9 << 20]
    done = await ssh(user_name(agent), "cat", stdin=data)
    assert (done.status, len(done.out)) == (0, len(data))
    assert hashlib.sha256(done.out).digest() == hashlib.sha256(data).digest()
    assert agent.resumed == 3


async def test_sftp_keeps_files(agent, run, ssh_options, user_name, tmp_path) -> None:
    data = os.urandom(1 << 20) * 3
    (tmp_path / "there").write_bytes(data)
    batch = f"put {tmp_path}/there {tmp_path}/copied\nget {tmp_path}/copied {tmp_path}/back\n"
    # With `+`, for sftp cuts a user name at its first colon.
    target = f"{user_name(agent, '+')}@127.0.0.1"
    done = await run("sftp", *ssh_options, "-b", "-", target, stdin=batch.encode())
    assert done.status == 0, done.err
    assert (tmp_path / "back").read_bytes() == data


async def test_forwarding_to_the_agents_side(agent, run, ssh_options, user_name, echo_server) -> None:
    target = ["-l", user_name(agent), "127.0.0.1"]
    done = await run("ssh", *ssh_options, "-W", f"127.0.0.1:{echo_server}", *target, stdin=ALL_BYTES * 300)
    assert done.out == ALL_BYTES * 300


async def test_forwarding_from_the_agents_side(agent, relay, user_name, echo_server) -> None:
    async with log_in(relay, user_name(agent)) as user:
        listener = await user.forward_remote_port("127.0.0.1", 0, "127.0.0.1", echo_server)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.get_port())
        writer.write(ALL_BYTES)
        writer.write_eof()
        assert await reader.read() == ALL_BYTES
        writer.close()
        await writer.wait_closed()


async def test_terminal_sizes_and_signals(agent, relay, user_name) -> None:
    async with log_in(relay, user_name(agent)) as user:
        shell = await user.create_process(term_type="xterm", term_size=(80, 24))
        assert await shell.stdout.readline() == "size 80 24\r\n"
        shell.change_terminal_size(132, 43)
        assert await shell.stdout.readline() == "size 132 43\r\n"
        shell.send_signal("USR1")
        assert await shell.stdout.readline() == "signal USR1\r\n"
        shell.stdin.write("q")
        await shell.wait_closed()
        assert shell.exit_status == 7


async def test_a_real_terminal_is_resized(agent, ssh_options, user_name) -> None:
    argv = ["ssh", *ssh_options, "-tt", "-l", user_name(agent), "127.0.0.1"]
    terminal = ptyprocess.PtyProcess.spawn(argv, dimensions=(24, 80))
    try:
        assert await asyncio.to_thread(terminal.readline) == b"size 80 24\r\n"
        terminal.setwinsize(50, 100)
        assert await asyncio.to_thread(terminal.readline) == b"size 100 50\r\n"
        terminal.write(b"q")
        assert await asyncio.to_thread(terminal.wait) == 7
    finally:
        terminal.close(force=True)


async def test_an_agent_that_leaves_ends_the_login_with_a_reason(agent, relay, user_name) -> None:
    lost = asyncio.get_running_loop().create_future()

    class Client(asyncssh.SSHClient):
        def connection_lost(self, exc: Exception | None) -> None:
            lost.set_result(exc)

    async with log_in(relay, user_name(agent), client_factory=Client):
        await agent.stop()
        reason = await asyncio.wait_for(lost, 10)
    assert isinstance(reason, asyncssh.DisconnectError)
    assert reason.reason == UserSide.peer_is_gone


async def test_an_agents_farewell_arrives_in_its_own_words(agent, ssh, user_name) -> None:
    login = asyncio.create_task(ssh(user_name(agent), "exec sleep 60", options=("-oLogLevel=INFO",)))
    await asyncio.wait_for(agent.working.wait(), 10)
    disconnect(agent.connections[0], DISC_BY_APPLICATION, "that was all")
    done = await login
    assert done.status == 255
    assert b":11: that was all" in done.err


async def test_a_user_who_leaves_is_gone_at_the_agents_side(agent, relay, user_name) -> None:
    async with log_in(relay, user_name(agent)) as user:
        await user.run("true")
    await asyncio.wait_for(agent.logout.wait(), 5)


def log_in(relay, name: str, **options):
    return asyncssh.connect(
        "127.0.0.1",
        relay.running.ssh.port,
        username=name,
        known_hosts=None,
        client_keys=None,
        agent_path=None,
        config=None,
        **options,
        **SSH_OPTIONS,
    )


@pytest.fixture
async def echo_server():
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
