"""Whatever is wrong, one line says what it is and what to do; the step's exit code stays as it was."""

import contextlib
import http.server
import re
import socket
import socketserver
import ssl
import subprocess
from collections.abc import Iterator

import pytest

from examples.programs import installed
from tests.certificates import authority
from tests.serving import serving

STEP_MARK = "the step has started"
STEP = ["--", "sh", "-c", f"echo {STEP_MARK}; exit 7"]

USAGE_ERRORS = {
    "unknown option": (["--relais", "ws://127.0.0.1:1", *STEP], r"--relais.*--relay"),
    "bad duration": (["--timeout", "soon", *STEP], r"--timeout.*'soon'.*1h30m"),
    "missing script file": (["--shell", "sh", "/no/such/script"], r"/no/such/script"),
    "unreadable token file": (
        ["--relay", "ws://127.0.0.1:1", "--token-file", "/no/such/token", *STEP],
        r"token file /no/such/token: .*check",
    ),
    "wrong scheme": (["--relay", "https://relay.example.com", *STEP], r"https://relay.*wss://relay"),
    "port that cannot be": (["--relay", "ws://127.0.0.1:99999", *STEP], r"127\.0\.0\.1:99999.*port"),
    "bracket left open": (["--relay", "ws://[::1", *STEP], r"\[::1.*host and port"),
    "fragment": (["--relay", "ws://127.0.0.1:1/#x", *STEP], r"fragment"),
    "no key": (["--authorized-keys", "/etc/hostname", *STEP], r"/etc/hostname.*holds no key"),
    "no scheme": (["--relay", "relay.example.com", *STEP], r"relay\.example\.com.*wss://"),
    "no command": ([], r"COMMAND|command"),
    "missing authorised keys": (["--authorized-keys", "/no/such/keys", *STEP], r"/no/such/keys"),
    "everybody could log in": (["--listen", "0.0.0.0:0", *STEP], r"0\.0\.0\.0.*--authorized-keys"),
}


@pytest.mark.parametrize(("arguments", "line"), USAGE_ERRORS.values(), ids=USAGE_ERRORS)
def test_usage_error_ends_before_the_step_starts(arguments, line):
    done = subprocess.run(
        [installed("agent"), "run", *arguments], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert re.search(line, done.stderr), done.stderr


def test_usage_error_of_the_environment(agent):
    build = agent(STEP, env={"HOLDFAST_TIMEOUT": "soon"})
    assert build.wait() == 2
    assert len(build.log.splitlines()) == 1
    assert "HOLDFAST_TIMEOUT" in build.log


@contextlib.contextmanager
def refusing() -> Iterator[str]:
    """A port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"ws://127.0.0.1:{held.getsockname()[1]}"


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"ws://127.0.0.1:{server.getsockname()[1]}"


@contextlib.contextmanager
def answering(
    handler: type[socketserver.BaseRequestHandler], context: ssl.SSLContext | None = None
) -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda request, address: None  # the client hangs up: that is the test
        with serving(server):
            yield f"{'wss' if context else 'ws'}://127.0.0.1:{server.server_address[1]}"


class Website(http.server.BaseHTTPRequestHandler):
    """Serves a page, whatever it is asked for."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>not a relay</html>")

    def log_message(self, *args):
        pass


class Garbage(socketserver.BaseRequestHandler):
    """Answers with what is no HTTP."""

    def handle(self):
        self.request.sendall(b"\x00\xff220 mail.example.com ESMTP\r\n" * 10)


@pytest.fixture(scope="module")
def unvouched(tmp_path_factory) -> ssl.SSLContext:
    """A server's side with a certificate that nobody vouches for."""
    folder = tmp_path_factory.mktemp("tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority(folder).sign(folder, "127.0.0.1"))
    return context


@pytest.fixture
def broken_relay(request, unvouched) -> Iterator[str]:
    """The URL of a relay that is none."""
    kinds = {
        "refuses": refusing,
        "never answers": silent,
        "website": lambda: answering(Website),
        "garbage": lambda: answering(Garbage),
        "untrusted certificate": lambda: answering(Website, unvouched),
    }
    with kinds[request.param]() as url:
        yield url


@pytest.mark.parametrize(
    ("broken_relay", "line"),
    [
        ("refuses", r"refuses connections.*is the relay running"),
        ("never answers", r"gave up on \S+ after 1 s: it does not answer"),
        ("website", r"no agents' endpoint|no WebSocket"),
        ("garbage", r"speaks no WebSocket"),
        ("untrusted certificate", r"certificate that is not trusted.*--ca-file"),
    ],
    indirect=["broken_relay"],
)
def test_relay_that_is_none_leaves_the_verdict(agent, tmp_path, broken_relay, line):
    token = tmp_path / "token"
    token.write_text("hf_some-token\n")
    build = agent(["--relay", broken_relay, "--token-file", str(token), "--connect-timeout", "1s", *STEP])
    assert build.wait() == 7
    lines = [text for text in build.log.splitlines() if text != STEP_MARK]
    assert re.search(rf"^holdfast: .*{broken_relay.partition('://')[2]}.*", build.log, re.MULTILINE)
    assert re.search(line, build.log), build.log
    assert all(text.startswith("holdfast: ") for text in lines), lines
    assert len(lines) <= 3, lines


@pytest.mark.parametrize(
    ("proxy", "line"),
    [
        ("127.0.0.1:9", r"proxy of http_proxy is none: write it like http://"),
        ("http://127.0.0.1:99999", r"proxy of http_proxy is none"),
        ("http://127.0.0.1:9", r"proxy of http_proxy refuses connections; is the proxy running"),
        ("socks5://127.0.0.1:9", r"proxy of http_proxy refuses connections; is the proxy running"),
    ],
)
def test_proxy_that_is_none_leaves_the_verdict(agent, proxy, line):
    build = agent(
        ["--relay", "ws://relay.example.com", "--connect-timeout", "1s", *STEP],
        env={"http_proxy": proxy, "HOLDFAST_TOKEN": "hf_some-token"},
    )
    assert build.wait() == 7
    assert re.search(rf"^holdfast: relay: relay\.example\.com: the {line}", build.log, re.MULTILINE), (
        build.log
    )


def test_ca_file_that_is_none_is_named(agent):
    build = agent(
        ["--relay", "wss://127.0.0.1:9", "--ca-file", "/etc/hostname", *STEP],
        env={"HOLDFAST_TOKEN": "hf_some-token"},
    )
    assert build.wait() == 7
    assert re.search(
        r"^holdfast: relay: CA file /etc/hostname: no certificates in PEM", build.log, re.MULTILINE
    )


@pytest.mark.parametrize("token", ["", "hf_not-a-token-of-this-relay"], ids=["no token", "wrong token"])
def test_token_that_the_relay_refuses_leaves_the_verdict(agent, relay, token):
    build = agent(["--relay", relay.url, "--connect-timeout", "5s", *STEP], env={"HOLDFAST_TOKEN": token})
    assert build.wait() == 7
    assert re.search(r"token", build.log)
    assert not token or token not in build.log


def test_token_without_the_agents_permission_is_refused(agent, relay):
    build = agent(
        ["--relay", relay.url, "--connect-timeout", "5s", *STEP], env={"HOLDFAST_TOKEN": relay.user_token}
    )
    assert build.wait() == 7
    assert relay.user_token not in build.log


def test_wrong_token_account_and_session_get_one_and_the_same_answer(agent, relay, ssh):
    build = agent([*relay.agent_options(), "--", "sh", "-c", "exit 7"])
    way = build.way(relay)
    token, account, session = way.user.split(":")
    wrong_users = (
        f"{token[:-1]}{'a' if token[-1] != 'a' else 'b'}:{account}:{session}",
        f"{token}:nobody:{session}",
        f"{token}:{account}:{'a' * len(session)}",
        "nonsense",
    )
    answers = set()
    for user in wrong_users:
        done = ssh.run(type(way)(user, way.host, way.port), "true", options=["-o", "LogLevel=INFO"])
        assert done.returncode == 255
        answers.add(done.stderr.decode().replace(f"{user}@{way.host}", "USER"))
    assert len(answers) == 1, answers
    assert "token" in answers.pop()
