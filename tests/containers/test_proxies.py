"""Agents behind real proxies, in a network from which nothing but the proxy can be reached."""

import time

import pytest

from examples.loopback import relay as fresh_relay
from tests.certificates import authority
from tests.containers.container import PATIENCE
from tests.containers.network import PASSWORD, QUOTED, USER, Proxies, network

CODE = 5
STEP = ("--", "sh", "-c", f"exit {CODE}")
CREDENTIALS = f"{USER}:{QUOTED}@"
WRONG = f"{USER}:wr0ng-but-secret@"


@pytest.fixture(scope="session")
def ca(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def secure_relay(engine, ca, tmp_path_factory):
    with fresh_relay(engine.address, ca.sign(tmp_path_factory.mktemp("relay"), engine.address)) as served:
        yield served


@pytest.fixture(scope="session")
def inside(engine):
    """A network from which nothing leads out."""
    with network(engine, cut_off=True) as cut_off:
        yield cut_off


@pytest.fixture
def proxies(engine, container, inside, tmp_path):
    return Proxies(engine, container, inside, tmp_path)


@pytest.fixture
def start(container, ca, inside):
    """Start a container whose step fails, in the network that is cut off."""

    def begin(relay, *words, env=None, network=inside.name):
        with open(relay.agent_token_file, encoding="ascii") as file:
            token = file.read().strip()
        given = {"HOLDFAST_RELAY": relay.url, "HOLDFAST_TOKEN": token, **(env or {})}
        options = ["--network", network, "--volume", f"{ca.file}:/etc/ssl/certs/ca-certificates.crt:ro"]
        return container("busybox", *words, *STEP, options=options, env=given)

    return begin


def visit(one, relay, ssh, variable=""):
    """Log in by the relay, and let the build go on; the doctor goes the same way, and no password is anywhere."""
    assert ssh.run(one.way(relay), "echo in").stdout == b"in\n"
    doctor = well(one)
    assert f"the relay {relay.url}{f' by the proxy of {variable}' if variable else ''}" in doctor.stdout
    lines = one.exec("sh", "-c", "cat /proc/[0-9]*/cmdline").stdout
    assert "agent" in lines
    one.resume()
    assert one.wait() == CODE
    for said in (one.log, doctor.stdout, lines):
        assert PASSWORD not in said
        assert QUOTED not in said


def well(one):
    """Have the doctor look until it finds nothing bad: it gives the relay 5 s, which a busy machine may need."""
    deadline = time.monotonic() + PATIENCE
    while (doctor := one.agent("doctor")).returncode:
        assert time.monotonic() < deadline, doctor.stdout
    return doctor


def refused(one):
    """Wait for the end of a step that could not be held; the one line that says why."""
    assert one.wait() == CODE
    said = [line for line in one.log.splitlines() if "relay:" in line]
    assert len(said) == 1, one.log
    assert "Traceback" not in one.log
    assert QUOTED not in one.log
    assert PASSWORD not in one.log
    return said[0]


def test_nothing_leads_out_of_the_network(start, secure_relay):
    """Else the other tests here would show nothing."""
    one = start(secure_relay, "--connect-timeout", "5s")
    assert one.wait() == CODE
    assert "cannot be reached: No route to host" in one.log


@pytest.mark.parametrize(
    ("kind", "protected"), [("http", False), ("http", True), ("socks5", False), ("socks5h", True)]
)
def test_by_a_proxy(start, secure_relay, ssh, proxies, kind, protected):
    proxy = (proxies.http if kind == "http" else proxies.socks)(protected=protected)
    variable = "https_proxy" if kind == "http" else "ALL_PROXY"
    one = start(secure_relay, env={variable: proxy.url(kind, CREDENTIALS if protected else "")})
    visit(one, secure_relay, ssh, variable)
    address = rf"{secure_relay.host}:{secure_relay.http_port}"
    proxy.container.wait_for(f"CONNECT {address} HTTP" if kind == "http" else f"connected to {address}")


@pytest.mark.parametrize("kind", ["http", "socks5h"])
def test_without_tls(start, relay, ssh, proxies, kind):
    proxy = proxies.http() if kind == "http" else proxies.socks()
    visit(start(relay, env={"http_proxy": proxy.url(kind)}), relay, ssh, "http_proxy")


@pytest.mark.parametrize(
    ("kind", "credentials"),
    [("http", ""), ("http", WRONG), ("socks5h", WRONG)],
    ids=["none", "http", "socks"],
)
def test_a_proxy_that_wants_another_password(start, secure_relay, proxies, kind, credentials):
    proxy = (proxies.http if kind == "http" else proxies.socks)(protected=True)
    one = start(secure_relay, env={"https_proxy": proxy.url(kind, credentials)})
    said = refused(one)
    address = f"{secure_relay.host}:{secure_relay.http_port}"
    assert f"{address}: the proxy of https_proxy wants another user name or password" in said
    assert "wr0ng" not in one.log


@pytest.mark.parametrize("kind", ["http", "socks5h"])
def test_a_relay_that_the_proxy_does_not_reach(start, secure_relay, proxies, kind):
    proxy = proxies.http() if kind == "http" else proxies.socks()
    one = start(
        secure_relay,
        "--connect-timeout",
        "2s",
        env={"https_proxy": proxy.url(kind), "HOLDFAST_RELAY": f"wss://{secure_relay.host}:1"},
    )
    assert one.wait() == CODE
    assert f"{secure_relay.host}:1: the proxy of https_proxy does not reach it (" in one.log


def test_no_proxy_for_the_relay(start, secure_relay, ssh):
    """Where nobody listens as a proxy; without it, that is what is said."""
    env = {"https_proxy": f"http://{CREDENTIALS}127.0.0.1:9"}
    visit(
        start(secure_relay, env={**env, "NO_PROXY": secure_relay.host}, network="bridge"), secure_relay, ssh
    )
    said = start(secure_relay, "--connect-timeout", "1s", env=env, network="bridge")
    assert said.wait() == CODE
    assert "the proxy of https_proxy refuses connections; is the proxy running there?" in said.log
    assert QUOTED not in said.log
