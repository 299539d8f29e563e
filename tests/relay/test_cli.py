"""The `relay` command, in this process where it ends by itself, as a real one where it serves."""

import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys

import pytest

from relay.cli import main
from tests.certificates import authority

RELAY = [sys.executable, "-c", "import sys; from relay.cli import main; sys.exit(main())"]
START_SECONDS = 30
LOADED = "lambda: print('loaded:', sorted({'sqlalchemy', 'asyncssh'} & {*sys.modules}), file=sys.stderr)"


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in list(os.environ):
        if name.startswith("HOLDFAST_"):
            monkeypatch.delenv(name)
    umask = os.umask(0o022)
    yield tmp_path / "state" / "holdfast"
    os.umask(umask)


def run(*argv: str) -> int:
    try:
        return main(argv)
    except SystemExit as done:  # argparse's way
        return done.code


@pytest.fixture
def joe() -> None:
    assert run("account", "add", "acme") == 0
    assert run("user", "add", "joe", "--account", "acme") == 0


def test_what_it_makes_is_its_owners(joe, state) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in [state, *state.iterdir()]}
    assert modes == {"holdfast": 0o700, "relay.db": 0o600}


def test_a_token_stands_alone_on_standard_output(joe, capsys) -> None:
    assert (
        run(
            "token",
            "create",
            "--account",
            "acme",
            "--user",
            "joe",
            "--permission",
            "agent",
            "--expires",
            "30d",
        )
        == 0
    )
    said = capsys.readouterr()
    assert said.out.startswith("hf_")
    assert said.out.count("\n") == 1
    assert said.err == "relay: token 1 allows agent; it is not shown again\n"


def test_tokens_are_listed_and_revoked(joe, capsys) -> None:
    for permission in ("execute", "agent"):
        run("token", "create", "--account", "acme", "--user", "joe", "--permission", permission)
    assert run("token", "revoke", "1") == 0
    capsys.readouterr()
    assert run("token", "list") == 0
    head, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert head == ["ID", "ACCOUNT", "USER", "PERMISSIONS", "CREATED", "EXPIRES", "STATE"]
    assert [(row[0], row[3], row[5], row[6]) for row in rows] == [
        ("1", "execute", "never", "revoked"),
        ("2", "agent", "never", "valid"),
    ]


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        (["account", "add", "acme"], 1, "account 'acme' exists already"),
        (["account", "add", "a:b"], 1, "account name 'a:b'"),
        (["user", "add", "joe", "--account", "acme"], 1, "user 'joe' exists already"),
        (["user", "add", "ann", "--account", "nobody"], 1, "no such account: 'nobody'"),
        (
            ["token", "create", "--account", "acme", "--user", "ann"],
            1,
            "no such user in account 'acme': 'ann'",
        ),
        (
            ["token", "create", "--account", "acme", "--user", "joe", "--permission", "admin"],
            1,
            "user 'joe' has no permission admin (has: agent,execute,view)",
        ),
        (["token", "create", "--account", "acme", "--user", "joe", "--expires", "soon"], 2, "not a duration"),
        (["token", "create", "--account", "acme", "--user", "joe", "--expires", "0d"], 2, "not a duration"),
        (["token", "create", "--user", "joe"], 2, "required: --account"),
        (
            ["token", "create", "--account", "a", "--user", "j", "--permission", "root"],
            2,
            "'root' is none of",
        ),
        (["token", "revoke", "7"], 1, "no such token: 7"),
        (["token", "revoke", "x"], 2, "invalid int value"),
        (["token", "list", "--config", "/nowhere"], 2, "/nowhere: No such file"),
        (["token", "list", "--database", "nonsense"], 1, "database URL"),
        (["session", "list"], 2, "a token is needed: set HOLDFAST_TOKEN or --token-file"),
        (["session", "list", "--relay", "x"], 2, "--relay 'x': not a relay's URL"),
        (["session", "enable"], 2, "required: ID"),
        (["session", "abort", "x", "--token-file", "/nowhere"], 2, "token file /nowhere: No such file"),
        (["serve", "--http", "x"], 2, "http 'x': not HOST:PORT"),
        (["serve", "--tls-cert", "/x"], 2, "--tls-cert and --tls-key are needed together"),
        (["serve", "--tls-cert", "/x", "--tls-key", "/y"], 1, "TLS with /x and /y: No such file"),
        (["serve", "--no-such"], 2, "--no-such"),
        (["dance"], 2, "invalid choice: 'dance'"),
        ([], 2, "required: COMMAND"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_one_line_and_a_status(joe, capsys, argv, status: int, words: str) -> None:
    capsys.readouterr()
    assert run(*argv) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("relay: ")
    assert words in said.err
    assert said.err.count("\n") == 1


def test_asking_a_running_relay_leaves_nothing_on_the_disk(state, monkeypatch) -> None:
    monkeypatch.setenv("HOLDFAST_TOKEN", "hf_0123456789")
    assert run("session", "list", "--relay", "ws://127.0.0.1:1") == 1
    assert not state.exists()


def test_an_address_in_use_is_named(joe, capsys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        capsys.readouterr()
        assert run("serve", "--http", "127.0.0.1:0", "--ssh", taken) == 1
    assert capsys.readouterr().err == f"relay: cannot listen on {taken}: Address already in use\n"


class Serving:
    """A real `relay serve`, and the JSON line that it wrote when it was ready."""

    def __init__(self, *options: str) -> None:
        reader, writer = os.pipe()
        argv = [
            *RELAY,
            "serve",
            "--http",
            "127.0.0.1:0",
            "--ssh",
            "127.0.0.1:0",
            "--ready-fd",
            str(writer),
            *options,
        ]
        self.process = subprocess.Popen(argv, pass_fds=[writer], stderr=subprocess.PIPE, text=True)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            ready, _, _ = select.select([pipe], [], [], START_SECONDS)
            line = pipe.readline() if ready else ""
        if not line:
            self.process.kill()
            raise AssertionError(self.process.communicate()[1])
        self.ready = json.loads(line)

    def end(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=START_SECONDS)
        return self.process.returncode, said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serving_until_a_signal(number: int) -> None:
    relay = Serving()
    http, ssh = relay.ready["http_port"], relay.ready["ssh_port"]
    with socket.create_connection(("127.0.0.1", ssh), timeout=START_SECONDS) as user:
        assert user.recv(100).startswith(b"SSH-2.0-OpenSSH_Holdfast")
    status, said = relay.end(number)
    assert status == 0
    assert said.splitlines()[:3] == [
        f"relay: agents dial ws://127.0.0.1:{http}",
        f"relay: users dial ssh -p {ssh} TOKEN:ACCOUNT:SESSION@127.0.0.1",
        f"relay: host key {relay.ready['host_key']}",
    ]
    assert "Traceback" not in said


def test_over_tls(tmp_path) -> None:
    ours = authority(tmp_path)
    certificate, key = ours.sign(tmp_path, "localhost")
    relay = Serving("--tls-cert", certificate, "--tls-key", key)
    context = ssl.create_default_context(cafile=ours.file)
    with (
        socket.create_connection(("127.0.0.1", relay.ready["http_port"]), timeout=START_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert secure.recv(1000).startswith(b"HTTP/1.1 200 OK")
    status, said = relay.end(signal.SIGTERM)
    assert status == 0
    assert "relay: agents dial wss://" in said


@pytest.mark.parametrize(
    "line", [("token", "create", "--help"), ("session", "list", "--relay", "ws://127.0.0.1:1")]
)
def test_what_needs_no_relay_here_loads_none(line) -> None:
    """A server and a database take half a second to load, which who asks a relay elsewhere should not wait for."""
    program = (
        f"import atexit, sys; from relay.cli import main; atexit.register({LOADED}); sys.exit(main({line!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HOLDFAST_TOKEN": "hf_x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.splitlines()[-1:] == ["loaded: []"]
