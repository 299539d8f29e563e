"""The proxy by which the relay is reached, as the environment names it: websockets' choice, and ALL_PROXY."""

import os
from dataclasses import dataclass, field
from urllib.request import getproxies, proxy_bypass

from websockets.exceptions import InvalidProxy
from websockets.proxy import get_proxy, parse_proxy
from websockets.uri import parse_uri

from agent.session.errors import RelayRefused

_KINDS = {True: ("wss", "socks", "https", "all"), False: ("ws", "socks", "https", "http", "all")}
"""Whose variables are looked at, for a relay with TLS and one without: websockets' order, urllib's spelling."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the variable that names it; its URL may hold a password, and is never shown."""

    url: str = field(repr=False)
    variable: str

    @property
    def scheme(self) -> str:
        """Return `http`, `https`, or one of the `socks`."""
        return self.url.partition(":")[0].lower()


def find_proxy(url: str, place: str) -> Proxy | None:
    """Return the proxy for a WebSocket's URL, None where it is reached directly.

    Raises RelayRefused for one that cannot be; it names the relay's `place`, not the proxy, which may hold a password.
    """
    uri = parse_uri(url)
    if proxy_bypass(f"{uri.host}:{uri.port}"):
        return None
    found = get_proxy(uri) or getproxies().get("all")
    if not found:
        return None
    names = (name for kind in _KINDS[uri.secure] for name in (f"{kind}_proxy", f"{kind}_proxy".upper()))
    proxy = Proxy(found, next((name for name in names if os.environ.get(name)), "the environment"))
    if not _is_proxy(found):
        raise RelayRefused(
            f"{place}: the proxy of {proxy.variable} is none: write it like http://HOST:PORT,"
            " http://USER:PASSWORD@HOST:PORT or socks5h://HOST:PORT, or set no_proxy"
        )
    return proxy


def _is_proxy(url: str) -> bool:
    try:
        parse_proxy(url)
    except (InvalidProxy, ValueError):  # its port, say
        return False
    return True
