"""What is wrong with the relay, in one line that names it and the way out: pure, error in, error out."""

import errno
import os
import socket
import ssl

from python_socks import ProxyError as SocksError
from websockets.exceptions import (
    InvalidHandshake,
    InvalidMessage,
    InvalidProxyStatus,
    InvalidStatus,
    ProxyError,
)

from agent.session.errors import RelayError, RelayRefused
from tunnel.errors import RemoteProtocolError, TunnelClosed, TunnelLost, TunnelRefused

BODY_CHARACTERS = 200
"""What is quoted of a refusal's text."""

FIRST_HTTP_STATUS, SERVER_ERRORS = 100, 500
"""A SOCKS proxy's reply has a code below 100: 1, its general failure, to 8."""

PROXY_AUTHENTICATION = (401, 407)
"""tinyproxy answers with the first where a password is wrong, with the second, as it should, where there is none."""

OTHER_NAME = (62, 64)
OTHER_TIME = (9, 10)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH, _CERT_NOT_YET_VALID, _CERT_HAS_EXPIRED."""


def explain(error: Exception, place: str, proxy: str = "", trusted: str = "") -> RelayError:
    """Translate what went wrong into one line that names the relay and the way out.

    `proxy` is the variable that names the proxy which is used, empty without one; `trusted` says whose CAs are.
    """
    if isinstance(error, ProxyError) and isinstance(error.__cause__, SocksError):
        error = error.__cause__
    match error:
        case ProxyError() | SocksError():
            return _explain_proxy(error, f"{place}: the proxy of {proxy}")
        case OSError():
            return _explain_network(error, place, proxy, trusted)
        case InvalidStatus():
            return _explain_status(error, place)
        case InvalidMessage() if isinstance(error.__cause__, EOFError):
            return RelayError(f"{place} closed the connection without an answer")
        case InvalidHandshake():
            return RelayRefused(f"{place} speaks no WebSocket; is that the relay's HTTP port?")
        case TunnelRefused(code="full"):
            return RelayError(f"{place} has no room now: {error.reason}")
        case TunnelRefused():
            return RelayRefused(f"{place} refused this session: {error.reason}")
        case RemoteProtocolError():
            return RelayRefused(f"{place} breaks the tunnel's protocol: {error}")
        case TunnelLost() | TunnelClosed():
            return RelayError(f"{place} was lost before it answered")
    return RelayRefused(f"{place} cannot be dialled ({type(error).__name__}: {error}); check the relay's URL")


def _explain_proxy(error: ProxyError | SocksError, proxy: str) -> RelayError:
    """Explain what a proxy says: HTTP's by its status, SOCKS' by its reply's code; none if it came not so far."""
    code = error.response.status_code if isinstance(error, InvalidProxyStatus) else None
    code = error.error_code if isinstance(error, SocksError) else code
    words = " ".join(str(error).split())[:BODY_CHARACTERS]
    if code in PROXY_AUTHENTICATION or "uthentication" in words:
        return RelayRefused(
            f"{proxy} wants another user name or password ({code or words}):"
            " write it like http://USER:PASSWORD@HOST:PORT"
        )
    if code is not None:
        what = f"HTTP {code}" if code >= FIRST_HTTP_STATUS else words
        if code >= SERVER_ERRORS or code < FIRST_HTTP_STATUS:
            return RelayError(f"{proxy} does not reach it ({what})")
        return RelayRefused(f"{proxy} refused the connection ({what})")
    if isinstance(error.__cause__, EOFError):
        return RelayError(f"{proxy} closed the connection without an answer")
    return RelayRefused(f"{proxy} does not speak as a proxy does ({words}): correct it, or set no_proxy")


def _explain_network(error: OSError, place: str, proxy: str, trusted: str) -> RelayError:
    """Explain what the kernel or TLS says: TLS is the relay's, a connection that fails is the first hop's."""
    first_hop = f"{place}: the proxy of {proxy}" if proxy else place
    match error:
        case ssl.SSLCertVerificationError():
            return _explain_certificate(error, place, trusted)
        case ssl.SSLError():
            return RelayRefused(
                f"{place} does not speak TLS ({error.strerror}); should the relay's URL begin with ws://?"
            )
        case socket.gaierror():
            return RelayError(f"{first_hop} cannot be resolved: {error.strerror}")
        case ConnectionRefusedError() | OSError(errno=errno.ECONNREFUSED):
            return RelayError(
                f"{first_hop} refuses connections; is the {'proxy' if proxy else 'relay'} running there?"
            )
    # asyncio's own text says where to, not why it failed.
    why = os.strerror(error.errno) if error.errno else str(error)
    return RelayError(f"{first_hop} cannot be reached: {why}")


def _explain_certificate(error: ssl.SSLCertVerificationError, place: str, trusted: str) -> RelayError:
    problem = f"{place} shows a certificate that is not trusted ({error.verify_message.rstrip('.')})"
    if error.verify_code in OTHER_NAME:
        return RelayRefused(f"{problem}; dial the relay by a name that is in it")
    if error.verify_code in OTHER_TIME:
        return RelayRefused(f"{problem}; it has to be renewed, or the clock here is wrong")
    return RelayRefused(f"{problem} by {trusted}; name its CA by --ca-file or HOLDFAST_CA_FILE")


def _explain_status(error: InvalidStatus, place: str) -> RelayError:
    status = error.response.status_code
    body = (error.response.body or b"").decode("utf-8", "replace")
    said = body.strip().partition("\n")[0][:BODY_CHARACTERS]
    if status in (401, 403):
        return RelayRefused(f"{place} refused the agent's token (HTTP {status}): {said or 'no reason given'}")
    if status >= 500 or status == 429:
        return RelayError(f"{place} is not ready (HTTP {status})")
    return RelayRefused(f"{place} has no agents' endpoint (HTTP {status}); is that the relay's URL?")
