"""The agents' door, over real WebSockets."""

import asyncio
import secrets
from dataclasses import replace

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from relay.accounts import Permission
from relay.agents import AgentDoor
from relay.app import running
from relay.client import Target, list_sessions
from relay.directory import MemoryDirectory, SessionRecord
from relay.live import RESUME_SECONDS, LiveTunnels
from tunnel.connection import CLIENT_OPTIONS, ServerTunnel
from tunnel.errors import TunnelRefused
from tunnel.messages import Abort, Enable, Reception, Registration, SessionState

SESSION = "abcdefghjkmnpqrstuvwxyz23"


async def refusal_of(url: str, **headers: str) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as raised:
        await connect(url, additional_headers=headers, proxy=None, **CLIENT_OPTIONS)
    response = raised.value.response
    return response.status_code, response.body.decode()


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer hf_unknown", "Basic aGY6aGY=", "Bearer a b", "Bearer ä"]
)
async def test_without_a_valid_token_there_is_no_websocket(relay, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    status, reason = await refusal_of(relay.agent_url(), **headers)
    assert (status, reason) == (401, "The agent's token is missing, unknown, expired or revoked.\n")


async def test_a_token_without_the_permission_is_told_so(relay) -> None:
    token = await relay.make_token(Permission.EXECUTE, Permission.ADMIN)
    status, reason = await refusal_of(relay.agent_url(), Authorization=f"Bearer {token}")
    assert (status, reason) == (401, "The agent's token has no permission 'agent'.\n")


@pytest.mark.parametrize(
    ("path", "status", "body"), [("/healthz", 200, "ok\n"), ("/", 404, '{"error": "nothing is here"}\n')]
)
async def test_other_paths(relay, path: str, status: int, body: str) -> None:
    assert await refusal_of(relay.agent_url(path)) == (status, body)


async def test_an_agent_is_told_its_account_and_where_users_come_in(relay, start_agent) -> None:
    agent = await start_agent()
    running = relay.running
    assert await agent.wait_up() == Reception("acme", "127.0.0.1", running.ssh.port, running.fingerprint)


async def test_a_session_id_belongs_to_who_knows_its_secret_in_its_account(relay, start_agent) -> None:
    agent = await start_agent()
    foreign = await relay.make_token(Permission.AGENT, account="globex")
    for thief in [
        await start_agent(session=agent.session, wait=False),
        await start_agent(session=agent.session, secret=agent.secret, token=foreign, wait=False),
    ]:
        with pytest.raises(TunnelRefused) as raised:
            await thief.wait_up()
        assert raised.value.code == "taken"


async def test_an_agent_that_begins_afresh_gets_its_session_again(start_agent, ssh, user_name) -> None:
    first = await start_agent()
    await first.vanish()
    second = await start_agent(session=first.session, secret=first.secret)
    assert (await ssh(user_name(second), "echo again")).out == b"again\n"
    assert second.logins
    assert not second.resumed


async def test_a_session_whose_agent_left_is_free(start_agent, ssh, user_name) -> None:
    agent = await start_agent()
    await agent.stop()
    assert (await ssh(user_name(agent), "true")).status == 255
    await start_agent(session=agent.session, secret=secrets.token_hex(32))


@pytest.mark.parametrize("limits", [{"limit": 1}, {"account_limit": 1}])
async def test_there_are_only_so_many_tunnels(start_agent, monkeypatch, limits) -> None:
    await start_agent()
    monkeypatch.setattr(
        LiveTunnels, "has_room", lambda self, account: LiveTunnels(**limits)._limit > len(self)
    )
    if "account_limit" in limits:
        monkeypatch.setattr(LiveTunnels, "has_room", lambda self, account: self._by_account[account] < 1)
    late = await start_agent(wait=False)
    with pytest.raises(TunnelRefused) as raised:
        await late.wait_up()
    assert raised.value.code == "full"


async def test_a_tunnel_that_nobody_resumes_is_forgotten_in_time() -> None:
    now = 1000.0
    directory, live = MemoryDirectory(), LiveTunnels()
    door = AgentDoor(
        None, directory, live, ssh_host=None, ssh_port=22, ssh_fingerprint="", place="here", clock=lambda: now
    )
    registration = Registration(SESSION, "ab" * 32)
    await directory.claim(SessionRecord.of(registration, "acme", "here"))
    tunnel = ServerTunnel(registration, clock=lambda: now)
    live.add("acme", tunnel)

    now += RESUME_SECONDS - 1
    await door.sweep()
    assert live.find(SESSION) is tunnel

    now += 1
    await door.sweep()
    assert live.find(SESSION) is None
    assert tunnel.is_closed
    assert await directory.find(SESSION) is None


async def test_what_is_no_hello_ends_the_websocket(relay) -> None:
    headers = {"Authorization": f"Bearer {relay.token}"}
    async with connect(relay.agent_url(), additional_headers=headers, proxy=None, **CLIENT_OPTIONS) as ws:
        await ws.send("{}")
        async with asyncio.timeout(10):
            await ws.wait_closed()


async def listed_state(relay, session: str) -> str:
    """What the relay's directory says of a session, asked over HTTP."""
    target = Target(f"http://{relay.running.http}", relay.token, None)
    text = await asyncio.to_thread(list_sessions, target, None)
    return next(line.split()[1] for line in text.splitlines() if line.startswith(session))


async def until_listed(relay, session: str, state: str) -> None:
    async with asyncio.timeout(20):
        while await listed_state(relay, session) != state:
            await asyncio.sleep(0.01)


async def test_the_directory_follows_what_an_agent_says(relay, start_agent, ssh, user_name) -> None:
    agent = await start_agent(state=SessionState.STANDBY)
    assert await listed_state(relay, agent.session) == "standby"
    for state, status in [("failed", 0), ("standby", 255), ("passed", 0)]:
        agent.tunnel.set_state(SessionState(state))
        await until_listed(relay, agent.session, state)
        assert (await ssh(user_name(agent), "true")).status == status


async def test_a_change_while_the_websocket_is_away_is_there_when_it_is_back(relay, start_agent) -> None:
    agent = await start_agent(state=SessionState.STANDBY)
    agent.cut()
    agent.tunnel.set_state(SessionState.ENABLED)
    agent.tunnel.set_state(SessionState.FAILED)
    await until_listed(relay, agent.session, "failed")


async def test_the_next_relay_learns_the_present_state(relay, agent_of) -> None:
    async with running(relay.config) as first:
        agent = agent_of(f"ws://{first.http}/agent")
        await agent.start()
        await agent.wait_up()
        agent.tunnel.set_state(SessionState.STANDBY)
        await until_listed(replace(relay, running=first), agent.session, "standby")
    async with running(relay.config) as second:
        agent.reception = asyncio.get_running_loop().create_future()
        agent.url = f"ws://{second.http}/agent"
        agent.moved.set()
        await agent.wait_up()
        assert await listed_state(replace(relay, running=second), agent.session) == "standby"
        await agent.stop()


async def test_an_agent_cannot_order_the_relay_about(relay, start_agent) -> None:
    agent = await start_agent(state=SessionState.STANDBY)
    agent.tunnel.send_message(Enable("joe"))
    agent.tunnel.send_message(Abort("enough"))
    agent.tunnel.set_state(SessionState.PASSED)
    await until_listed(relay, agent.session, "passed")
