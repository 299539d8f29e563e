"""`agent status`, `resume` and `connect`: which session they mean, and what they make of its answer."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from agent.errors import UsageError
from agent.session import client
from agent.session.control import PREFIX, namespace

STATUS = {"ok": True, "session": "", "state": "waiting", "logins": [], "terminals": []}


class Session:
    """Listens where an agent would, answers each request alike and keeps it."""

    def __init__(self, number: int, answer: bytes) -> None:
        self.name = f"{PREFIX}/{namespace()}/test-{os.getpid()}-{number}"
        self.commands: list[str] = []
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind("\0" + self.name)
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            with sock, sock.makefile("rb") as lines:
                line = lines.readline()
                if not line:
                    return
                self.commands.append(json.loads(line)["command"])
                try:
                    sock.sendall(self._answer)
                except OSError:
                    continue

    def end(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as last:
            last.connect("\0" + self.name)
        self._thread.join()
        self._listener.close()


Start = Callable[..., Session]


@pytest.fixture
def start(monkeypatch) -> Iterator[Start]:
    """Open sessions that answer with their id, or as they are told; the real ones here are not seen."""
    sessions: list[Session] = []

    def add(session: str, answer: bytes | None = None) -> Session:
        line = json.dumps({**STATUS, "session": session}).encode() + b"\n"
        sessions.append(Session(len(sessions), answer or line))
        return sessions[-1]

    monkeypatch.delenv("HOLDFAST_SESSION", raising=False)
    monkeypatch.setattr(client, "_socket_names", lambda: [session.name for session in sessions])
    yield add
    for session in sessions:
        session.end()


def no(error: str) -> bytes:
    return json.dumps({"ok": False, "error": error}).encode() + b"\n"


@pytest.mark.parametrize("others", [["other"], ["other", "third"]])
def test_a_session_that_is_not_open_is_never_another(start, monkeypatch, capsys, others):
    sessions = [start(session) for session in others]
    monkeypatch.setenv("HOLDFAST_SESSION", "gone")
    assert client.main("resume", ["--pass"]) == 1
    assert capsys.readouterr().err == "agent: session gone is not open here\n"
    assert all("resume" not in session.commands for session in sessions)


def test_the_session_that_is_named_is_meant(start, monkeypatch):
    first, second = start("first"), start("second")
    monkeypatch.setenv("HOLDFAST_SESSION", "second")
    assert client.main("resume", []) == 0
    assert (first.commands, second.commands) == (["status"], ["status", "resume"])


def test_of_several_one_must_be_named(start, capsys):
    start("first"), start("second")
    assert client.main("status", []) == 1
    assert capsys.readouterr().err.endswith("by HOLDFAST_SESSION=ID: first, second\n")


@pytest.mark.parametrize("wanted", ["", "gone"])
def test_where_none_lets_us_in_the_first_says_why(start, monkeypatch, capsys, wanted):
    sessions = [start("", no("only root")), start("", no("never"))]
    monkeypatch.setenv("HOLDFAST_SESSION", wanted)
    assert client.main("resume", []) == 1
    assert capsys.readouterr().err == "agent: only root\n"
    assert all(session.commands == ["status"] for session in sessions)


@pytest.mark.parametrize("answer", [b"x" * (client.ANSWER_BYTES + 1), b"[]\n", b"[" * 60_000 + b"\n", b"{"])
def test_an_answer_that_is_none(start, capsys, answer):
    start("", answer)
    assert client.main("resume", []) == 1
    assert re.search("without an answer|no answer", capsys.readouterr().err)


def test_what_the_status_says_no_terminal_obeys(start, capsys):
    login = {"user": "\x1b[2J", "address": "a\nb"}
    start("", json.dumps({**STATUS, "logins": [login]}).encode() + b"\n")
    assert client.main("status", []) == 0
    assert "login:       ?[2J from a b\n" in capsys.readouterr().out


LISTEN_AS_NOBODY = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind(chr(0) + sys.argv[1])
os.setgroups([])
os.setuid(65534)
listener.listen()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_listener_of_another_user_is_not_asked(monkeypatch, capsys):
    name = f"{PREFIX}/{namespace()}/test-{os.getpid()}-nobody"
    monkeypatch.delenv("HOLDFAST_SESSION", raising=False)
    monkeypatch.setattr(client, "_socket_names", lambda: [name])
    with subprocess.Popen(
        [sys.executable, "-c", LISTEN_AS_NOBODY, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as impostor:
        assert impostor.stdout.readline() == b"ready\n"
        monkeypatch.setattr(os, "geteuid", lambda: 12345)  # root may ask everybody's
        assert client.main("resume", []) == 1
        impostor.stdin.close()
    assert "uid 65534: it is not an agent of yours" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "resume", "inspect", "connect"])
@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help(capsys, command, word):
    assert client.main(command, [word]) == 0
    assert capsys.readouterr().out.startswith(f"usage: agent {command}")


@pytest.mark.parametrize(
    ("argv", "verdict"),
    [([], None), (["--pass"], 0), (["--fail"], 1), (["--fail", "3"], 3), (["--fail=3"], 3)],
)
def test_verdict(argv, verdict):
    assert client._verdict(argv) == verdict


@pytest.mark.parametrize("argv", [["--fail=0"], ["--fail="], ["--fail=3", "4"], ["--fail", "256"], ["3"]])
def test_no_verdict(argv):
    with pytest.raises(UsageError, match=r"exit code from 1 to 255|takes --pass or --fail"):
        client._verdict(argv)
