"""The words of the command line as values: pure functions, ValueError with the way out for a bad one."""

import _socket

LABEL_LIMIT = 256
"""Characters of a label, as the tunnel's registration bounds it."""
TOKEN_LIMIT = 512
"""Characters of a token: several times what the relay hands out."""
URL_LIMIT = 2048
"""Characters of a relay's URL, beyond which proxies refuse one anyway."""
LONGEST_SECONDS = 30 * 24 * 3600
"""No container is held for a month; more is a slip of the keyboard."""

_UNITS = (("h", 3600), ("m", 60), ("s", 1))
_SCHEMES = {"http": "ws", "https": "wss"}


def duration(text: str) -> int:
    """Parse `90s`, `15m`, `1h30m` as seconds, at least one; units in this order, each at most once."""
    wrong = ValueError(f"{text!r} is not a duration: write it like 90s, 15m or 1h30m")
    rest, seconds = text, 0
    for unit, factor in _UNITS:
        digits, found, after = rest.partition(unit)
        if found:
            if not (digits.isascii() and digits.isdigit() and len(digits) < 9):
                raise wrong
            seconds += int(digits) * factor
            rest = after
    if rest or not text:
        raise wrong
    if not 1 <= seconds <= LONGEST_SECONDS:
        raise ValueError(f"{text!r} is not between 1s and {LONGEST_SECONDS // 3600}h")
    return seconds


def relay_url(text: str) -> str:
    """Check the URL of a relay: `ws://` or `wss://`, a host, no credentials, for it is logged."""
    if not text.isprintable() or " " in text or len(text) > URL_LIMIT:
        raise ValueError(f"the URL has blanks or control characters, or more than {URL_LIMIT} characters")
    if "@" in text:
        raise ValueError("the URL holds credentials: give the token as HOLDFAST_TOKEN or by --token-file")
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator:
        raise ValueError(f"{text!r} has no scheme: write wss://{text}")
    if scheme in _SCHEMES:
        raise ValueError(f"{text!r} is not a WebSocket's address: write {_SCHEMES[scheme]}://{rest}")
    if scheme not in _SCHEMES.values():
        raise ValueError(f"{text!r} has the scheme {scheme!r}: write wss://{rest}")
    host = rest.partition("/")[0]
    if not host or host.startswith(":"):
        raise ValueError(f"{text!r} names no host: write it like wss://relay.example.com")
    return f"{scheme}://{rest}"


def address(text: str) -> tuple[str, int]:
    """Parse `HOST:PORT` or `[HOST]:PORT`; `localhost` means 127.0.0.1, whatever /etc/hosts says."""
    host, separator, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    well_formed = separator and host and host.isprintable() and (bracketed or ":" not in host)
    if not (well_formed and port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 65536):
        raise ValueError(f"{text!r} is not an address: write it like 127.0.0.1:2222 or [::1]:0")
    return ("127.0.0.1" if host == "localhost" else host), int(port)


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this machine only; a name never counts as one."""
    for family in (_socket.AF_INET, _socket.AF_INET6):
        try:
            packed = _socket.inet_pton(family, host)
        except (OSError, UnicodeError, ValueError):
            continue
        return packed[0] == 127 if family == _socket.AF_INET else packed == bytes(15) + b"\x01"
    return False


def when(text: str) -> str:
    """Parse when to hold: `failure` or `never`."""
    return _one_of(("failure", "never"), text)


def shell(text: str) -> str:
    """Parse the name of a shell: `sh` or `bash`."""
    return _one_of(("sh", "bash"), text)


def label(text: str) -> str:
    """Check a label: it is logged and carried, so one printable line of at most `LABEL_LIMIT` characters."""
    if not text.isprintable() or len(text) > LABEL_LIMIT:
        raise ValueError(f"a label is one line of at most {LABEL_LIMIT} printable characters")
    return text


def path(text: str) -> str:
    """Check that a file is named at all; it is opened when everything else is known to be right."""
    if not text or "\0" in text:
        raise ValueError("the name of a file is empty")
    return text


def token(text: str) -> str:
    """Check a token, without ever quoting it: visible ASCII, blanks around it removed."""
    text = text.strip()
    if not text or len(text) > TOKEN_LIMIT or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"that is no token: it must be 1 to {TOKEN_LIMIT} visible ASCII characters")
    return text


def _one_of(words: tuple[str, ...], text: str) -> str:
    if text not in words:
        raise ValueError(f"{text!r} is none of: {', '.join(words)}")
    return text
