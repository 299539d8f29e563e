"""What the section says of where the session is."""

import socket

import pytest

from agent.session.announce import reachable
from agent.session.section import Direct, Relayed


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("0.0.0.0", socket.gethostname()),
        ("::", socket.gethostname()),
        ("192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "127.0.0.1"),
        ("build.example.com", "build.example.com"),
    ],
)
def test_nobody_can_log_in_at_a_wildcard(host: str, shown: str) -> None:
    assert reachable(Direct(host, 40001, needs_key=True)) == Direct(shown, 40001, needs_key=True)


def test_a_relay_is_where_it_says() -> None:
    way = Relayed("acme", "relay.example.com", 22)
    assert reachable(way) is way
