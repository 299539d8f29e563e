"""`make demo`, as a user would try it."""

import os
import shlex
import signal
import subprocess
import sys

import pexpect
import psutil
import pytest

from examples import demo as demo_module

DEMO = [sys.executable, demo_module.__file__]


@pytest.fixture
def demo(tmp_path):
    """The demo on a terminal of its own; at its end no process and no file is left."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary), "HOME": str(tmp_path), "COLUMNS": "200"}
    terminal = pexpect.spawn(
        DEMO[0], DEMO[1:], env=environment, timeout=30, encoding="utf-8", dimensions=(50, 400)
    )
    try:
        terminal.expect(r"ready to paste[^\n]*\n\s*(ssh [^\r\n]+)\r\n")
        processes = psutil.Process(terminal.pid).children(recursive=True)
        yield terminal, shlex.split(terminal.match[1])
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close(force=True)
    psutil.wait_procs(processes, timeout=5)
    assert not [process for process in processes if process.is_running()]
    assert os.listdir(temporary) == []
    assert os.listdir(tmp_path) == ["tmp"]


def login(command, *words):
    argv = [command[0], "-F", "/dev/null", *command[1:], *words]
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
    )


def test_demo_ends_when_the_build_is_resumed(demo):
    terminal, command = demo
    done = login(
        command, f"sed -i s/360/3600/ durations.py && {sys.executable} -m unittest && agent resume --pass"
    )
    assert done.returncode == 0, done.stderr
    terminal.expect("exit code 0")


@pytest.mark.parametrize(
    "end",
    [lambda terminal: terminal.sendintr(), lambda terminal: terminal.kill(signal.SIGTERM)],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_demo_ends_when_it_is_interrupted(demo, end):
    terminal, command = demo
    assert login(command, "pwd").stdout.endswith("project\n")
    end(terminal)
    terminal.expect("nothing is left of it")
