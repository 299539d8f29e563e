"""The words of the command line as values: pure functions, ValueError with the way out for a bad one."""

LOCALHOST = "127.0.0.1"
"""Where direct mode listens, unless it is told to elsewhere."""
LABEL_LIMIT = 256
"""Characters of a label, as the tunnel's registration bounds it."""
TOKEN_LIMIT = 512
"""Characters of a token: several times what the relay hands out."""
URL_LIMIT = 2048
"""Characters of a relay's URL, beyond which proxies refuse one anyway."""
HOST_LIMIT = 253
HOST_LABEL_LIMIT = 63
"""Characters of a host's name, and of what is between its dots (RFC 1035 §2.3.4)."""
LONGEST_SECONDS = 30 * 24 * 3600
"""No container is held for a month; more is a slip of the keyboard."""

ON = ("1", "true", "yes")
"""What switches something on, in any case of letters; a CI's debug variables say the same."""
_OFF = ("0", "false", "no")

_KEY_KINDS = ("ssh-", "ecdsa-sha2-", "sk-")
"""How the names of public keys begin."""

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
    if "#" in rest:
        raise ValueError(f"{text!r} has a fragment: leave out what begins with #")
    place = rest.replace("?", "/").partition("/")[0]
    if not place or place.startswith(":"):
        raise ValueError(f"{text!r} names no host: write it like wss://relay.example.com")
    if not _is_place(place):
        raise ValueError(f"{text!r} has no host and port that can be: write it like wss://[::1]:8443")
    return f"{scheme}://{rest}"


def _is_place(text: str) -> bool:
    """Tell whether this is `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`, the port from 1 to 65535."""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        sound = closed and colon in ("", ":") and _packed(host, 6) is not None
    else:
        host, colon, port = text.partition(":")
        sound = _is_host(host)
    return bool(sound) and (not colon or (_is_port(port) and int(port) > 0))


def _is_host(text: str) -> bool:
    """Tell whether a name is made of labels as DNS bounds them; an address of IPv4 is, too."""
    labels = text.removesuffix(".").split(".")
    return len(text) <= HOST_LIMIT and all(
        0 < len(label) <= HOST_LABEL_LIMIT and label.replace("-", "").replace("_", "").isalnum()
        for label in labels
    )


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 65536


def _packed(host: str, version: int) -> bytes | None:
    """Return an address of this version of IP as its bytes; None if it is none."""
    import _socket  # noqa: PLC0415  (0.3 ms, and where nothing is said of hosts nobody asks)

    try:
        return _socket.inet_pton(_socket.AF_INET6 if version == 6 else _socket.AF_INET, host)
    except (OSError, UnicodeError, ValueError):
        return None


def address(text: str) -> tuple[str, int]:
    """Parse `HOST:PORT` or `[HOST]:PORT`; `localhost` means 127.0.0.1, whatever /etc/hosts says."""
    host, separator, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    well_formed = separator and host and host.isprintable() and (bracketed or ":" not in host)
    if not (well_formed and _is_port(port)):
        raise ValueError(f"{text!r} is not an address: write it like 127.0.0.1:2222 or [::1]:0")
    return (LOCALHOST if host == "localhost" else host), int(port)


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this machine only; a name never counts as one."""
    if host == LOCALHOST:
        return True
    packed = _packed(host, 4)
    if packed is not None:
        return packed[0] == 127
    return _packed(host, 6) == bytes(15) + b"\x01"


def when(text: str) -> str:
    """Parse when to hold: `failure`, `always`, `never` or `debug`."""
    return _one_of(("failure", "always", "never", "debug"), text)


def shell(text: str) -> str:
    """Parse the name of a shell: `bash`, `sh`, `python` or `pwsh`."""
    return _one_of(("bash", "sh", "python", "pwsh"), text)


def switch(text: str) -> bool:
    """Parse a switch: on for `1`, `true`, `yes`, off for `0`, `false`, `no`."""
    word = text.lower()
    if word not in (*ON, *_OFF):
        raise ValueError(f"{text!r} is neither on (1, true, yes) nor off (0, false, no)")
    return word in ON


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


def holds_public_key(line: str) -> bool:
    """Tell whether a line of an authorized_keys file holds a key, after options or none; it is not verified."""
    words = line.split()
    if not words or words[0].startswith("#"):
        return False
    return any(
        kind.startswith(_KEY_KINDS) and _is_key(kind, text)
        for kind, text in zip(words, words[1:], strict=False)  # noqa: RUF007  (itertools is one import more)
    )


def _is_key(kind: str, text: str) -> bool:
    """Tell whether this is base64 of what names itself `kind`, and of whole fields (RFC 4253 §6.6)."""
    import binascii  # noqa: PLC0415  (only where keys are given)

    try:
        blob = binascii.a2b_base64(text)
    except ValueError:
        return False
    name = kind.encode()
    if not blob.startswith(len(name).to_bytes(4, "big") + name):
        return False
    if "-cert-" in kind:  # has numbers between its fields
        return True
    at = 0
    while at < len(blob):
        at += 4 + int.from_bytes(blob[at : at + 4], "big")
    return at == len(blob)


def _one_of(words: tuple[str, ...], text: str) -> str:
    if text not in words:
        raise ValueError(f"{text!r} is none of: {', '.join(words)}")
    return text
