"""The table of options: taking a line apart, and its help."""

import pytest

from agent.errors import UsageError
from agent.options import OPTIONS, Option, describe, nearest, take_apart


@pytest.mark.parametrize(
    ("words", "given", "text", "command"),
    [
        (["--", "make", "--when"], {}, None, ("make", "--when")),
        (["make", "--", "x"], {}, None, ("make", "--", "x")),
        (["--when", "never", "--", "a"], {"--when": "never"}, None, ("a",)),
        (["--when=never", "a"], {"--when": "never"}, None, ("a",)),
        (["--url=a=b", "a"], {"--url": "a=b"}, None, ("a",)),
        (["--step", "--", "--", "a"], {"--step": "--"}, None, ("a",)),
        (["--step", "1", "--step", "2", "a"], {"--step": "2"}, None, ("a",)),
        (["--shell", "sh", "-c", "t", "--", "-x"], {"--shell": "sh"}, "t", ("--", "-x")),
        (["--shell", "sh", "-c", ""], {"--shell": "sh"}, "", ()),
        (["--shell=bash", "file", "-c"], {"--shell": "bash"}, None, ("file", "-c")),
        ([], {}, None, ()),
    ],
)
def test_take_apart(words, given, text, command):
    line = take_apart(words)
    assert (line.given, line.text, line.command) == (given, text, command)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--tiemout", "1s"], "unknown option --tiemout, did you mean --timeout?: see agent run --help"),
        (["--zzz=1"], "unknown option --zzz: see agent run --help"),
        (["-x", "a"], "unknown option -x: see agent run --help"),
        (["--timeout"], "--timeout needs a value: see agent run --help"),
        (["-c", "text"], "-c needs a shell before it: agent run --shell bash -c TEXT"),
        (["--shell", "sh", "-c"], "-c needs a value: see agent run --help"),
    ],
)
def test_bad_lines(words, says):
    with pytest.raises(UsageError) as caught:
        take_apart(words)
    assert str(caught.value) == says


def test_precedence_is_option_environment_default():
    option = Option("--some-thing", "N", int, "…", default="1", variables=("FIRST", "SECOND"))
    everything = {"FIRST": "3", "SECOND": "2"}
    assert option.read({"--some-thing": "4"}, everything) == 4
    assert option.read({}, everything) == 3
    assert option.read({}, {"FIRST": "", "SECOND": "2"}) == 2
    assert option.read({}, {}) == 1


@pytest.mark.parametrize(
    ("given", "environment", "says"),
    [
        ({"--n": "x"}, {"HOLDFAST_N": "1"}, "--n: invalid literal"),
        ({}, {"HOLDFAST_N": "x"}, "HOLDFAST_N: invalid literal"),
        ({"--n": ""}, {"HOLDFAST_N": "1"}, "--n: invalid literal"),
    ],
)
def test_a_bad_value_names_its_source(given, environment, says):
    with pytest.raises(UsageError, match=f"^{says}"):
        Option("--n", "N", int, "…").read(given, environment)


def test_every_default_is_a_good_value():
    for option in OPTIONS:
        option.read({}, {})


def test_help_tells_every_option_and_variable():
    text = describe()
    for option in OPTIONS:
        assert f"  {option.name} {option.metavar}" in text
        for variable in option.variables:
            assert variable in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_nearest():
    assert nearest("--relays", ["--relay", "--listen"]) == ", did you mean --relay?"
    assert nearest("--q", ["--relay"]) == ""
