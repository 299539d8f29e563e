"""What `agent doctor` finds."""

import pytest

from agent import doctor
from agent.config import read
from agent.doctor import BAD, GOOD, NOTE, Finding, examine, limits, main
from agent.errors import UsageError


@pytest.mark.parametrize(
    ("files", "grades"),
    [
        ({}, []),
        ({"memory.oom.group": "0", "pids.max": "max"}, []),
        ({"memory.oom.group": "1"}, [BAD]),
        ({"pids.max": "64"}, []),
        ({"pids.max": "8"}, [NOTE]),
        ({"memory.oom.group": "1", "pids.max": "8"}, [BAD, NOTE]),
    ],
)
def test_limits_of_the_control_group(files, grades):
    assert [finding.grade for finding in limits(files.get)] == grades


def grades(*words, environment=None):
    return {finding.grade for finding in examine(read([*words, "--", "true"], environment or {}))}


def test_here_a_session_could_open():
    assert grades() == {GOOD}


@pytest.mark.parametrize("words", [("--when", "never"), ("--when", "debug")])
def test_steps_that_are_not_held_are_told(words):
    assert NOTE in grades(*words)


def test_debugging_switched_off_is_told():
    assert NOTE in grades(environment={"HOLDFAST_DEBUG": "0"})


@pytest.mark.parametrize("environment", [{}, {"HOLDFAST_TOKEN": "a-token"}])
def test_a_relay_that_cannot_be_used_is_bad(environment):
    assert BAD in grades("--relay", "ws://127.0.0.1:1", environment=environment)


def test_no_shell_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert NOTE in grades()


def test_the_exit_code_and_the_lines(monkeypatch, capsys):
    monkeypatch.setattr(
        doctor, "examine", lambda _: iter([Finding(GOOD, "one"), Finding(NOTE, "two\x1b[2J")])
    )
    assert main([]) == 0
    monkeypatch.setattr(doctor, "examine", lambda _: iter([Finding(BAD, "three")]))
    assert main([]) == 1
    assert capsys.readouterr().out == "ok    one\nnote  two?[2J\nbad   three\n"


def test_colours_are_for_a_terminal():
    assert Finding(BAD, "x").show(colours=True) == "\x1b[31mbad\x1b[0m   x"


def test_usage(capsys):
    assert main(["--help"]) == 0
    assert "usage: agent doctor" in capsys.readouterr().out
    with pytest.raises(UsageError, match="runs no command"):
        main(["--", "ls"])
    with pytest.raises(UsageError, match="unknown option --foo"):
        main(["--foo"])
