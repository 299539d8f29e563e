"""Agents that come over TLS: whose CAs they trust in what container, and by what names they find the relay."""

from dataclasses import replace

import pytest

from examples.loopback import relay as fresh_relay
from tests.certificates import authority
from tests.containers.network import name_server, network

CODE = 5
STEP = ("--", "sh", "-c", f"exit {CODE}")
NAME = "relay.test"
OTHER = "other.test"


@pytest.fixture(scope="session")
def ours(tmp_path_factory):
    """The CA that the relay's certificate is from."""
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def relay(engine, ours, tmp_path_factory):
    """A relay with TLS; its certificate is for its address, and for a name."""
    certificate = ours.sign(tmp_path_factory.mktemp("relay"), engine.address, NAME)
    with fresh_relay(engine.address, certificate) as served:
        yield served


@pytest.fixture
def start(container, relay):
    """Start a container whose step fails, with a way to the relay."""

    def begin(image, *words, options=(), env=None, host=relay.host):
        with open(relay.agent_token_file, encoding="ascii") as file:
            token = file.read().strip()
        url = relay.url.replace(relay.host, host)
        given = {"HOLDFAST_RELAY": url, "HOLDFAST_TOKEN": token, **(env or {})}
        return container(image, *words, *STEP, options=["--network", "bridge", *options], env=given)

    return begin


def visit(one, relay, ssh):
    """Log in by the relay, and let the build go on."""
    way = replace(one.way(relay), host=relay.host)  # a name that the container knows is none of ours
    assert ssh.run(way, "echo in").stdout == b"in\n"
    one.resume()
    assert one.wait() == CODE


def mounted(ours, path):
    return ("--volume", f"{ours.file}:{path}:ro")


PLACES = {
    "Debian": "/etc/ssl/certs/ca-certificates.crt",
    "Fedora": "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "Alpine": "/etc/ssl/cert.pem",
    "SUSE": "/var/lib/ca-certificates/ca-bundle.pem",
    "put there by somebody": "/etc/ssl/certs/ours.pem",
}


@pytest.mark.parametrize("place", PLACES)
def test_the_containers_own_cas(start, relay, ours, ssh, place):
    visit(start("busybox", options=mounted(ours, PLACES[place])), relay, ssh)


def test_the_containers_own_cas_where_there_is_an_openssl(start, relay, ours, ssh):
    visit(start("bookworm", options=mounted(ours, PLACES["Debian"])), relay, ssh)


@pytest.mark.parametrize(
    ("image", "variable"),
    [("bullseye", "SSL_CERT_FILE"), ("busybox", "REQUESTS_CA_BUNDLE"), ("busybox", "HOLDFAST_CA_FILE")],
)
def test_cas_that_a_variable_names(start, relay, ours, ssh, image, variable):
    visit(start(image, options=mounted(ours, "/ca.pem"), env={variable: "/ca.pem"}), relay, ssh)


def test_cas_that_an_option_names(start, relay, ours, ssh):
    """Though a variable names others."""
    one = start(
        "busybox", "--ca-file", "/ca.pem", options=mounted(ours, "/ca.pem"), env={"SSL_CERT_FILE": "/none"}
    )
    visit(one, relay, ssh)


def refused(one):
    """Wait for the end of a step that could not be held; the one line that says why."""
    assert one.wait() == CODE
    said = [line for line in one.log.splitlines() if "relay:" in line]
    assert len(said) == 1, one.log
    assert "Traceback" not in one.log
    return said[0]


def test_a_container_without_cas_has_the_agents(start, relay):
    """Which are public ones: they do not know ours."""
    said = refused(start("busybox"))
    assert f"{relay.host}:{relay.http_port} shows a certificate that is not trusted (" in said
    assert "by the agent's own public CAs, for this container has none;" in said
    assert "name its CA by --ca-file or HOLDFAST_CA_FILE" in said


def test_a_container_whose_cas_are_others(start, tmp_path):
    said = refused(start("busybox", options=mounted(authority(tmp_path, "another CA"), PLACES["Fedora"])))
    assert f"by this container's CAs ({PLACES['Fedora']}); name its CA by --ca-file" in said


def test_a_variable_that_names_no_certificates(start):
    said = refused(start("busybox", env={"SSL_CERT_FILE": "/etc/resolv.conf"}))
    assert "SSL_CERT_FILE names /etc/resolv.conf: no certificates in PEM" in said
    assert "--ca-file" in said


def test_a_certificate_for_another_name(start, relay, ours):
    one = start(
        "busybox",
        options=["--add-host", f"{OTHER}:{relay.host}", *mounted(ours, PLACES["Debian"])],
        host=OTHER,
    )
    assert f"not valid for '{OTHER}'); dial the relay by a name that is in it" in refused(one)


IMAGES = ("busybox", "bullseye", "trixie")


@pytest.fixture(scope="session")
def server(engine, relay):
    """A name server, and its address."""
    # Its port has to be 53: the address is one that nobody else has.
    with network(engine, cut_off=False) as own, name_server(own.address, relay_test=relay.host) as program:
        yield own.address, program


@pytest.mark.parametrize("image", IMAGES)
def test_a_name_of_etc_hosts(start, relay, ours, ssh, image):
    options = ["--add-host", f"{NAME}:{relay.host}", *mounted(ours, PLACES["Debian"])]
    visit(start(image, options=options, host=NAME), relay, ssh)


@pytest.mark.parametrize("image", IMAGES)
def test_a_name_of_the_name_server(start, relay, ours, ssh, server, image):
    address, program = server
    visit(start(image, options=["--dns", address, *mounted(ours, PLACES["Debian"])], host=NAME), relay, ssh)
    program.wait_for(rf"query\[A\] {NAME} from")


def test_a_domain_that_is_searched(start, relay, ours, server):
    """The relay is found by the first part of its name; its certificate is for the whole."""
    short, domain = NAME.split(".")
    options = ["--dns", server[0], "--dns-search", domain, *mounted(ours, PLACES["Debian"])]
    assert f"not valid for '{short}'); dial the relay" in refused(
        start("busybox", options=options, host=short)
    )


def test_a_name_that_nobody_knows(start, relay, server):
    one = start("busybox", "--connect-timeout", "1s", options=["--dns", server[0]], host=OTHER)
    assert one.wait() == CODE
    assert f"{OTHER}:{relay.http_port} cannot be resolved: Name or service not known" in one.log
