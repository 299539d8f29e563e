"""`relay session …`: a real command beside a real relay, and beside what is none."""

import asyncio
import re
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from relay import api
from relay.accounts import Permission
from relay.client import Target
from relay.errors import UsageError
from tunnel.messages import Abort, Enable, SessionState

TOKEN = "hf_0123456789"
RELAY = [sys.executable, "-c", "import sys; from relay.cli import main; sys.exit(main())"]
STANDBY = SessionState.STANDBY


@pytest.mark.parametrize(
    ("relay", "url", "place"),
    [
        ("ws://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("wss://relay.example.com", "https://relay.example.com", "relay.example.com"),
        ("WSS://relay.example.com/team/", "https://relay.example.com/team", "relay.example.com"),
        ("https://[::1]:8443", "https://[::1]:8443", "[::1]:8443"),
        (None, "http://127.0.0.1:8080", "127.0.0.1:8080"),
    ],
)
def test_the_agents_url_is_taken_too(relay: str | None, url: str, place: str) -> None:
    target = Target.make({"relay": relay}, {"HOLDFAST_TOKEN": TOKEN})
    assert (target.url, target.place) == (url, place)


@pytest.mark.parametrize(
    "relay",
    [
        "relay.example.com",
        "ftp://x",
        "ws://",
        "ws://:80",
        "ws://a b",
        "ws://x:0",
        "ws://x:y",
        "ws://x/?a=b",
        "ws://[",
    ],
)
def test_what_is_no_url(relay: str) -> None:
    with pytest.raises(UsageError, match="not a relay's URL"):
        Target.make({"relay": relay}, {"HOLDFAST_TOKEN": TOKEN})


def test_credentials_in_the_url_are_not_shown() -> None:
    with pytest.raises(UsageError, match="holds credentials") as raised:
        Target.make({"relay": "wss://joe:secret@relay.example.com"}, {"HOLDFAST_TOKEN": TOKEN})
    assert "secret" not in str(raised.value)


def test_where_the_token_comes_from(tmp_path) -> None:
    (tmp_path / "one").write_text("hf_one\n")
    (tmp_path / "two").write_text("hf_two\n")
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    options = {"token_file": one}
    assert Target.make(options, {"HOLDFAST_TOKEN": TOKEN}).token == "hf_one"
    assert Target.make({}, {"HOLDFAST_TOKEN": TOKEN, "HOLDFAST_TOKEN_FILE": two}).token == TOKEN
    assert Target.make({}, {"HOLDFAST_TOKEN_FILE": two}).token == "hf_two"
    assert TOKEN not in repr(Target.make({}, {"HOLDFAST_TOKEN": TOKEN}))


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "a token is needed"),
        ({"HOLDFAST_TOKEN": "se cret"}, "HOLDFAST_TOKEN: holds no token"),
        ({"HOLDFAST_TOKEN_FILE": "/nowhere"}, "token file /nowhere: No such file"),
        ({"HOLDFAST_TOKEN_FILE": "/dev/zero"}, "token file /dev/zero: holds no token"),
        ({"HOLDFAST_TOKEN_FILE": "/"}, "token file /: Is a directory"),
    ],
)
def test_without_a_token(environment: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words) as raised:
        Target.make({}, environment)
    assert "cret" not in str(raised.value)


# The command.


@pytest.fixture
def session(relay, run, tmp_path) -> Callable[..., Awaitable[tuple[int, str, str]]]:
    """Run `relay session` with the token of a file; returns status, output and errors."""

    async def run_it(
        *argv: str, token: str = relay.token, url: str = f"ws://{relay.running.http}", options=()
    ):
        file = tmp_path / f"token-{secrets.token_hex(4)}"
        file.write_text(token)
        given = ["--relay", url, "--token-file", str(file), *options]
        done = await run(*RELAY, "session", *argv, *given)
        return done.status, done.out.decode(), done.err.decode()

    return run_it


async def test_list_enable_and_abort(relay, start_agent, session, ssh, user_name) -> None:
    agent = await start_agent(state=STANDBY, build="7", step="unit tests", node="0/2")
    await start_agent(build="8")
    command = f"ssh -p {relay.running.ssh.port} TOKEN:acme:{agent.session}@127.0.0.1"

    status, out, err = await session("list", "--build", "7")
    assert (status, err) == (0, "")
    head, row = out.splitlines()
    assert head.split() == ["SESSION", "STATE", "BUILD", "NODE", "STEP", "SSH"]
    assert re.split(" {2,}", row) == [agent.session, "standby", "7", "0/2", "unit tests", command]

    status, out, err = await session("enable", agent.session)
    assert (status, out) == (0, command + "\n")
    assert err == f"relay: session {agent.session} is open; put your token in place of TOKEN:\n"
    assert await agent.messages.get() == Enable("joe")
    assert (await ssh(user_name(agent), "echo in")).out == b"in\n"

    status, out, err = await session("abort", agent.session)
    assert (status, out, err) == (0, "", f"relay: session {agent.session} is told to end\n")
    assert await agent.messages.get() == Abort("asked for by joe")

    status, out, _ = await session("list")
    assert (status, len(out.splitlines())) == (0, 3)


async def test_what_the_relay_refuses_is_one_line(relay, start_agent, session) -> None:
    agent = await start_agent(state=STANDBY)
    place = relay.running.http
    view, foreign = (
        await relay.make_token(Permission.VIEW),
        await relay.make_token(*Permission, account="globex"),
    )
    refused = [
        (["list"], "hf_unknown", "the token is missing, unknown, expired or revoked"),
        (["enable", agent.session], view, "the token has no permission 'execute'"),
        (["abort", agent.session], foreign, "no such session in the token's account"),
        (["abort", "../\n?#"], relay.token, "no such session in the token's account"),
    ]
    said = await asyncio.gather(*(session(*argv, token=token) for argv, token, _ in refused))
    assert said == [(1, "", f"relay: {place}: {words}\n") for _, _, words in refused]
    assert agent.messages.empty()


async def test_an_agent_that_does_not_open_its_session(start_agent, session, monkeypatch) -> None:
    monkeypatch.setattr(api, "OPENING_SECONDS", 0.5)
    agent = await start_agent(state=STANDBY)
    agent.obeys = False
    status, out, err = await session("enable", agent.session)
    assert (status, out) == (1, "")
    assert err == "relay: the agent was asked, but the session is not open yet; see 'relay session list'\n"


@asynccontextmanager
async def answering(data: bytes) -> AsyncIterator[str]:
    """Give the URL of something that answers everybody with these bytes."""
    taken: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(data)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    assert len(taken) <= 1  # nobody is asked again, and no redirect followed


def http(status: str, body: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", body]).encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not answer as a relay does"),
        (b"", "cannot be reached: Remote end closed connection without response"),
        (http("200 OK", "<html>"), "answers, but not as a relay of this version does"),
        (http("200 OK", '{"sessions": 7}'), "answers, but not as a relay of this version does"),
        (
            http("200 OK", '{"sessions": [{"session": "x"}]}'),
            "answers, but not as a relay of this version does",
        ),
        (http("502 Bad Gateway", "<html>"), "HTTP 502; is that the relay's URL?"),
        (http("401 No", '{"error": "\\u001b[2J"}'), "HTTP 401; is that the relay's URL?"),
        (http("302 Found", "", "Location: /elsewhere"), "HTTP 302; is that the relay's URL?"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
            "answers, but not as a relay of this version does",
        ),
    ],
)
async def test_what_is_no_relay_is_one_line(session, data: bytes, words: str) -> None:
    async with answering(data) as url:
        status, out, err = await session("list", url=url)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert words in err


async def test_where_nobody_answers(session) -> None:
    status, _, err = await session("list", url="ws://127.0.0.1:1")
    assert (status, err) == (1, "relay: 127.0.0.1:1 refuses connections; is the relay running there?\n")
    status, _, err = await session("list", url="ws://no.such.host.invalid")
    assert status == 1
    assert err.startswith("relay: no.such.host.invalid cannot be reached: ")


async def test_tls_that_is_none(relay, session, tmp_path) -> None:
    status, _, err = await session("list", url=f"wss://{relay.running.http}")
    assert status == 1
    assert "should the URL begin with ws://?" in err
    (tmp_path / "ca.pem").write_text("nothing")
    status, _, err = await session("list", options=["--ca-file", str(tmp_path / "ca.pem")])
    assert (status, err) == (2, f"relay: CA file {tmp_path}/ca.pem: no certificates in PEM\n")
