"""The relay as a whole: starting, stopping, starting again."""

import asyncio
import gc
import socket
from dataclasses import replace

import asyncssh
import pytest

from relay.app import STOPPING, running
from relay.config import Address
from relay.errors import StartFailed
from tunnel.messages import Reception
from tunnel.tuning import SSH_OPTIONS


async def test_agents_are_told_the_public_address(relay, new_session, agent_of) -> None:
    config = replace(relay.config, public_ssh=Address("ssh.example.com", 22))
    async with running(config) as public:
        agent = agent_of(f"ws://{public.http}/agent")
        await agent.start()
        assert await agent.wait_up() == Reception("acme", "ssh.example.com", 22, public.fingerprint)
        await agent.stop()


async def test_a_relay_that_stops_says_so_and_the_next_one_gets_the_sessions(
    relay, agent_of, ssh_options, run
) -> None:
    lost = asyncio.get_running_loop().create_future()

    class Client(asyncssh.SSHClient):
        def connection_lost(self, exc: Exception | None) -> None:
            lost.set_result(exc)

    async with running(relay.config) as first:
        agent = agent_of(f"ws://{first.http}/agent")
        await agent.start()
        await agent.wait_up()
        name = f"{relay.token}:acme:{agent.session}"
        user = await asyncssh.connect(
            "127.0.0.1",
            first.ssh.port,
            username=name,
            client_factory=Client,
            known_hosts=None,
            config=None,
            **SSH_OPTIONS,
        )
        await user.run("true")
    # `None` is asyncssh's word for a disconnect "by application", which has the reason in it.
    assert await asyncio.wait_for(lost, 10) is None

    async with running(relay.config) as second:
        agent.reception = asyncio.get_running_loop().create_future()
        agent.url = f"ws://{second.http}/agent"
        agent.moved.set()
        await agent.wait_up()
        done = await run(
            "ssh", f"-oPort={second.ssh.port}", *ssh_options, "-l", name, "127.0.0.1", "echo back"
        )
        assert done.out == b"back\n"
        assert not agent.resumed
        await agent.stop()


async def test_what_is_half_started_is_taken_back(config) -> None:
    unusable = replace(config, database="sqlite:////nowhere/relay.db")
    with pytest.raises(Exception, match="unable to open database file"):
        async with running(unusable):
            pass
    with pytest.raises(StartFailed, match=r"cannot listen on no\.such\.host\.invalid:80"):
        async with running(replace(config, http=Address("no.such.host.invalid", 80))):
            pass


async def test_no_message_waits_for_an_acknowledgement(relay, start_agent) -> None:
    def nodelay(port: int) -> set[int]:
        ends = [
            c for c in gc.get_objects() if isinstance(c, asyncio.Transport) and c.get_extra_info("socket")
        ]
        sockets = [end.get_extra_info("socket") for end in ends]
        return {
            s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            for s in sockets
            if s.fileno() >= 0 and s.getsockname()[1] == port
        }

    await start_agent()
    assert nodelay(relay.running.http.port) == {1}


def test_the_farewell_is_one_line() -> None:
    # It is also the reason of a WebSocket's close, which holds 123 bytes (RFC 6455 §5.5).
    assert len(STOPPING.encode()) <= 123
