"""What the relay is told by its command line, the environment and a file, as one frozen value."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from relay.errors import UsageError

PREFIX = "HOLDFAST_RELAY_"

OPTIONS = ("http", "ssh", "public_ssh", "database", "host_key", "tls_cert", "tls_key")
"""Names in the file; `--public-ssh` and `HOLDFAST_RELAY_PUBLIC_SSH` for `public_ssh`."""

DEFAULT_HTTP = "127.0.0.1:8080"
DEFAULT_SSH = "127.0.0.1:2222"
"""Loopback: who wants the network to reach the relay says so."""

FILE_LIMIT = 64 * 1024
"""Bytes in a configuration file."""

_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")

_LARGEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `HOST:PORT` or `[IPV6]:PORT`; raises ValueError."""
        host, colon, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError("an IPv6 address stands in brackets, as [::1]:8080")
        if not colon or not _HOST.fullmatch(host) or not port.isascii() or not port.isdigit():
            raise ValueError("not HOST:PORT")
        if int(port) > _LARGEST_PORT:
            raise ValueError(f"port above {_LARGEST_PORT}")
        return cls(host, int(port))


@dataclass(frozen=True, slots=True)
class Config:
    """Where the relay listens and what it uses.

    public_ssh: what agents print in their ssh line; None: the host that the agent dialled, and the SSH port.
    database: an SQLAlchemy URL. host_key, tls_cert, tls_key: paths; the latter two both or neither.
    """

    http: Address
    ssh: Address
    public_ssh: Address | None
    database: str = field(repr=False)  # its URL may hold a password
    host_key: str
    tls_cert: str | None
    tls_key: str | None


def make_config(
    options: Mapping[str, str], environment: Mapping[str, str], file: Mapping[str, str]
) -> Config:
    """Merge the sources, each by the names in `OPTIONS`; raises UsageError."""
    values = {**_defaults(environment), **file, **_from_environment(environment), **options}
    if ("tls_cert" in values) != ("tls_key" in values):
        raise UsageError("--tls-cert and --tls-key are needed together")
    public = values.get("public_ssh")
    return Config(
        http=_address("http", values["http"]),
        ssh=_address("ssh", values["ssh"]),
        public_ssh=None if public is None else _address("public_ssh", public),
        database=values["database"],
        host_key=values["host_key"],
        tls_cert=values.get("tls_cert"),
        tls_key=values.get("tls_key"),
    )


def read_file(path: str) -> dict[str, str]:
    """Read a relay.toml, a table of the names in `OPTIONS`; raises UsageError."""
    try:
        with open(path, "rb") as file:
            text = file.read(FILE_LIMIT + 1)
        if len(text) > FILE_LIMIT:
            raise UsageError(f"{path}: more than {FILE_LIMIT} bytes")
        table: dict[str, Any] = tomllib.loads(text.decode())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error
    for name, value in table.items():
        if name not in OPTIONS:
            raise UsageError(f"{path}: unknown key {name!r} (known: {', '.join(OPTIONS)})")
        if not isinstance(value, str) or not value:
            raise UsageError(f"{path}: {name} is not a text in quotes")
    return table


def state_directory(environment: Mapping[str, str]) -> str:
    """Return where the relay keeps what it makes itself (XDG base directories)."""
    base = environment.get("XDG_STATE_HOME", "")
    # The specification: a path that is not absolute is to be ignored.
    if not os.path.isabs(base):
        base = os.path.join(environment.get("HOME") or os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "holdfast")


def _defaults(environment: Mapping[str, str]) -> dict[str, str]:
    state = state_directory(environment)
    return {
        "http": DEFAULT_HTTP,
        "ssh": DEFAULT_SSH,
        "database": f"sqlite:///{os.path.join(state, 'relay.db')}",
        "host_key": os.path.join(state, "ssh_host_ed25519_key"),
    }


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    pairs = ((name, environment.get(PREFIX + name.upper(), "")) for name in OPTIONS)
    return {name: value for name, value in pairs if value}


def _address(name: str, text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise UsageError(f"{name.replace('_', '-')} {text!r}: {error}") from error
