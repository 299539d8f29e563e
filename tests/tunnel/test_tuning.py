"""What we know of asyncssh's inside is still so; each of these would fail in silence otherwise."""

import asyncio
import inspect
import re

import asyncssh
import pytest
from asyncssh.channel import SSHChannel
from asyncssh.connection import SSHConnection
from asyncssh.encryption import get_encryption

from tunnel.gcm import Gcm
from tunnel.tuning import SERVER_VERSION, SSH_OPTIONS, channel_count, skip_ignores, speed_up, when_congested

KEY = asyncssh.generate_private_key("ssh-ed25519")


def source(function: object) -> str:
    return inspect.getsource(function)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "pattern"),
    [
        # skip_ignores: before a packet an ignore is sent, by the same method.
        (SSHConnection.send_packet, r"self\.send_packet\(MSG_IGNORE, String\(b''\)\)"),
        # when_congested: the transport's wishes are ignored, so nothing is lost by taking them over.
        (SSHConnection.pause_writing, r"# Do nothing with this for now"),
        (SSHConnection.resume_writing, r"# Do nothing with this for now"),
        # when_reader_gone: handlers of channel requests are looked up by name on the channel.
        (SSHChannel._service_next_request, r"'_process_' \+ map_handler_name\(request\) \+ '_request'"),
        # disconnect: the channels are closed before it is said why.
        (SSHConnection.disconnect, r"(?s)chan\.close\(\).*self\._send_disconnect\(code, reason, lang\)"),
        # speed_up: the two ciphers that a key exchange leaves behind.
        (SSHConnection.send_newkeys, r"self\._send_encryption = "),
        (SSHConnection.send_newkeys, r"self\._next_recv_encryption = "),
    ],
)
def test_asyncssh_is_as_we_know_it(function: object, pattern: str) -> None:
    assert re.search(pattern, source(function))


async def test_a_tuned_server_serves() -> None:
    """Over real connections: our ciphers, no ignores, congestion told, channels counted, the version sent."""
    servers: list[asyncssh.SSHServerConnection] = []
    congestion: list[bool] = []

    class Server(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            skip_ignores(conn)
            speed_up(conn)
            when_congested(conn, congestion.append)
            servers.append(conn)

        def begin_auth(self, username: str) -> bool:
            return False

    async def flood(process: asyncssh.SSHServerProcess[bytes]) -> None:
        process.stdout.write(bytes(8 << 20))
        await process.stdin.read()
        process.exit(channel_count(servers[0]))

    listener = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Server,
        server_host_keys=[KEY],
        process_factory=flood,
        encoding=None,
        server_version=SERVER_VERSION,
        **SSH_OPTIONS,
    )
    async with (
        listener,
        asyncssh.connect(
            "127.0.0.1",
            listener.get_port(),
            known_hosts=None,
            config=None,
            client_keys=None,
            agent_path=None,
            rekey_bytes=1 << 20,  # the ciphers are taken over again and again
        ) as client,
    ):
        assert client.get_extra_info("server_version") == f"SSH-2.0-{SERVER_VERSION}"
        process = await client.create_process(encoding=None, window=16 << 20)
        assert len(await process.stdout.readexactly(8 << 20)) == 8 << 20
        assert isinstance(servers[0]._send_encryption, Gcm)
        assert isinstance(servers[0]._recv_encryption, Gcm)
        process.stdin.write_eof()
        assert (await process.wait()).exit_status == 1
    assert congestion[:2] == [True, False]
    await listener.wait_closed()
    await asyncio.sleep(0)


def test_the_map_of_handlers_makes_the_name_that_we_set() -> None:
    from asyncssh.misc import map_handler_name  # noqa: PLC0415

    assert (
        f"_process_{map_handler_name('eow@openssh.com')}_request" == "_process_eow_at_openssh_dot_com_request"
    )


def test_the_cipher_that_is_taken_over_is_the_one_that_is_offered() -> None:
    for name in SSH_OPTIONS["encryption_algs"]:
        assert Gcm.taking_over(get_encryption(name.encode(), bytes(32 if "256" in name else 16), bytes(12)))
