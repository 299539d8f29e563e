"""Every way in which a relay can be unusable has its line, and is tried again only where that can help."""

import socket
import ssl

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.http11 import Response

from agent.session.errors import RelayRefused
from agent.session.trouble import explain
from tunnel.errors import RemoteProtocolError, TunnelLost, TunnelRefused


def status(code: int, body: bytes = b"") -> InvalidStatus:
    return InvalidStatus(Response(code, "", Headers(), body))


def closed_early() -> InvalidMessage:
    error = InvalidMessage("did not receive a valid HTTP response")
    error.__cause__ = EOFError()
    return error


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "final", "words"),
    [
        (ConnectionRefusedError(111, "refused"), False, "refuses connections"),
        (socket.gaierror(-2, "Name or service not known"), False, "Name or service not known"),
        (OSError(101, "Network is unreachable"), False, "Network is unreachable"),
        (untrusted(), True, "--ca-file"),
        (ssl.SSLError(1, "wrong version number"), True, "ws://"),
        (InvalidHandshake("nonsense"), True, "speaks no WebSocket"),
        (InvalidMessage("nonsense"), True, "speaks no WebSocket"),
        (closed_early(), False, "without an answer"),
        (status(401, b"this token is unknown\nmore"), True, "this token is unknown"),
        (status(404), True, "HTTP 404"),
        (status(429), False, "HTTP 429"),
        (status(502), False, "HTTP 502"),
        (TunnelRefused("full", "too many tunnels"), False, "too many tunnels"),
        (TunnelRefused("taken", "another agent has it"), True, "another agent has it"),
        (RemoteProtocolError("bad frame"), True, "bad frame"),
        (TunnelLost("gone"), False, "lost"),
    ],
)
def test_explain(error: Exception, final: bool, words: str) -> None:
    found = explain(error, "relay.example.com:443")
    assert isinstance(found, RelayRefused) is final
    assert words in str(found)
    assert "relay.example.com:443" in str(found)
    assert "\n" not in str(found)
