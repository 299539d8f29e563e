"""What an HTTP request says of who sent it: its token, the host that was dialled, an address. Nothing is trusted."""

import re
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import MultipleValuesError
from websockets.http11 import Request

from relay.accounts import TOKEN

_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
"""Names and addresses that can stand in an ssh command; the longest DNS name has 253 characters."""

_BEARER = re.compile(rf"Bearer +(?P<token>{TOKEN.pattern})", re.IGNORECASE)


def path_of(request: Request) -> str:
    """Return the path that is asked for, without its query."""
    return request.path.partition("?")[0]


def bearer_token(request: Request) -> str | None:
    """Return the token of the Authorization header; None if there is none that could be a token."""
    match = _BEARER.fullmatch(_header(request, "Authorization"))
    return match["token"] if match else None


def dialled_host(request: Request) -> str:
    """Return the host that was dialled, by the Host header; `localhost` if that cannot be a host."""
    try:
        host = urlsplit("//" + _header(request, "Host")).hostname or ""
    except ValueError:
        host = ""
    return host if _HOST.fullmatch(host) else "localhost"


def address_of(ws: ServerConnection) -> str:
    """Return the IP address at the other end; empty if it has left already."""
    peer: Any = ws.remote_address
    return str(peer[0]) if peer else ""


def _header(request: Request, name: str) -> str:
    try:
        return str(request.headers.get(name, ""))
    except MultipleValuesError:
        return ""
