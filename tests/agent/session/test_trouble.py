"""Every way in which a relay can be unusable has its line, and is tried again only where that can help."""

import socket
import ssl

import pytest
from python_socks import ProxyConnectionError
from python_socks import ProxyError as SocksError
from websockets.datastructures import Headers
from websockets.exceptions import (
    InvalidHandshake,
    InvalidMessage,
    InvalidProxyMessage,
    InvalidProxyStatus,
    InvalidStatus,
    InvalidURI,
    ProxyError,
)
from websockets.http11 import Response

from agent.session.errors import RelayRefused
from agent.session.trouble import explain
from tunnel.errors import RemoteProtocolError, TunnelClosed, TunnelLost, TunnelRefused


def status(code: int, body: bytes = b"") -> InvalidStatus:
    return InvalidStatus(Response(code, "", Headers(), body))


def closed_early() -> InvalidMessage:
    error = InvalidMessage("did not receive a valid HTTP response")
    error.__cause__ = EOFError()
    return error


def untrusted(code: int = 18, message: str = "self-signed certificate") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


def socks(words: str, code: int | None = None) -> ProxyError:
    """As websockets raises it."""
    error = ProxyError("failed to connect to SOCKS proxy")
    error.__cause__ = SocksError(words, code)
    return error


@pytest.mark.parametrize(
    ("error", "final", "words"),
    [
        (ConnectionRefusedError(111, "refused"), False, "refuses connections"),
        (socket.gaierror(-2, "Name or service not known"), False, "Name or service not known"),
        (OSError(101, "Network is unreachable"), False, "Network is unreachable"),
        (untrusted(), True, "(self-signed certificate) by whoever; name its CA by --ca-file"),
        (untrusted(62, "Hostname mismatch."), True, "(Hostname mismatch); dial the relay by a name"),
        (untrusted(64, "IP address mismatch"), True, "(IP address mismatch); dial the relay by a name"),
        (untrusted(10, "certificate has expired"), True, "the clock here is wrong"),
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
        (TunnelClosed("by us"), False, "lost"),
        (InvalidURI("ws://x#y", "fragment"), True, "cannot be dialled"),
        (UnicodeError("label empty or too long"), True, "label empty or too long"),
        (ValueError("Port out of range"), True, "Port out of range"),
    ],
)
def test_explain(error: Exception, final: bool, words: str) -> None:
    found = explain(error, "relay.example.com:443", trusted="whoever")
    assert isinstance(found, RelayRefused) is final
    assert words in str(found)
    assert "relay.example.com:443" in str(found)
    assert "\n" not in str(found)


def hung_up() -> InvalidProxyMessage:
    error = InvalidProxyMessage("did not receive a valid HTTP response from proxy")
    error.__cause__ = EOFError()
    return error


@pytest.mark.parametrize(
    ("error", "final", "words"),
    [
        (InvalidProxyStatus(Response(407, "", Headers(), b"")), True, "another user name or password (407)"),
        (InvalidProxyStatus(Response(401, "", Headers(), b"")), True, "another user name or password (401)"),
        (InvalidProxyStatus(Response(403, "", Headers(), b"")), True, "HTTP 403"),
        (InvalidProxyStatus(Response(503, "", Headers(), b"")), False, "HTTP 503"),
        (InvalidProxyMessage("no valid HTTP response"), True, "no valid HTTP response"),
        (hung_up(), False, "without an answer"),
        (socks("Username and password authentication failure"), True, "another user name or password"),
        (socks("No acceptable authentication methods were offered"), True, "another user name or password"),
        (socks("Connection refused by destination host", 5), False, "Connection refused by destination host"),
        (socks("Unexpected SOCKS version number: 0x48"), True, "does not speak as a proxy does"),
        (SocksError("407 Proxy Authentication Required", 407), True, "another user name or password (407)"),
        (SocksError("502 Bad Gateway", 502), False, "HTTP 502"),
        (ProxyConnectionError(111, "Could not connect to proxy x:1"), False, "is the proxy running"),
        (ConnectionRefusedError(111, "refused"), False, "is the proxy running"),
        (socket.gaierror(-2, "Name or service not known"), False, "Name or service not known"),
        (OSError(101, "Network is unreachable"), False, "Network is unreachable"),
    ],
)
def test_where_it_is_the_proxy_its_variable_is_named(error: Exception, final: bool, words: str) -> None:
    found = explain(error, "relay.example.com:443", "https_proxy")
    assert isinstance(found, RelayRefused) is final
    assert str(found).startswith("relay.example.com:443: the proxy of https_proxy ")
    assert words in str(found)
