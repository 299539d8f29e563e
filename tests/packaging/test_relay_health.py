"""The health check of the relay's image, beside a real relay, with TLS of its own and without."""

import contextlib
import os
import subprocess
import sys

import pytest

from examples.programs import installed, running
from tests.certificates import authority

CHECK = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
    "packaging",
    "relay-health.py",
)


@contextlib.contextmanager
def serving(state, *options):
    """A relay that nobody may use, for nobody is asked who they are: its program and its port for HTTP."""
    environment = os.environ | {"XDG_STATE_HOME": str(state)}
    words = [installed("relay"), "serve", "--http", "127.0.0.1:0", "--ssh", "127.0.0.1:0", *options]
    with running(words, env=environment) as program:
        yield program, int(program.wait_for(r"wss?://[\d.]+:(\d+)")[1])


def check(port, **environment):
    address = f"0.0.0.0:{port}"  # as in the image
    return subprocess.run(
        [sys.executable, CHECK],
        env=os.environ | {"HOLDFAST_RELAY_HTTP": address, **environment},
        capture_output=True,
        timeout=60,
        check=False,
    ).returncode


@pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:1"])
def test_it_finds_the_relay_until_that_ends(tmp_path, proxy):
    """Nor does it ask a proxy that its environment names."""
    with serving(tmp_path) as (program, port):
        assert check(port, http_proxy=proxy) == 0
        program.stop()
        assert check(port, http_proxy=proxy) == 1


def test_with_tls_the_name_in_the_certificate_does_not_matter(tmp_path):
    certificate, key = authority(tmp_path).sign(tmp_path, "relay.example.com")
    with serving(tmp_path, "--tls-cert", certificate, "--tls-key", key) as (_, port):
        assert check(port, HOLDFAST_RELAY_TLS_CERT=certificate) == 0
        assert check(port) == 1
