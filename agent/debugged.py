"""Asks the relay whether somebody debugs this build: for a step that deploys, before it starts."""

import json
import socket
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote

from python_socks import ProxyError, ProxyType
from python_socks.sync import Proxy as ProxyClient
from websockets.proxy import parse_proxy
from websockets.uri import WebSocketURI, parse_uri

from agent.session.dial import Relay, Way, find_way
from agent.session.errors import RelayError

ANSWER_SECONDS = 5.0
"""For each step of the request: a refusal takes the relay 0.4 s, an answer less."""

ANSWER_BYTES = 4096

_BY_PROXY = {  # how it is spoken to, and whether it looks up the relay's name
    "http": (ProxyType.HTTP, True),
    "socks5h": (ProxyType.SOCKS5, True),
    "socks5": (ProxyType.SOCKS5, False),
    "socks4a": (ProxyType.SOCKS4, True),
    "socks4": (ProxyType.SOCKS4, False),
}


def is_debugged(relay: str, token: str, ca_file: str | None, build: str) -> bool:
    """Return whether a session of a build is enabled or held; RelayError if the relay does not say.

    `relay` is its URL, ws:// or wss://; `build` is not empty. It is reached as a session reaches it. A redirect is no
    answer: the token is for the relay that was named, and for nobody else.
    """
    named = Relay(relay, token, ca_file)
    way = find_way(named)
    place = parse_uri(f"{named.endpoint}/build?build={quote(build, safe='')}")
    connection = HTTPConnection(place.host, place.port, timeout=ANSWER_SECONDS)
    try:
        connection.sock = _connect(place, way)
        headers = {"Authorization": f"Bearer {token}"}
        connection.request("GET", place.resource_name, headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise RelayError(f"it answers {answer.status}")
        return bool(json.loads(answer.read(ANSWER_BYTES))["debugging"])
    except (OSError, ProxyError) as error:
        raise way.explain(error, named.place) from None
    except (HTTPException, ValueError, KeyError, TypeError) as error:
        raise RelayError(str(error)) from None
    finally:
        connection.close()


def _connect(place: WebSocketURI, way: Way) -> socket.socket:
    """Connect to the relay, by the proxy if there is one, and speak TLS if its URL says so."""
    if way.proxy is None:
        plain = socket.create_connection((place.host, place.port), ANSWER_SECONDS)
    elif way.proxy.scheme in _BY_PROXY:
        kind, looks_up = _BY_PROXY[way.proxy.scheme]
        proxy = parse_proxy(way.proxy.url)
        client = ProxyClient(kind, proxy.host, proxy.port, proxy.username, proxy.password, looks_up)
        plain = client.connect(place.host, place.port, ANSWER_SECONDS)
        plain.settimeout(ANSWER_SECONDS)
    else:
        raise RelayError(f"the proxy of {way.variable} speaks TLS, in which this cannot be asked")
    if not place.secure or way.trust is None:
        return plain
    try:
        return way.trust.context.wrap_socket(plain, server_hostname=place.host)
    except BaseException:
        plain.close()
        raise
