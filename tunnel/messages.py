"""The JSON messages of the tunnel: handshake, metadata of a stream, control messages.

Each is a frozen dataclass with `parse` (bytes or text from outside; every length and type checked) and
`serialize`. Unknown fields are ignored, so that a newer peer may say more. `PROTOCOL.md` has the tables.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Self

from tunnel.errors import RemoteProtocolError, TunnelRefused
from tunnel.fields import LABEL_LIMIT, Fields, decode, encode, is_control
from tunnel.frames import MAX_JSON

PROTOCOL_VERSION = 1
"""Raised when a peer of the old version could not understand the new one."""

HANDSHAKE_LIMIT = 16 * 1024
"""Bytes in a hello, a welcome or a refusal: the longest registration has 8 KiB."""

REFUSALS = ("version", "taken", "full", "forbidden")
"""Why a hello is refused: unknown protocol version; the session id belongs to another agent; the relay
carries as many tunnels as it may; the token or the resume secret does not allow it."""

SESSION_ID = re.compile(r"[a-hjkmnp-z2-9]{25}")
"""Lower case without i, l, o, and 2 to 9: safe in URLs, host names and user names."""

SECRET = re.compile(r"[0-9a-f]{64}")
"""256 random bits in hex."""

TUNNEL_ID = re.compile(r"[0-9a-f]{32}")
"""128 random bits in hex."""

HOST_KEY_LIMIT = 2048
"""Characters in a public key line: one of RSA with 8,192 bits has 1,420, and a comment."""

LOGIN_KINDS = ("bridge", "splice")


class SessionState(StrEnum):
    """What a session is now."""

    STANDBY = "standby"
    """The step runs, and nobody may log in."""
    ENABLED = "enabled"
    """The step runs, and the session is open."""
    FAILED = "failed"
    PASSED = "passed"
    """The step has ended, and the session is open."""

    @property
    def is_open(self) -> bool:
        """Whether users may log in."""
        return self is not SessionState.STANDBY


def label(text: str) -> str:
    """Make any text a label: control characters become blanks, at most `LABEL_LIMIT` characters."""
    return "".join(" " if is_control(c) else c for c in text[:LABEL_LIMIT])


@dataclass(frozen=True, slots=True)
class Registration:
    """What an agent tells the relay about its session.

    session: the session id. secret: the owner secret, 64 hex digits; it shows that a later tunnel for this
    session id is of the same agent (the relay keeps only its SHA-256). build, step, node, url: labels.
    state: what it is now. host_key: the SSH host key, one line as in OpenSSH's public key files. end_to_end:
    the agent refuses bridges.
    """

    session: str
    secret: str = field(repr=False)
    build: str = ""
    step: str = ""
    node: str = ""
    url: str = ""
    state: SessionState = SessionState.FAILED
    host_key: str = ""
    end_to_end: bool = False

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Check a decoded JSON object; RemoteProtocolError names the field that is wrong."""
        fields = Fields("registration", value)
        return cls(
            session=fields.match("session", SESSION_ID),
            secret=fields.match("secret", SECRET),
            build=fields.label("build"),
            step=fields.label("step"),
            node=fields.label("node"),
            url=fields.label("url"),
            state=_state(fields),
            host_key=fields.label("host_key", limit=HOST_KEY_LIMIT),
            end_to_end=fields.flag("end_to_end"),
        )


@dataclass(frozen=True, slots=True)
class Resume:
    """The client's claim to a tunnel that lost its WebSocket.

    tunnel_id, secret: from the last welcome. received: how many reliable frames the client has received.
    """

    tunnel_id: str
    secret: str = field(repr=False)
    received: int = 0

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Check a decoded JSON object; RemoteProtocolError names the field that is wrong."""
        fields = Fields("resume", value)
        return cls(
            tunnel_id=fields.match("tunnel_id", TUNNEL_ID),
            secret=fields.match("secret", SECRET),
            received=fields.count("received"),
        )


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of a WebSocket, from the client: who it is, and which tunnel it wants back."""

    version: int
    software: str
    registration: Registration
    resume: Resume | None = None

    @classmethod
    def parse(cls, data: str | bytes) -> Self:
        """Read a hello.

        Raises RemoteProtocolError, or TunnelRefused("version") before anything else is looked at.
        """
        fields = Fields("hello", decode(data, HANDSHAKE_LIMIT))
        version = fields.count("version")
        if version != PROTOCOL_VERSION:
            raise TunnelRefused("version", f"protocol version {version} is not spoken here")
        resume = fields.get("resume")
        return cls(
            version=version,
            software=fields.label("software"),
            registration=Registration.from_json(fields.get("registration")),
            resume=None if resume is None else Resume.from_json(resume),
        )

    def serialize(self) -> str:
        """Write it as JSON text."""
        return encode("hello", asdict(self))


@dataclass(frozen=True, slots=True)
class Reception:
    """What the relay tells the agent about itself: the account it belongs to, and where users reach it.

    ssh_fingerprint: of the host key that users see there, as ssh shows it; empty from a relay that does not say.
    """

    account: str
    ssh_host: str
    ssh_port: int
    ssh_fingerprint: str = ""

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Check a decoded JSON object; RemoteProtocolError names the field that is wrong."""
        fields = Fields("reception", value)
        return cls(
            account=fields.label("account"),
            ssh_host=fields.label("ssh_host"),
            ssh_port=fields.count("ssh_port", limit=65535),
            ssh_fingerprint=fields.label("ssh_fingerprint"),
        )


@dataclass(frozen=True, slots=True)
class Welcome:
    """The server's answer to a hello that it accepts.

    tunnel_id, secret: what the client resumes with. resumed: the streams are still there; otherwise both
    sides start afresh. received: how many reliable frames the server has received (0 when afresh).
    """

    version: int
    software: str
    tunnel_id: str
    secret: str = field(repr=False)
    resumed: bool
    received: int
    reception: Reception

    def serialize(self) -> str:
        """Write it as JSON text."""
        return encode("welcome", asdict(self))


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server's answer to a hello that it does not accept; `code` is one of `REFUSALS`."""

    code: str
    reason: str

    def serialize(self) -> str:
        """Write it as JSON text."""
        return encode("refusal", asdict(self))


def parse_answer(data: str | bytes) -> Welcome | Refusal:
    """Read the server's answer to a hello; raises RemoteProtocolError."""
    fields = Fields("answer", decode(data, HANDSHAKE_LIMIT))
    if fields.get("type") == "refusal":
        return Refusal(code=fields.label("code"), reason=fields.label("reason"))
    if fields.get("type") != "welcome":
        raise RemoteProtocolError("answer: neither a welcome nor a refusal")
    version = fields.count("version")
    if version != PROTOCOL_VERSION:
        raise RemoteProtocolError(f"welcome: protocol version {version} was not asked for")
    return Welcome(
        version=version,
        software=fields.label("software"),
        tunnel_id=fields.match("tunnel_id", TUNNEL_ID),
        secret=fields.match("secret", SECRET),
        resumed=fields.flag("resumed"),
        received=fields.count("received"),
        reception=Reception.from_json(fields.get("reception")),
    )


@dataclass(frozen=True, slots=True)
class Login:
    """The metadata of a stream that the relay opens to an agent.

    kind: `bridge` (the relay ends the user's SSH and vouches for the user) or `splice` (the user's own SSH
    bytes). user, account, permission: as the relay authenticated them. address: the user's IP address.
    """

    kind: str
    user: str = ""
    account: str = ""
    address: str = ""
    permission: str = ""

    @classmethod
    def parse(cls, data: str | bytes) -> Self:
        """Read a stream's metadata; raises RemoteProtocolError."""
        fields = Fields("login", decode(data, MAX_JSON))
        return cls(
            kind=fields.choice("kind", LOGIN_KINDS),
            user=fields.label("user"),
            account=fields.label("account"),
            address=fields.label("address"),
            permission=fields.label("permission"),
        )

    def serialize(self) -> bytes:
        """Write it as JSON."""
        return encode("login", asdict(self)).encode()


@dataclass(frozen=True, slots=True)
class Abort:
    """Relay → agent: end the session now, also a step that still runs, and say why in the log."""

    reason: str

    def serialize(self) -> bytes:
        """Write it as JSON."""
        return encode("abort", asdict(self)).encode()


@dataclass(frozen=True, slots=True)
class Enable:
    """Relay → agent: open the session although the step still runs; `user` asked for it."""

    user: str

    def serialize(self) -> bytes:
        """Write it as JSON."""
        return encode("enable", asdict(self)).encode()


@dataclass(frozen=True, slots=True)
class StateReport:
    """Agent → relay: what the session is now."""

    state: SessionState

    def serialize(self) -> bytes:
        """Write it as JSON."""
        return encode("state", asdict(self)).encode()


ControlMessage = Abort | Enable | StateReport
"""All control messages of this version. Who receives one that is not for it ignores it."""


def parse_control(data: str | bytes) -> ControlMessage | None:
    """Read a control message; None for a type that is not known here. RemoteProtocolError."""
    fields = Fields("message", decode(data, MAX_JSON))
    match fields.get("type"):
        case "abort":
            return Abort(reason=fields.label("reason"))
        case "enable":
            return Enable(user=fields.label("user"))
        case "state":
            return StateReport(state=_state(fields))
    return None


def _state(fields: Fields) -> SessionState:
    return SessionState(fields.choice("state", tuple(SessionState)))
