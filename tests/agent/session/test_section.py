"""The lines of the build log."""

import dataclasses

import pytest

from agent.session.section import (
    DROP_IN_SENTENCE,
    Announcement,
    Direct,
    Relayed,
    command_line,
    connect_line,
    duration,
    outcome,
    section,
)

SESSION = "abcdefghjkmnpqrstuvwxyz23"
RELAYED = Announcement(
    step="unit tests",
    state="reported",
    outcome="exit code 2",
    elapsed=75.2,
    failed_at="at line 12: make test",
    interpreter="bash",
    way=Relayed("acme", "relay.example.com", 22, "SHA256:relay"),
    session=SESSION,
    connect="",
    fingerprint="ED25519 SHA256:abc",
    timeout=3600,
    ends_at="12:00:00 UTC",
)


@pytest.mark.parametrize(
    ("way", "command"),
    [
        (Relayed("acme", "relay.example.com", 22), f"ssh TOKEN:acme:{SESSION}@relay.example.com"),
        (Relayed("acme", "127.0.0.1", 2222), f"ssh -p 2222 TOKEN:acme:{SESSION}@127.0.0.1"),
        (Direct("127.0.0.1", 40001, needs_key=False), f"ssh -p 40001 {SESSION}@127.0.0.1"),
    ],
)
def test_the_command_stands_alone_on_its_line(way: Relayed | Direct, command: str) -> None:
    assert command_line(way, SESSION) == command
    assert command in section(dataclasses.replace(RELAYED, way=way))


def test_the_section_says_what_failed_how_to_log_in_and_when_it_ends() -> None:
    text = "\n".join(section(RELAYED))
    for fact in (
        "Wait for SSH",
        "'unit tests'",
        "exit code 2",
        "1 min 15 s",
        "TOKEN",
        "failed at line 12: make test",
        "`agent inspect` in the session opens a prompt inside the failed bash",
        "SHA256:relay",
        "1 h",
        "12:00:00 UTC",
        "agent resume",
    ):
        assert fact in text


@pytest.mark.parametrize(
    ("state", "said", "unsaid"),
    [
        ("running", "step 'unit tests' runs, for 1 min 15 s so far, and goes on", "--pass"),
        ("passed", "step 'unit tests' passed after 1 min 15 s; its container is kept", "--pass"),
        ("unknown", "step 'unit tests' has failed; its container is kept", "--pass"),
        ("failed", "failed with exit code 2 after 1 min 15 s; its container is kept", "agent inspect"),
    ],
)
def test_each_state_of_the_step_has_its_words(state: str, said: str, unsaid: str) -> None:
    text = "\n".join(section(dataclasses.replace(RELAYED, state=state, failed_at="", interpreter="")))
    assert said in text
    assert unsaid not in text


@pytest.mark.parametrize("connect", ["", "ssh -o …"])
@pytest.mark.parametrize(
    "way", [Relayed("acme", "relay.example.com", 22), Direct("127.0.0.1", 40001, needs_key=False)]
)
def test_in_drop_in_mode_the_command_follows_the_known_sentence(way: Relayed | Direct, connect: str) -> None:
    if isinstance(way, Relayed):
        connect = ""
    lines = section(dataclasses.replace(RELAYED, state="unknown", way=way, connect=connect))
    assert lines[lines.index(DROP_IN_SENTENCE) + 1] == (connect or command_line(way, SESSION))
    assert command_line(way, SESSION) in lines


def test_in_a_container_the_line_for_its_host_comes_first() -> None:
    way = Direct("127.0.0.1", 40001, needs_key=False)
    line = connect_line(["docker", "exec", "-i", "-u", "0", "0123456789ab"], "/addon/agent", SESSION)
    assert line == f'ssh -o ProxyCommand="docker exec -i -u 0 0123456789ab /addon/agent connect" {SESSION}'
    lines = section(dataclasses.replace(RELAYED, way=way, connect=line))
    assert lines.index(line) < lines.index(command_line(way, SESSION))


@pytest.mark.parametrize(
    ("host", "connect", "vantage"),
    [
        ("127.0.0.1", "", "this machine"),
        ("127.0.0.1", "ssh -o …", "inside it"),
        ("box", "", "a machine that reaches this one"),
        ("box", "ssh -o …", "a machine that reaches this one"),
    ],
)
def test_the_section_says_from_where_the_port_is_reached(host: str, connect: str, vantage: str) -> None:
    way = Direct(host, 40001, needs_key=True)
    lines = section(dataclasses.replace(RELAYED, way=way, connect=connect))
    assert lines[lines.index(command_line(way, SESSION)) - 1] == f"holdfast: to log in from {vantage}:"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (185, "3 min 5 s"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("status", "text"),
    [(0, "exit code 0"), (255, "exit code 255"), (-9, "signal 9 (SIGKILL)"), (-40, "signal 40")],
)
def test_outcome(status: int, text: str) -> None:
    assert outcome(status) == text
