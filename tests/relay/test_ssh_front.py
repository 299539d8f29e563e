"""Who is let in and who is not; that all refusals look alike is what most of this is about."""

import asyncio
import re
import socket

import asyncssh
import pytest

from relay.accounts import Grant, Permission, token_digest
from relay.directory import MemoryDirectory, SessionRecord
from relay.doorman import Doorman, Limits
from relay.errors import SessionGone, StoreFailed
from relay.ssh_front import ATTEMPT_LIMIT, REFUSAL, REFUSAL_SECONDS, SshFront, _Guest
from tunnel.messages import Registration, SessionState

SESSION = "abcdefghjkmnpqrstuvwxyz23"
OTHER = "a" * 25
END_TO_END = "b" * 25
FOREIGN = "c" * 25
STANDBY = "d" * 25
GRANTS = {
    "hf_good": Grant("acme", "joe", frozenset({Permission.EXECUTE})),
    "hf_agent": Grant("acme", "joe", frozenset({Permission.AGENT, Permission.VIEW, Permission.ADMIN})),
    "hf_globex": Grant("globex", "ann", frozenset({Permission.EXECUTE})),
}

REFUSED = {
    "unknown token": f"hf_bad:acme:{SESSION}",
    "token of another account": f"hf_globex:acme:{SESSION}",
    "account of another token": f"hf_good:globex:{SESSION}",
    "unknown account": f"hf_good:nobody:{SESSION}",
    "unknown session": f"hf_good:acme:{OTHER}",
    "session of another account": f"hf_globex:globex:{SESSION}",
    "token without the permission": f"hf_agent:acme:{SESSION}",
    "session that takes no bridges": f"hf_good:acme:{END_TO_END}",
    "session that stands by": f"hf_good:acme:{STANDBY}",
    "session whose agent is gone": f"hf_good:acme:{SESSION}",
    "malformed": "root",
    "all wrong": f"hf_bad:nobody:{OTHER}",
}


class Accounts:
    """Counts look-ups; each takes so long by the clock."""

    def __init__(self) -> None:
        self.lookups = 0
        self.now = 100.0
        self.seconds = 0.0
        self.error: Exception | None = None

    async def find_grant(self, digest: bytes) -> Grant | None:
        self.lookups += 1
        self.now += self.seconds
        if self.error:
            raise self.error
        return {token_digest(token): grant for token, grant in GRANTS.items()}.get(digest)


class Directory(MemoryDirectory):
    def __init__(self) -> None:
        super().__init__()
        self.lookups = 0

    async def find(self, session: str) -> SessionRecord | None:
        self.lookups += 1
        return await super().find(session)


class World:
    """A front with a clock that only look-ups move, and a list of the pauses it made."""

    def __init__(self) -> None:
        self.accounts = Accounts()
        self.directory = Directory()
        self.pauses: list[float] = []
        self.opened: list[str] = []
        self.front = SshFront(
            self.accounts,
            self.directory,
            self.no_agent,
            asyncssh.generate_private_key("ssh-ed25519"),
            pause=self.pause,
            clock=lambda: self.accounts.now,
        )

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def no_agent(self, session: str, login) -> None:
        self.opened.append(session)
        raise SessionGone("no tunnel")


@pytest.fixture
async def world() -> World:
    made = World()
    for session, account, end_to_end in [
        (SESSION, "acme", False),
        (END_TO_END, "acme", True),
        (FOREIGN, "globex", False),
    ]:
        registration = Registration(session, "ab" * 32, end_to_end=end_to_end)
        await made.directory.claim(SessionRecord.of(registration, account, "here"))
    standby = Registration(STANDBY, "ab" * 32, state=SessionState.STANDBY)
    await made.directory.claim(SessionRecord.of(standby, "acme", "here"))
    return made


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED.keys())
async def test_each_refusal_does_the_same_and_takes_the_same_time(world: World, name: str) -> None:
    assert await world.front.admit(None, name, "192.0.2.1") is None
    assert world.pauses == [pytest.approx(REFUSAL_SECONDS)]
    assert (world.accounts.lookups, world.directory.lookups) == (1, 1)
    assert world.opened == ([SESSION] if name == REFUSED["session whose agent is gone"] else [])


@pytest.mark.parametrize(("seconds", "pause"), [(0.1, REFUSAL_SECONDS - 0.1), (5.0, 0.0)])
async def test_what_the_look_ups_take_is_part_of_the_time(world: World, seconds: float, pause: float) -> None:
    world.accounts.seconds = seconds
    await world.front.admit(None, REFUSED["unknown token"], "192.0.2.1")
    assert world.pauses == [pytest.approx(pause)]


async def test_a_database_that_fails_refuses_in_the_same_way(world: World) -> None:
    world.accounts.error = StoreFailed("the database is gone")
    assert await world.front.admit(None, f"hf_good:acme:{SESSION}", "192.0.2.1") is None
    assert world.pauses == [pytest.approx(REFUSAL_SECONDS)]


async def test_what_nobody_expected_refuses_in_the_same_way_and_is_told(world: World, caplog) -> None:
    """Where it was, and not its text, which may hold what must not be in a log."""
    world.accounts.error = ZeroDivisionError("hf_good")
    assert await world.front.admit(None, f"hf_good:acme:{SESSION}", "192.0.2.1") is None
    assert world.pauses == [pytest.approx(REFUSAL_SECONDS)]
    (line,) = caplog.messages
    assert re.fullmatch(
        r"login-failed address=192\.0\.2\.1 error=ZeroDivisionError at=test_ssh_front\.py:\d+", line
    )


async def test_the_journal_tells_why_and_names_nothing_that_was_sent(world: World, caplog) -> None:
    caplog.set_level("INFO", logger="relay")
    for name in REFUSED.values():
        await world.front.admit(None, name, "192.0.2.1")
    assert len(caplog.messages) == len(REFUSED)
    assert len(set(caplog.messages)) == 8
    assert not any(part in line for line in caplog.messages for part in ("hf_", "acme", SESSION))


# With the real client


@pytest.fixture
async def agent(start_agent):
    return await start_agent()


async def test_what_a_user_sees_is_the_same_whatever_is_wrong(agent, relay, ssh, user_name) -> None:
    only_agent = await relay.make_token(Permission.AGENT)
    foreign = await relay.make_token(Permission.EXECUTE, account="globex")
    expired = await relay.make_token(Permission.EXECUTE, lifetime=-1)
    names = [
        user_name(agent, token="hf_unknown"),
        user_name(agent, account="nobody"),
        user_name(agent, token=foreign),
        user_name(agent, token=only_agent),
        user_name(agent, token=expired),
        user_name(agent)[:-1] + ("y" if user_name(agent).endswith("z") else "z"),
        user_name(agent, "+", token="hf_unknown"),
        "root",
    ]
    # At the level that people have: at ERROR, ssh keeps the banner to itself.
    done = await asyncio.gather(*(ssh(name, "echo in", options=("-oLogLevel=INFO",)) for name in names))
    assert {(d.status, d.out) for d in done} == {(255, b"")}
    shown = set()
    for name, one in zip(names, done, strict=True):
        warning, rest = one.err.replace(b"\r", b"").split(b"\n", 1)
        assert b"Permanently added" in warning
        shown.add(rest.replace(name.encode(), b"NAME"))
    assert shown == {
        (
            b"This login was refused. Check the three parts of TOKEN:ACCOUNT:SESSION:\n"
            b"is the token current and allowed to execute, and has the session perhaps ended?\n"
            b"NAME@127.0.0.1: Permission denied (token@holdfast).\n"
        )
    }
    assert agent.logins == []


async def test_a_revoked_token_opens_nothing_more(agent, relay, ssh, user_name) -> None:
    token = await relay.make_token(Permission.EXECUTE)
    assert (await ssh(user_name(agent, token=token), "true")).status == 0
    await relay.revoke(token)
    assert (await ssh(user_name(agent, token=token), "true")).status == 255


class User:
    """The connection as a guest sees it."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def set_reading(self, wanted: bool) -> None:
        self.calls.append(wanted)

    def send_auth_banner(self, text: str) -> None:
        self.calls.append(text)


async def test_a_connection_may_try_a_few_names_and_is_not_read_meanwhile(world: World) -> None:
    guest = _Guest(world.front)
    guest._user = user = User()
    for attempt in range(ATTEMPT_LIMIT):
        assert await guest.begin_auth(f"name{attempt}")
    assert user.calls == [False, True, REFUSAL] * ATTEMPT_LIMIT
    with pytest.raises(asyncssh.DisconnectError, match="Too many user names"):
        await guest.begin_auth("one more")


async def test_beyond_the_limit_a_connection_is_closed_at_once(world: World) -> None:
    world.front.doorman = Doorman(Limits(connections=1))
    with socket.create_server(("127.0.0.1", 0)) as sock:
        await world.front.listen(sock)
        address = sock.getsockname()[:2]
        first = await asyncio.open_connection(*address)
        assert (await first[0].readline()).startswith(b"SSH-2.0-OpenSSH_Holdfast")
        second = await asyncio.open_connection(*address)
        assert await asyncio.wait_for(second[0].read(), 10) == b""
        await world.front.close("over")
        assert await asyncio.wait_for(
            first[0].read(), 10
        )  # the farewell, after the key exchange's first packet
        for _, writer in (first, second):
            writer.close()
            await writer.wait_closed()
    assert repr(world.front) == "<SshFront <Doorman 0 in, 0 of them strangers>>"
