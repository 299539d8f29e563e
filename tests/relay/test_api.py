"""What is asked over HTTP: who may, what follows, and that refusals tell nothing. Some of it over real sockets."""

import asyncio
import json
from http import HTTPStatus

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from relay.accounts import Grant, Permission, token_digest
from relay.api import NO_SESSION, OPENING_SECONDS, REFUSAL_SECONDS, Api
from relay.directory import MemoryDirectory, SessionRecord
from relay.errors import SessionGone, StoreFailed
from tunnel.messages import Abort, Enable, Registration, SessionState

ENABLED, FAILED, STANDBY = SessionState.ENABLED, SessionState.FAILED, SessionState.STANDBY
WAITING, HELD, OTHER_BUILD, FOREIGN, END_TO_END, NONE = (letter * 25 for letter in "abcdef")
GRANTS = {
    "hf_execute": Grant("acme", "joe", frozenset({Permission.EXECUTE})),
    "hf_view": Grant("acme", "ann", frozenset({Permission.VIEW})),
    "hf_agent": Grant("acme", "ci", frozenset({Permission.AGENT})),
    "hf_admin": Grant("acme", "root", frozenset({Permission.ADMIN})),
    "hf_globex": Grant("globex", "eve", frozenset(Permission)),
}
BAD_TOKEN = {"error": "the token is missing, unknown, expired or revoked"}


class World:
    """An API whose clock only look-ups and pauses move, and what it told agents."""

    def __init__(self) -> None:
        self.now = 100.0
        self.lookups: list[str] = []
        self.told: list[tuple[str, object]] = []
        self.opens_after: float | None = 0.0
        """Seconds that an agent takes to open its session; None: it never does."""
        self.fails = self.gone = self.leaves = False
        self.directory = MemoryDirectory()
        self.find_session, self.directory.find = self.directory.find, self.find
        self.api = Api(
            self,
            self.directory,
            self.send,
            ssh_host="ssh.example.com",
            ssh_port=2222,
            pause=self.pause,
            clock=lambda: self.now,
        )

    async def find_grant(self, digest: bytes) -> Grant | None:
        self.lookups.append("grant")
        self.now += 0.1
        if self.fails:
            raise StoreFailed("the database is gone")
        return {token_digest(token): grant for token, grant in GRANTS.items()}.get(digest)

    async def find(self, session: str) -> SessionRecord | None:
        self.lookups.append("session")
        return await self.find_session(session)

    async def send(self, session: str, message: object) -> None:
        if self.gone:
            raise SessionGone("no tunnel")
        self.told.append((session, message))
        self.asked_at = self.now

    async def pause(self, seconds: float) -> None:
        self.now += seconds
        if self.told and self.opens_after is not None and self.now >= self.asked_at + self.opens_after:
            await self.directory.update(self.told[0][0], "here", ENABLED)
        if self.leaves:
            await self.directory.release(self.told[0][0], "here")

    async def ask(self, method: str, path: str, token: str | None) -> tuple[int, dict[str, object]]:
        headers = Headers({} if token is None else {"Authorization": f"Bearer {token}"})
        return await self.api.answer(Request(path, headers, method), "192.0.2.1", "ssh.example.com")

    async def add(self, session: str, state: SessionState, account: str = "acme", **labels) -> None:
        registration = Registration(session, "ab" * 32, state=state, **labels)
        await self.directory.claim(SessionRecord.of(registration, account, "here"))


@pytest.fixture
async def world() -> World:
    made = World()
    await made.add(WAITING, STANDBY, build="7", step="unit tests", node="0/2", url="https://ci.example.com/7")
    await made.add(HELD, FAILED, build="7")
    await made.add(OTHER_BUILD, STANDBY, build="8")
    await made.add(FOREIGN, ENABLED, "globex", build="9")
    await made.add(END_TO_END, FAILED, end_to_end=True)
    return made


@pytest.mark.parametrize("token", ["hf_execute", "hf_view"])
async def test_the_sessions_of_the_account_are_listed(world: World, token: str) -> None:
    status, answer = await world.ask("GET", "/api/sessions", token)
    assert status == 200
    assert [each["session"] for each in answer["sessions"]] == [WAITING, HELD, OTHER_BUILD, END_TO_END]
    assert answer["sessions"][0] == {
        "session": WAITING,
        "build": "7",
        "step": "unit tests",
        "node": "0/2",
        "url": "https://ci.example.com/7",
        "state": "standby",
        "ssh": f"ssh -p 2222 TOKEN:acme:{WAITING}@ssh.example.com",
    }
    assert answer["sessions"][3]["ssh"] == ""
    assert "ab" * 32 not in json.dumps(answer)


async def test_the_sessions_of_one_build_are_listed(world: World) -> None:
    _, answer = await world.ask("GET", "/api/sessions?build=7", "hf_view")
    assert [each["session"] for each in answer["sessions"]] == [WAITING, HELD]
    assert await world.ask("GET", "/api/sessions?build=9", "hf_view") == (200, {"sessions": []})


@pytest.mark.parametrize(
    ("build", "token", "debugging"),
    [
        ("7", "hf_agent", True),
        ("8", "hf_agent", False),
        ("9", "hf_agent", False),
        ("9", "hf_globex", True),
        ("10", "hf_agent", False),
    ],
)
async def test_whether_a_build_is_debugged(world: World, build: str, token: str, debugging: bool) -> None:
    answer = await world.ask("GET", f"/agent/build?build={build}", token)
    assert answer == (200, {"debugging": debugging})


async def test_a_session_is_enabled_and_the_answer_waits_for_it(world: World, caplog) -> None:
    caplog.set_level("INFO", logger="relay")
    world.opens_after = 1.0
    status, answer = await world.ask("POST", f"/api/sessions/{WAITING}/enable", "hf_execute")
    assert (status, answer["state"]) == (200, "enabled")
    assert world.told == [(WAITING, Enable("joe"))]
    assert world.now == pytest.approx(101.1, abs=0.1)
    assert caplog.messages == [f"session-enable session={WAITING} account=acme user=joe address=192.0.2.1"]


async def test_an_agent_that_does_not_open_its_session_is_not_waited_for_for_ever(world: World) -> None:
    world.opens_after = None
    status, answer = await world.ask("POST", f"/api/sessions/{WAITING}/enable", "hf_execute")
    assert (status, answer["state"]) == (202, "standby")
    assert world.now == pytest.approx(100.1 + OPENING_SECONDS, abs=0.1)


async def test_a_session_that_ends_when_it_is_to_open_is_not_there(world: World) -> None:
    world.opens_after, world.leaves = None, True
    answer = await world.ask("POST", f"/api/sessions/{WAITING}/enable", "hf_execute")
    assert answer == (404, {"error": NO_SESSION})


async def test_a_session_that_is_open_is_left_as_it_is(world: World) -> None:
    status, answer = await world.ask("POST", f"/api/sessions/{HELD}/enable", "hf_execute")
    assert (status, answer["state"]) == (200, "failed")
    assert world.told == []


@pytest.mark.parametrize("session", [WAITING, HELD])
async def test_a_session_is_aborted(world: World, session: str, caplog) -> None:
    caplog.set_level("INFO", logger="relay")
    status, answer = await world.ask("POST", f"/api/sessions/{session}/abort", "hf_execute")
    assert (status, answer["session"]) == (202, session)
    assert world.told == [(session, Abort("asked for by joe"))]
    assert caplog.messages == [f"session-abort session={session} account=acme user=joe address=192.0.2.1"]


@pytest.mark.parametrize("token", [None, "hf_unknown", "malformed.token"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/sessions"),
        ("GET", "/agent/build?build=7"),
        ("POST", f"/api/sessions/{WAITING}/enable"),
        ("POST", f"/api/sessions/{NONE}/abort"),
    ],
)
async def test_without_a_token_everything_is_refused_in_one_way(
    world: World, token: str | None, method: str, path: str
) -> None:
    assert await world.ask(method, path, token) == (401, BAD_TOKEN)
    assert world.now == pytest.approx(100.0 + REFUSAL_SECONDS)
    assert world.lookups == (["grant", "session"] if method == "POST" else ["grant"])


@pytest.mark.parametrize(
    ("method", "path", "tokens", "needed"),
    [
        ("GET", "/api/sessions", ["hf_agent", "hf_admin"], "'view' or 'execute'"),
        ("GET", "/agent/build?build=7", ["hf_execute", "hf_view", "hf_admin"], "'agent'"),
        ("POST", f"/api/sessions/{WAITING}/enable", ["hf_view", "hf_agent", "hf_admin"], "'execute'"),
        ("POST", f"/api/sessions/{NONE}/abort", ["hf_view", "hf_agent", "hf_admin"], "'execute'"),
    ],
)
async def test_a_token_without_the_permission_is_told_so(
    world: World, method: str, path: str, tokens: list[str], needed: str
) -> None:
    for token in tokens:
        asked_at = world.now
        answer = await world.ask(method, path, token)
        assert answer == (403, {"error": f"the token has no permission {needed}"})
        assert world.now == pytest.approx(asked_at + REFUSAL_SECONDS)
    assert world.told == []


@pytest.mark.parametrize("action", ["enable", "abort"])
async def test_a_foreign_session_is_as_one_that_does_not_exist(world: World, action: str, caplog) -> None:
    caplog.set_level("INFO", logger="relay")
    for session in (FOREIGN, NONE, "malformed"):
        asked_at, world.lookups = world.now, []
        answer = await world.ask("POST", f"/api/sessions/{session}/{action}", "hf_execute")
        assert answer == (404, {"error": NO_SESSION})
        assert world.now == pytest.approx(asked_at + REFUSAL_SECONDS)
        assert world.lookups == ["grant", "session"]
    assert world.told == []
    assert len(set(caplog.messages)) == 1
    assert not any(part in caplog.messages[0] for part in ("hf_", FOREIGN, "malformed"))


@pytest.mark.parametrize("action", ["enable", "abort"])
async def test_an_agent_that_cannot_be_reached(world: World, action: str) -> None:
    world.gone = True
    answer = await world.ask("POST", f"/api/sessions/{WAITING}/{action}", "hf_execute")
    assert answer == (503, {"error": "the session's agent cannot be reached now"})


async def test_a_database_that_fails(world: World) -> None:
    world.fails = True
    answer = await world.ask("GET", "/api/sessions", "hf_execute")
    assert answer == (503, {"error": "the relay cannot look up tokens now"})


async def test_requests_are_bounded(world: World) -> None:
    while world.api.doorman.enter("192.0.2.1"):
        pass
    answer = await world.ask("GET", "/api/sessions", "hf_execute")
    assert answer == (503, {"error": "too many requests at once; try again"})
    assert world.lookups == []
    world.api.doorman.leave("192.0.2.1", recognised=False)
    for _ in range(3):  # each leaves room for the next
        status, _ = await world.ask("GET", "/api/sessions", "hf_execute")
        assert status == HTTPStatus.OK


# Over real sockets, with a real tunnel.


async def request(relay, method: str, path: str, token: str, *headers: str) -> tuple[int, list[str], str]:
    """Send a request as curl does; returns the status, the header's lines and the body."""
    http = relay.running.http
    reader, writer = await asyncio.open_connection(http.host, http.port)
    lines = [f"{method} {path} HTTP/1.1", "Host: dialled.example", f"Authorization: Bearer {token}", *headers]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    async with asyncio.timeout(20):
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    first, *rest = head.split("\r\n")
    return int(first.split()[1]), rest, body


async def test_one_session_from_standby_to_its_end(relay, start_agent, ssh, user_name) -> None:
    agent = await start_agent(state=STANDBY, build="7")
    assert (await ssh(user_name(agent), "true")).status == 255

    status, head, body = await request(
        relay, "POST", f"/api/sessions/{agent.session}/enable", relay.token, "Content-Length: 0"
    )
    assert status == 200
    assert "Content-Type: application/json" in head
    assert len([line for line in head if line.startswith("Content-Type")]) == 1
    port = relay.running.ssh.port
    assert json.loads(body)["ssh"] == f"ssh -p {port} TOKEN:acme:{agent.session}@dialled.example"
    assert await agent.messages.get() == Enable("joe")
    assert (await ssh(user_name(agent), "echo in")).out == b"in\n"

    status, _, body = await request(relay, "GET", "/agent/build?build=7", relay.token)
    assert (status, json.loads(body)) == (200, {"debugging": True})

    status, _, _ = await request(relay, "POST", f"/api/sessions/{agent.session}/abort", relay.token)
    assert status == 202
    assert await agent.messages.get() == Abort("asked for by joe")


async def test_a_refusal_over_http(relay) -> None:
    status, head, body = await request(relay, "GET", "/api/sessions", "hf_unknown")
    assert (status, json.loads(body)) == (401, BAD_TOKEN)
    assert 'WWW-Authenticate: Bearer realm="holdfast"' in head
