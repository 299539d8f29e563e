"""What is wrong with the relay, in one line that names it and the way out: pure, error in, error out."""

import socket
import ssl

from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus

from agent.session.errors import RelayError, RelayRefused
from tunnel.errors import RemoteProtocolError, TunnelRefused

BODY_CHARACTERS = 200
"""What is quoted of a refusal's text."""


def explain(error: Exception, place: str) -> RelayError:
    """Translate what went wrong into one line that names the relay and the way out."""
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
            return RelayError(f"{place} cannot be resolved: {error.strerror}")
        case ConnectionRefusedError():
            return RelayError(f"{place} refuses connections; is the relay running there?")
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
        case OSError():
            return RelayError(f"{place} cannot be reached: {error.strerror or error}")
    return RelayError(f"{place} was lost before it answered")


def _explain_status(error: InvalidStatus, place: str) -> RelayError:
    status = error.response.status_code
    body = (error.response.body or b"").decode("utf-8", "replace")
    said = body.strip().partition("\n")[0][:BODY_CHARACTERS]
    if status in (401, 403):
        return RelayRefused(f"{place} refused the agent's token (HTTP {status}): {said or 'no reason given'}")
    if status >= 500 or status == 429:
        return RelayError(f"{place} is not ready (HTTP {status})")
    return RelayRefused(f"{place} has no agents' endpoint (HTTP {status}); is that the relay's URL?")
