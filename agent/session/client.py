"""`agent status`, `resume`, `inspect` and `connect`: the other end of the control socket."""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import termios
import tty
from collections.abc import Iterator
from typing import Any

from agent.config import SESSION
from agent.errors import UsageError
from agent.output import plain
from agent.session.control import PREFIX, namespace
from agent.session.visitors import peer, trusted

ANSWER_SECONDS = 5
"""Time for an answer: the session process answers from its event loop, in a millisecond or so."""

ANSWER_BYTES = 64 * 1024
"""A status with hundreds of logins and terminals."""

CHUNK_BYTES = 128 * 1024

END_OF_INPUT = b"\x04"
"""What leaves a prompt whose input has come to its end; behind a whole line it is one."""

OK, FAILED = 0, 1

HELP = {
    "status": """\
usage: agent status [--json]

Shows the session that this container is held for.
""",
    "resume": """\
usage: agent resume [--pass | --fail [CODE]]

Ends the hold. The build goes on with the step's own exit code, with 0 (--pass), or with CODE (--fail; 1).
""",
    "inspect": """\
usage: agent inspect

Opens a prompt inside the failed interpreter itself: in a shell its unexported variables and functions, in Python
pdb on the failed frame, in PowerShell the failed runspace. ^D leaves it; the step's exit code stays as it is.
""",
    "connect": """\
usage: agent connect [SESSION]

Joins standard input and output to the session's SSH server:
    ssh -o ProxyCommand="docker exec -i CONTAINER agent connect" SESSION
    ssh -o ProxyCommand="docker exec -i CONTAINER agent connect %n" SESSION     where several are open
""",
}
HELP_END = f"\nWhere several sessions are open, {SESSION}=ID in the environment says which.\n"


class ControlError(Exception):
    """The session cannot be reached, or says no; the text is the line to print."""


def main(command: str, argv: list[str]) -> int:
    """Run one of the commands; returns its exit code, raises UsageError for a bad word."""
    if argv and argv[0] in ("--help", "-h"):
        print(HELP[command] + HELP_END, end="")
        return OK
    try:
        match command:
            case "status":
                return _status(argv)
            case "resume":
                return _resume(argv)
            case "inspect":
                return _inspect(argv)
            case "connect":
                return _connect(argv)
    except ControlError as error:
        print(f"agent: {plain(str(error))}", file=sys.stderr)
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
        if name not in ("ok", "logins", "terminals") and value:
            print(plain(f"{name + ':':<12} {value}"))
    for login in answer["logins"]:
        print(plain(f"login:       {login['user'] or 'session id'} from {login['address']}"))
    for terminal in answer["terminals"]:
        detached = "" if terminal["viewers"] else " (detached)"
        print(plain(f"terminal:    {terminal['foreground'] or 'idle'}{detached}"))
    return OK


def _resume(argv: list[str]) -> int:
    verdict = _verdict(argv)
    _ask({"command": "resume", "verdict": verdict})
    return OK


def _verdict(argv: list[str]) -> int | None:
    """Return the exit code that was asked for; None is the step's own."""
    if argv and argv[0].startswith("--fail="):
        argv = ["--fail", argv[0].removeprefix("--fail="), *argv[1:]]
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
    if len(argv) > 1 or (argv and argv[0].startswith("-")):
        raise UsageError(f"agent connect takes a session's id and no more, not {' '.join(argv)!r}")
    sock = _find(*argv)
    _request(sock, {"command": "connect"})
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    _join(sock, b"")
    return OK


def _inspect(argv: list[str]) -> int:
    """Join our terminal to the prompt inside the failed interpreter, until that is left."""
    if argv:
        raise UsageError(f"agent inspect takes no argument, not {argv[0]!r}")
    sock = _find()
    _request(sock, {"command": "inspect", **_window()})
    signal.signal(signal.SIGWINCH, lambda _number, _frame: _tell_window())
    with _raw_terminal():
        _join(sock, END_OF_INPUT)
    return OK


def _window() -> dict[str, int]:
    """Return the size of our terminal, nothing without one."""
    try:
        size = os.get_terminal_size(0)
    except OSError:
        return {}
    return {"columns": size.columns, "rows": size.lines}


def _tell_window() -> None:
    with contextlib.suppress(ControlError):
        _ask({"command": "resize", **_window()})


@contextlib.contextmanager
def _raw_terminal() -> Iterator[None]:
    """Pass every key on as it is, ^C and ^D too: the prompt has a terminal of its own."""
    if not os.isatty(0):
        yield
        return
    settings = termios.tcgetattr(0)
    tty.setraw(0, termios.TCSADRAIN)  # what was typed ahead is for the prompt
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, settings)


def _join(sock: socket.socket, at_end: bytes) -> None:
    """Join standard input and output to the session; at the input's end send `at_end`, or end it there as well."""
    inputs = [0, sock.fileno()]
    sock.settimeout(None)
    while True:
        ready, _, _ = select.select(inputs, [], [])
        if sock.fileno() in ready:
            try:
                data = sock.recv(CHUNK_BYTES)
            except ConnectionResetError:
                data = b""
            if not data:
                return
            _write_all(1, data)
        if 0 in ready:
            data = os.read(0, CHUNK_BYTES)
            if data:
                sock.sendall(data)
            else:
                inputs.remove(0)
                if at_end:
                    sock.sendall(at_end)
                else:
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
        while not line.endswith(b"\n") and len(line) < ANSWER_BYTES:
            byte = sock.recv(1)
            if not byte:
                break
            line += byte
        answer: Any = json.loads(line)
    except TimeoutError:
        raise ControlError(f"the session does not answer within {ANSWER_SECONDS} s") from None
    except (OSError, ValueError, RecursionError):
        raise ControlError(
            "the session closed the connection without an answer; has it just ended?"
        ) from None
    match answer:
        case {"ok": True}:
            return dict(answer)
        case {"ok": False, "error": str() as error}:
            raise ControlError(error)
    raise ControlError("the session said what is no answer; is it of another version?")


def _find(wanted: str | None = None) -> socket.socket:
    """Return a connection to the session that is meant; ControlError if there is none, or more than one."""
    wanted = wanted or os.environ.get(SESSION)
    names = _socket_names()
    if not names:
        raise ControlError("no session is open in this container")
    if len(names) == 1 and not wanted:
        return _open(names[0])
    sessions: dict[str, str] = {}
    refusals: list[ControlError] = []
    for name in names:
        try:
            sessions[name] = _session_of(name)
        except ControlError as refusal:
            refusals.append(refusal)
    if not sessions:
        raise refusals[0]
    chosen = [name for name, session in sessions.items() if wanted in (None, "", session)]
    if not chosen:
        raise ControlError(f"session {wanted} is not open here")
    if len(chosen) > 1:
        listed = ", ".join(sorted(sessions.values()))
        raise ControlError(f"several sessions are open here; say which by {SESSION}=ID: {listed}")
    return _open(chosen[0])


def _socket_names() -> list[str]:
    """Return the abstract names of this PID namespace's sessions, from /proc/net/unix."""
    start = f"@{PREFIX}/{namespace()}/"
    with open("/proc/net/unix", encoding="ascii", errors="replace") as table:
        paths = {line.split()[-1] for line in table if start in line}
    return sorted(path[1:] for path in paths if path.startswith(start))


def _open(name: str) -> socket.socket:
    """Connect to a session of our own user's, or root's: anybody can listen under such a name."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(ANSWER_SECONDS)
    try:
        sock.connect("\0" + name)
        pid, uid, _ = peer(sock)
    except OSError as error:
        sock.close()
        raise ControlError(f"the session cannot be reached: {error.strerror}; has it just ended?") from None
    if not (trusted(pid, uid) or (os.geteuid() == 0 and pid > 0)):  # root may control everybody's session
        sock.close()
        raise ControlError(f"what listens as {name} belongs to uid {uid}: it is not an agent of yours")
    return sock


def _session_of(name: str) -> str:
    with _open(name) as sock:
        return str(_request(sock, {"command": "status"})["session"])
