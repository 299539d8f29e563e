"""Whose CAs are trusted: real certificates in the places of four distributions, and TLS between two ends in memory."""

import os
import shutil
import ssl

import certifi
import pytest

from agent.session.errors import RelayRefused
from agent.session.trust import choose_trust
from tests.certificates import Authority, authority

HOST = "relay.test"


@pytest.fixture
def ours(tmp_path) -> Authority:
    return authority(tmp_path)


@pytest.fixture
def relay(ours, tmp_path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ours.sign(tmp_path, HOST))
    return context


@pytest.fixture
def root(tmp_path):
    """A container's root directory, empty."""
    path = tmp_path / "root"
    path.mkdir()
    return path


def place(root, path, source) -> str:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    return str(target)


def believes(client: ssl.SSLContext, server: ssl.SSLContext) -> bool:
    """Shake hands in memory; whether the client takes the server's certificate."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(back, there, server_hostname=HOST)
    other = server.wrap_bio(there, back, server_side=True)
    for _ in range(10):
        done = []
        for end in (one, other):
            try:
                end.do_handshake()
                done.append(end)
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
        if len(done) == 2:
            return True
    raise AssertionError("the handshake does not end")


@pytest.mark.parametrize(
    "path",
    [
        "etc/ssl/certs/ca-certificates.crt",
        "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "etc/pki/tls/certs/ca-bundle.crt",
        "etc/ssl/ca-bundle.pem",
        "var/lib/ca-certificates/ca-bundle.pem",
        "etc/ssl/cert.pem",
        "etc/ssl/certs/ours.pem",
        "etc/ssl/certs/5f3c9a31.0",
    ],
)
def test_where_containers_keep_their_cas(root, ours, relay, path):
    place(root, path, ours.file)
    trust = choose_trust(None, {}, str(root))
    assert trust.source.startswith("this container's CAs (")
    assert f"{root}/{os.path.dirname(path)}" in trust.source
    assert believes(trust.context, relay)


def test_a_file_that_somebody_put_beside_the_bundle(root, ours, relay):
    place(root, "etc/ssl/certs/ca-certificates.crt", certifi.where())
    assert not believes(choose_trust(None, {}, str(root)).context, relay)
    place(root, "etc/ssl/certs/ours.crt", ours.file)
    assert believes(choose_trust(None, {}, str(root)).context, relay)


def test_a_directory_of_links_alone(root, ours, relay):
    """As `update-ca-certificates` leaves one, where somebody has removed the bundle."""
    kept = place(root, "usr/local/share/ca-certificates/ours.crt", ours.file)
    folder = root / "etc/ssl/certs"
    folder.mkdir(parents=True)
    (folder / "ours.pem").symlink_to(kept)
    (folder / "5f3c9a31.0").symlink_to("ours.pem")
    assert believes(choose_trust(None, {}, str(root)).context, relay)


def test_with_none_it_is_those_that_came_with_us(root, relay):
    (root / "etc/ssl/certs").mkdir(parents=True)
    (root / "etc/ssl/certs/ca-certificates.crt").write_text("")
    (root / "etc/ssl/certs/loop.pem").symlink_to("loop.pem")
    trust = choose_trust(None, {}, str(root))
    expected = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    expected.load_verify_locations(cafile=certifi.where())
    assert sorted(trust.context.get_ca_certs(binary_form=True)) == sorted(
        expected.get_ca_certs(binary_form=True)
    )
    assert "the agent's own" in trust.source
    assert not believes(trust.context, relay)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_variable_decides_alone(root, ours, relay, tmp_path, variable):
    other = authority(tmp_path / "root", "another CA")
    place(root, "etc/ssl/certs/ca-certificates.crt", other.file)
    trust = choose_trust(None, {variable: str(ours.file)}, str(root))
    assert trust.source == f"the CAs of {variable}, {ours.file}"
    assert believes(trust.context, relay)
    place(root, "etc/ssl/certs/ca-certificates.crt", ours.file)
    trust = choose_trust(None, {variable: str(other.file)}, str(root))
    assert not believes(trust.context, relay)


def test_their_order(root, ours, relay):
    other = authority(root, "another CA")
    names = {"SSL_CERT_FILE": str(other.file), "REQUESTS_CA_BUNDLE": str(ours.file)}
    assert not believes(choose_trust(None, names, str(root)).context, relay)
    assert believes(choose_trust(str(ours.file), names, str(root)).context, relay)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_variable_that_names_what_is_gone_is_no_error(root, ours, relay, variable):
    place(root, "etc/ssl/cert.pem", ours.file)
    assert believes(choose_trust(None, {variable: "/none"}, str(root)).context, relay)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"])
def test_a_variable_that_names_a_directory(root, ours, relay, tmp_path, variable):
    place(tmp_path, "cas/ours.pem", ours.file)
    assert believes(choose_trust(None, {variable: f"{tmp_path}/cas"}, str(root)).context, relay)


def test_ca_file_as_a_directory_of_none(root, tmp_path):
    with pytest.raises(RelayRefused, match=r"^REQUESTS_CA_BUNDLE names .*/root: no certificates in PEM"):
        choose_trust(None, {"REQUESTS_CA_BUNDLE": str(root)}, str(root))


def test_certificates_that_are_none_are_named(tmp_path):
    (tmp_path / "ca").write_text("no PEM")
    with pytest.raises(RelayRefused, match=r"^CA file .*/ca: no certificates in PEM"):
        choose_trust(f"{tmp_path}/ca", {})
    with pytest.raises(RelayRefused, match=r"^CA file .*/none: No such file"):
        choose_trust(f"{tmp_path}/none", {})
    with pytest.raises(RelayRefused, match=r"^SSL_CERT_FILE names .*/ca: no certificates in PEM"):
        choose_trust(None, {"SSL_CERT_FILE": f"{tmp_path}/ca"})
