"""What the keeper in C takes for plain, the agent in Python takes as well, and understands in the same way."""

import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.config import read
from agent.errors import UsageError
from agent.options import OPTIONS
from tests.binary.conftest import REPOSITORY
from tests.binary.keepers import build

NOT_PLAIN = 3
SHOWN = os.path.join(REPOSITORY, "tests", "binary", "plan_shown.c")

PLAIN = [
    ["--", "true"],
    ["true"],
    ["--timeout", "2h", "--linger=1m", "--step", "unit tests", "--", "make", "test"],
    ["--shell", "bash", "-c", "exit 3", "zero", "--one"],
    ["--shell", "sh", "--errexit", "-c", ""],
    ["--shell", "python", "-"],
    ["--relay", "wss://relay.example.com:8443/a", "--node", "1/4", "--url", "https://ci/1", "--", "true"],
    ["--when", "never", "--", "true"],
    ["--when", "debug", "--", "", "-c"],
    ["--listen", "localhost:2222", "--max-timeout", "5h", "--step-timeout", "16s", "--", "true"],
]
"""These are never left to Python."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    return build(tmp_path_factory.mktemp("plan") / "shown", main=SHOWN)


def taken(shown, words, environment):
    """Return the fields as C has them, or None where it leaves them to Python."""
    done = subprocess.run([shown, *words], env=environment, capture_output=True, check=False)
    if done.returncode == NOT_PLAIN:
        return None
    assert done.returncode == 0, done
    return sorted(done.stdout.split(b"\0")[:-1])


def understood(words, environment):
    """Return the same fields of the agent in Python."""
    config = read(words, environment)
    never = config.when == "never"
    fields = {
        "shell": config.shell or "",
        "never": "1" if never else "",
        "errexit": "1" if config.errexit else "",
        "token": config.token or "",
    }
    if not never:
        fields["always"] = "1" if config.when == "always" else ""
        fields["max_timeout"] = str(config.max_timeout)
        fields["linger"] = str(config.linger)
        fields["step_timeout"] = str(config.step_timeout or 0)
    if config.text is not None:
        fields["text"] = config.text
    rows = [f"{name}={value}" for name, value in fields.items()]
    rows += [f"word={word}" for word in config.command]
    rows += [f"environment={name}={value}" for name, value in config.environment.items()]
    return sorted(os.fsencode(row) for row in rows)


@pytest.mark.parametrize("words", PLAIN)
def test_what_is_plain_is_taken(shown, words):
    environment = {"PATH": "/bin", "HOLDFAST_TOKEN": "token", "HOLDFAST_IDLE": ""}
    fields = taken(shown, words, environment)
    assert fields is not None
    assert fields == understood(words, environment)


VALUES = st.one_of(
    st.sampled_from(
        ["", "1", "0", "true", "NO", "yes", "bash", "sh", "python", "pwsh", "-", "--", "-c", "/", "/dev/null"]
    ),
    st.sampled_from(
        ["failure", "always", "never", "debug", "Never", "127.0.0.1:0", "localhost:70000", "[::1]:1"]
    ),
    st.sampled_from(
        [
            "ws://a",
            "wss://a.b-c:443/x",
            "ws://-a",
            "ws://a..b",
            "ws://a.-",
            "ws://a_",
            "wss://a:0",
            "ws://@a",
            "WS://a",
        ]
    ),
    st.sampled_from(["\u212a", "tru\u00e9", "a\u00a0b", "\u0131", "ws://\u0661", "\u0661s"]),
    st.from_regex(r"([0-9]{0,3}h)?([0-9]{0,9}m)?([0-9]{0,3}s)?", fullmatch=True),
    st.from_regex(r"wss?://[a-c.:0-9/_~%-]{0,12}", fullmatch=True),
    st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=8),
    st.integers(250, 260).map("x".__mul__),
)
NAMES = [option.name for option in OPTIONS]
VARIABLES = [name for option in OPTIONS for name in option.variables]
VARIABLES += ["HOLDFAST_TOKEN", "HOLDFAST_DEBUG", "RUNNER_DEBUG", "CI_DEBUG_TRACE", "A", "HOLDFAST_TOKENS"]
WORDS = st.one_of(
    st.tuples(st.sampled_from(NAMES), VALUES),
    st.builds(lambda name, value: (f"{name}={value}",), st.sampled_from(NAMES), VALUES),
    VALUES.map(lambda value: (value,)),
    st.sampled_from([("--shell", "bash"), ("--shell", "sh"), ("--errexit",), ("-c", "text"), ("--", "x")]),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS, max_size=5), st.dictionaries(st.sampled_from(VARIABLES), VALUES, max_size=4))
def test_whatever_is_taken_is_understood_alike(shown, words, environment):
    words = [word for group in words for word in group]
    if (fields := taken(shown, words, environment)) is None:
        return
    try:
        assert fields == understood(words, environment)
    except UsageError as error:
        pytest.fail(f"C takes what Python refuses: {error}")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([option for option in OPTIONS if option.metavar]), VALUES)
def test_each_value_that_is_taken_is_valid(shown, option, value):
    if taken(shown, [f"{option.name}={value}", "--", "x"], {}) is not None:
        understood([f"{option.name}={value}", "--", "x"], {})


EXEC = """
import ctypes, sys
def array(*words):
    return (ctypes.c_char_p * (len(words) + 1))(*words)
entries = array(b"A=1", b"nonsense", b"A=2", b"=x", b"HOLDFAST_TOKEN=t", b"B=", b"HOLDFAST_TOKEN=u")
ctypes.CDLL(None).execve(sys.argv[1].encode(), array(b"shown", b"--", b"x"), entries)
"""


def test_a_repeated_variable_counts_once(shown):
    """The first one, as for every program; what is no variable at all is left out, and so are secrets."""
    done = subprocess.run([sys.executable, "-c", EXEC, shown], capture_output=True, check=True)
    fields = done.stdout.split(b"\0")
    assert [field for field in fields if field.startswith(b"environment=")] == [
        b"environment=A=1",
        b"environment=B=",
    ]
    assert b"token=t" in fields


def test_every_variable_of_many_stays(shown):
    """Also those that the search for repeated ones takes for each other at first: of 5000 names many do."""
    environment = {f"NAME_{number}": str(number) for number in range(5000)}
    fields = taken(shown, ["--", "x"], environment)
    assert [field for field in fields if field.startswith(b"environment=")] == sorted(
        f"environment={name}={value}".encode() for name, value in environment.items()
    )


@pytest.mark.parametrize(
    "content", ["token\n", "  token", "to ken", "", "x" * 512 + "\n", "x" * 513, "t\u00f6ken", "a\0b"]
)
def test_token_files(shown, tmp_path, content):
    path = tmp_path / "token"
    path.write_text(content)
    for words, environment in (
        (["--token-file", str(path), "--", "x"], {"HOLDFAST_TOKEN": "other"}),
        (["--", "x"], {"HOLDFAST_TOKEN_FILE": str(path)}),
    ):
        fields = taken(shown, words, environment)
        try:
            expected = understood(words, environment)
        except UsageError:
            expected = None
        assert fields == expected
