"""`agent status`, `agent resume` and `agent connect`: the other end of the control socket."""

import json
import os
import select
import signal
import socket
import sys
from typing import Any

from agent.errors import UsageError
from agent.session.control import PREFIX, namespace
from agent.session.environment import SESSION

ANSWER_SECONDS = 5
"""Time for an answer: the session process answers from its event loop, in a millisecond or so."""

CHUNK_BYTES = 128 * 1024

OK, FAILED = 0, 1


class ControlError(Exception):
    """The session cannot be reached, or says no; the text is the line to print."""


def main(command: str, argv: list[str]) -> int:
    """Run one of the commands; returns its exit code, raises UsageError for a bad word."""
    try:
        match command:
            case "status":
                return _status(argv)
            case "resume":
                return _resume(argv)
            case "connect":
                return _connect(argv)
    except ControlError as error:
        print(f"agent: {error}", file=sys.stderr)
        return FAILED
    raise UsageError(f"unknown command {command}")


def _status(argv: list[str]) -> int:
    as_json = argv == ["--json"]
    if argv and not as_json:
        raise UsageError(f"agent status takes --json alone, not {argv[0]!r}")
    answer = _ask({"command": "status"})
    if as_json:
        print(json.dumps({name: value for name, value in answer.items() if name != "ok"}))
        return OK
    for name, value in answer.items():
        if name not in ("ok", "logins", "terminals"):
            print(f"{name + ':':<10} {value}")
    for login in answer["logins"]:
        print(f"login:     {login['user'] or 'session id'} from {login['address']}")
    for terminal in answer["terminals"]:
        print(f"terminal:  {terminal['foreground'] or 'idle'}{'' if terminal['viewers'] else ' (detached)'}")
    return OK


def _resume(argv: list[str]) -> int:
    verdict = _verdict(argv)
    _ask({"command": "resume", "verdict": verdict})
    return OK


def _verdict(argv: list[str]) -> int | None:
    """Return the exit code that was asked for; None is the step's own."""
    match argv:
        case []:
            return None
        case ["--pass"]:
            return 0
        case ["--fail"]:
            return 1
        case ["--fail", code] if code.isascii() and code.isdigit() and 1 <= int(code[:4]) <= 255:
            return int(code)
        case ["--fail", code]:
            raise UsageError(f"--fail takes an exit code from 1 to 255, not {code!r}")
        case [word, *_]:
            raise UsageError(f"agent resume takes --pass or --fail [CODE], not {' '.join(argv) or word}")
    raise AssertionError(argv)


def _connect(argv: list[str]) -> int:
    """Join standard input and output to the session's SSH server, until either side ends."""
    if argv:
        raise UsageError(f"agent connect takes no argument, not {argv[0]!r}")
    sock = _find()
    _request(sock, {"command": "connect"})
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    inputs = [0, sock.fileno()]
    sock.settimeout(None)
    while True:
        ready, _, _ = select.select(inputs, [], [])
        if sock.fileno() in ready:
            data = sock.recv(CHUNK_BYTES)
            if not data:
                return OK
            _write_all(1, data)
        if 0 in ready:
            data = os.read(0, CHUNK_BYTES)
            if data:
                sock.sendall(data)
            else:
                inputs.remove(0)
                sock.shutdown(socket.SHUT_WR)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _ask(request: dict[str, Any]) -> dict[str, Any]:
    with _find() as sock:
        return _request(sock, request)


def _request(sock: socket.socket, request: dict[str, Any]) -> dict[str, Any]:
    """Send a request and return its answer; ControlError if that says no."""
    try:
        sock.sendall(json.dumps(request).encode() + b"\n")
        line = b""
        # A byte at a time: what follows the answer to `connect` is SSH, and not ours.
        while not line.endswith(b"\n"):
            byte = sock.recv(1)
            if not byte:
                break
            line += byte
        answer: dict[str, Any] = json.loads(line)
    except TimeoutError:
        raise ControlError(f"the session does not answer within {ANSWER_SECONDS} s") from None
    except (OSError, ValueError):
        raise ControlError(
            "the session closed the connection without an answer; has it just ended?"
        ) from None
    if not answer.get("ok"):
        raise ControlError(str(answer.get("error", "the session said no")))
    return answer


def _find() -> socket.socket:
    """Return a connection to the session that is meant; ControlError if there is none, or more than one."""
    wanted = os.environ.get(SESSION)
    names = _socket_names()
    if not names:
        raise ControlError("no session is open in this container")
    if len(names) == 1:
        return _open(names[0])
    sessions = {name: _session_of(name) for name in names}
    ours = {name: session for name, session in sessions.items() if session}
    chosen = [name for name, session in ours.items() if session == wanted] or list(ours)
    if len(chosen) > 1:
        listed = ", ".join(sorted(ours.values()))
        raise ControlError(f"several sessions are open here; say which by {SESSION}=ID: {listed}")
    # None that answers us: the first says why.
    return _open((chosen or names)[0])


def _socket_names() -> list[str]:
    """Return the abstract names of this PID namespace's sessions, from /proc/net/unix."""
    start = f"@{PREFIX}/{namespace()}/"
    with open("/proc/net/unix", encoding="ascii", errors="replace") as table:
        paths = {line.split()[-1] for line in table if start in line}
    return sorted(path[1:] for path in paths if path.startswith(start))


def _open(name: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(ANSWER_SECONDS)
    try:
        sock.connect("\0" + name)
    except OSError as error:
        sock.close()
        raise ControlError(f"the session cannot be reached: {error.strerror}; has it just ended?") from None
    return sock


def _session_of(name: str) -> str:
    """Return the id of a session; empty if it is not ours, or just gone."""
    try:
        with _open(name) as sock:
            return str(_request(sock, {"command": "status"})["session"])
    except ControlError:
        return ""
