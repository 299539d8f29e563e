"""The health check of the relay's image, beside a real relay, with TLS of its own and without."""

import os
import subprocess
import sys

import pytest

from examples.loopback import relay as fresh_relay
from tests.certificates import authority

CHECK = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
    "packaging",
    "relay-health.py",
)


def check(relay, **environment):
    address = f"0.0.0.0:{relay.http_port}"  # as in the image
    return subprocess.run(
        [sys.executable, CHECK],
        env=os.environ | {"HOLDFAST_RELAY_HTTP": address, **environment},
        capture_output=True,
        timeout=60,
        check=False,
    ).returncode


@pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:1"])
def test_it_finds_the_relay_until_that_ends(proxy):
    """Nor does it ask a proxy that its environment names."""
    with fresh_relay() as relay:
        assert check(relay, http_proxy=proxy) == 0
        relay.program.stop()
        assert check(relay, http_proxy=proxy) == 1


def test_with_tls_the_name_in_the_certificate_does_not_matter(tmp_path):
    certificate = authority(tmp_path).sign(tmp_path, "relay.example.com")
    with fresh_relay(certificate=certificate) as relay:
        assert check(relay, HOLDFAST_RELAY_TLS_CERT=certificate[0]) == 0
        assert check(relay) == 1
