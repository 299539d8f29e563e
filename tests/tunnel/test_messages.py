"""The JSON messages: round trips, what is refused, what is ignored, what is never shown."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunnel.errors import LocalProtocolError, RemoteProtocolError, TunnelRefused
from tunnel.fields import LABEL_LIMIT
from tunnel.frames import MAX_JSON
from tunnel.messages import (
    HANDSHAKE_LIMIT,
    HOST_KEY_LIMIT,
    Abort,
    ControlMessage,
    Enable,
    Hello,
    Login,
    Reception,
    Refusal,
    Registration,
    Resume,
    SessionState,
    StateReport,
    Welcome,
    label,
    parse_answer,
    parse_control,
)

LABELS = st.text(max_size=400).map(label)
HEX64 = st.binary(min_size=32, max_size=32).map(bytes.hex)
HEX32 = st.binary(min_size=16, max_size=16).map(bytes.hex)
COUNTS = st.integers(0, 2**53)
REGISTRATIONS = st.builds(
    Registration,
    session=st.text("abcdefghjkmnpqrstuvwxyz23456789", min_size=25, max_size=25),
    secret=HEX64,
    build=LABELS,
    step=LABELS,
    node=LABELS,
    url=LABELS,
    state=st.sampled_from(SessionState),
    host_key=st.just("ssh-ed25519 AAAA"),
    end_to_end=st.booleans(),
)
RESUMES = st.builds(Resume, HEX32, HEX64, COUNTS)
HELLOS = st.builds(Hello, st.just(1), LABELS, REGISTRATIONS, st.none() | RESUMES)
RECEPTIONS = st.builds(Reception, LABELS, LABELS, st.integers(0, 65535))
WELCOMES = st.builds(Welcome, st.just(1), LABELS, HEX32, HEX64, st.booleans(), COUNTS, RECEPTIONS)

REGISTRATION = Registration(session="a2" * 12 + "z", secret="5e" * 32)
HELLO = Hello(1, "holdfast", REGISTRATION, Resume("1d" * 16, "5e" * 32, 7))


@given(HELLOS)
def test_hello_comes_back(hello: Hello) -> None:
    assert Hello.parse(hello.serialize()) == hello


@given(st.one_of(WELCOMES, st.builds(Refusal, st.just("full"), LABELS)))
def test_answers_come_back(answer: Welcome | Refusal) -> None:
    assert parse_answer(answer.serialize()) == answer


@given(st.builds(Login, st.sampled_from(["bridge", "splice"]), LABELS, LABELS, LABELS, LABELS))
def test_login_comes_back(login: Login) -> None:
    assert Login.parse(login.serialize()) == login


@given(
    st.builds(Abort, LABELS)
    | st.builds(Enable, LABELS)
    | st.builds(StateReport, st.sampled_from(SessionState))
)
def test_control_messages_come_back(message: ControlMessage) -> None:
    parsed = parse_control(message.serialize())
    assert parsed == message
    assert type(parsed) is type(message)


@pytest.mark.parametrize(
    "data",
    [
        b'{"type": "abort", "reason": 1}',
        b'{"type": "enable", "user": ["joe"]}',
        b'{"type": "enable", "user": "\\u001b[2J"}',
        b'{"type": "state"}',
        b'{"type": "state", "state": "happy"}',
        b'{"type": "state", "state": "FAILED"}',
        b'{"type": "state", "state": ["failed"]}',
    ],
)
def test_a_wrong_control_message_is_the_peers_error(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_control(data)


def test_nobody_may_log_in_while_a_session_stands_by() -> None:
    assert {state.value for state in SessionState if state.is_open} == {"enabled", "failed", "passed"}


def test_the_longest_messages_fit() -> None:
    longest = "\N{GRINNING FACE}" * LABEL_LIMIT
    registration = replace(
        REGISTRATION, build=longest, step=longest, node=longest, url=longest, host_key="k" * HOST_KEY_LIMIT
    )
    hello = replace(HELLO, software=longest, registration=registration)
    assert len(hello.serialize().encode()) <= HANDSHAKE_LIMIT
    assert Hello.parse(hello.serialize()) == hello
    assert len(Login("bridge", longest, longest, longest, longest).serialize()) <= MAX_JSON


@given(st.text(max_size=1000))
def test_any_text_can_be_made_a_label(text: str) -> None:
    Login.parse(Login("bridge", user=label(text)).serialize())


def test_unknown_fields_and_control_messages_are_ignored() -> None:
    hello = json.loads(HELLO.serialize()) | {"mood": "sunny"}
    hello["registration"]["colour"] = ["blue"]
    assert Hello.parse(json.dumps(hello)) == HELLO
    assert parse_control(b'{"type": "extend", "seconds": 60}') is None


@pytest.mark.parametrize(
    ("where", "name", "value"),
    [
        ("hello", "registration", None),
        ("hello", "registration", []),
        ("hello", "resume", "again"),
        ("hello", "version", True),
        ("hello", "version", "1"),
        ("hello", "software", 1),
        ("hello", "software", "x" * (LABEL_LIMIT + 1)),
        ("registration", "session", None),
        ("registration", "session", "a" * 24),
        ("registration", "session", "l" * 25),
        ("registration", "session", "a" * 25 + "\n"),
        ("registration", "secret", "5E" * 32),
        ("registration", "build", "\x1b[2J"),
        ("registration", "step", "two\nlines"),
        ("registration", "node", "\ud800"),
        ("registration", "state", "happy"),
        ("registration", "state", ["failed"]),
        ("registration", "end_to_end", 1),
        ("resume", "received", -1),
        ("resume", "received", 1.0),
        ("resume", "received", 2**60),
        ("resume", "received", True),
        ("resume", "tunnel_id", ""),
    ],
)
def test_a_wrong_field_is_the_peers_error_and_its_value_stays_out_of_the_text(
    where: str, name: str, value: object
) -> None:
    hello = json.loads(HELLO.serialize())
    (hello if where == "hello" else hello["registration"] if where == "registration" else hello["resume"])[
        name
    ] = value
    with pytest.raises(RemoteProtocolError) as caught:
        Hello.parse(json.dumps(hello))
    assert not (isinstance(value, str) and len(value) > 4 and value in str(caught.value))


def test_another_version_is_refused_before_the_rest_is_looked_at() -> None:
    with pytest.raises(TunnelRefused) as caught:
        Hello.parse('{"version": 2, "registration": "in a new way"}')
    assert caught.value.code == "version"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe{}",
        b"[" * 8000,
        b'{"version": ' + b"9" * 8000 + b"}",
        b'{"version": NaN}',
        b" " * (HANDSHAKE_LIMIT + 1),
    ],
)
def test_what_is_not_a_message_is_the_peers_error(data: bytes) -> None:
    for parse in (Hello.parse, parse_answer, Login.parse):
        with pytest.raises(RemoteProtocolError):
            parse(data)


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_random_input_is_the_peers_error_or_an_unknown_message(data: bytes | str) -> None:
    with suppress(RemoteProtocolError):
        assert parse_control(data) is None


def test_text_that_is_not_unicode_is_our_error() -> None:
    with pytest.raises(LocalProtocolError):
        Login("bridge", user="\udcff").serialize()


def test_secrets_are_not_in_the_repr() -> None:
    welcome = Welcome(1, "", "1d" * 16, "5e" * 32, resumed=False, received=0, reception=Reception("", "", 0))
    assert "5e5e" not in repr(HELLO) + repr(welcome)
