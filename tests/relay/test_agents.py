"""The agents' door, over real WebSockets."""

import asyncio
import secrets

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from relay.accounts import Permission
from relay.agents import AgentDoor
from relay.directory import MemoryDirectory, SessionRecord
from relay.live import RESUME_SECONDS, LiveTunnels
from tunnel.connection import CLIENT_OPTIONS, ServerTunnel
from tunnel.errors import TunnelRefused
from tunnel.messages import Reception, Registration

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
    ("path", "status", "body"), [("/healthz", 200, "ok\n"), ("/", 404, "Nothing is here.\n")]
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
