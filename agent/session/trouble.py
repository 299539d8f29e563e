"""What is wrong with the relay, in one line that names it and the way out: pure, error in, error out."""

import socket
import ssl

from websockets.exceptions import (
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidProxyStatus,
    InvalidStatus,
    ProxyError,
)

from agent.session.errors import RelayError, RelayRefused
from tunnel.errors import RemoteProtocolError, TunnelClosed, TunnelLost, TunnelRefused

BODY_CHARACTERS = 200
"""What is quoted of a refusal's text."""


def explain(error: Exception, place: str, proxy: str = "") -> RelayError:
    """Translate what went wrong into one line that names the relay and the way out.

    `proxy` is the variable that names the proxy which is used, empty without one.
    """
    match error:
        case InvalidProxy() | ProxyError() | ImportError():
            return _explain_proxy(error, f"{place}: the proxy of {proxy}")
        case OSError():
            return _explain_network(error, place, proxy)
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


def _explain_proxy(error: InvalidProxy | ProxyError | ImportError, proxy: str) -> RelayError:
    match error:
        case InvalidProxy():  # not quoted: it may hold a password
            return RelayRefused(f"{proxy} is none: write it like http://HOST:PORT, or set no_proxy")
        case ImportError():
            return RelayRefused(f"{proxy} cannot be used ({error}): install that, or set no_proxy")
        case InvalidProxyStatus() if error.response.status_code >= 500:
            return RelayError(f"{proxy} does not reach it (HTTP {error.response.status_code})")
        case InvalidProxyStatus():
            return RelayRefused(f"{proxy} refused the connection (HTTP {error.response.status_code})")
    if isinstance(error.__cause__, EOFError):
        return RelayError(f"{proxy} closed the connection without an answer")
    return RelayRefused(f"{proxy} does not speak as a proxy does ({error}): correct it, or set no_proxy")


def _explain_network(error: OSError, place: str, proxy: str) -> RelayError:
    """Explain what the kernel or TLS says: TLS is the relay's, a connection that fails is the first hop's."""
    first_hop = f"{place}: the proxy of {proxy}" if proxy else place
    match error:
        case ssl.SSLCertVerificationError():
            return RelayRefused(
                f"{place} shows a certificate that is not trusted ({error.verify_message});"
                " name its CA by --ca-file or HOLDFAST_CA_FILE"
            )
        case ssl.SSLError():
            return RelayRefused(
                f"{place} does not speak TLS ({error.strerror}); should the relay's URL begin with ws://?"
            )
        case socket.gaierror():
            return RelayError(f"{first_hop} cannot be resolved: {error.strerror}")
        case ConnectionRefusedError():
            return RelayError(
                f"{first_hop} refuses connections; is the {'proxy' if proxy else 'relay'} running there?"
            )
    return RelayError(f"{first_hop} cannot be reached: {error.strerror or error}")


def _explain_status(error: InvalidStatus, place: str) -> RelayError:
    status = error.response.status_code
    body = (error.response.body or b"").decode("utf-8", "replace")
    said = body.strip().partition("\n")[0][:BODY_CHARACTERS]
    if status in (401, 403):
        return RelayRefused(f"{place} refused the agent's token (HTTP {status}): {said or 'no reason given'}")
    if status >= 500 or status == 429:
        return RelayError(f"{place} is not ready (HTTP {status})")
    return RelayRefused(f"{place} has no agents' endpoint (HTTP {status}); is that the relay's URL?")
