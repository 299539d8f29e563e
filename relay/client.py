"""What `relay session …` asks of a running relay: the other side of `api`."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Self, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from relay.accounts import TOKEN
from relay.config import DEFAULT_HTTP
from relay.errors import RequestFailed, UsageError
from relay.questions import AbortSession, EnableSession, ListSessions, Question
from relay.table import table
from tunnel.errors import RemoteProtocolError
from tunnel.fields import Fields, decode
from tunnel.messages import SESSION_ID, SessionState
from tunnel.version import VERSION

ANSWER_SECONDS = 20.0
"""For each step of a request: four times what the relay waits for an agent."""

ANSWER_LIMIT = 4 * 1024 * 1024
"""Bytes of an answer: twice what the sessions of an account have at most, with the longest labels."""

REFUSAL_LIMIT = 4096
"""Bytes of a refusal that are read."""

TOKEN_FILE_LIMIT = 4096
"""Bytes of a file that should hold one token."""

SSH_LIMIT = 512
"""Characters of an ssh command: the longest host has 253, the longest user name 219."""

T = TypeVar("T")

_SCHEMES = {"ws": "http", "wss": "https", "http": "http", "https": "https"}

_LOOPBACK = ("127.0.0.1", "::1", "localhost")

_TABLE_HEAD = ("SESSION", "STATE", "BUILD", "NODE", "STEP", "SSH")


@dataclass(frozen=True, slots=True)
class Target:
    """A running relay, and the token with which it is asked. url: `http://…` or `https://…`."""

    url: str
    token: str = field(repr=False)
    ca_file: str | None

    @property
    def place(self) -> str:
        """Host and port, for an error's line."""
        return urlsplit(self.url).netloc

    @classmethod
    def make(cls, options: Mapping[str, str | None], environment: Mapping[str, str]) -> Self:
        """Take `relay`, `token_file` and `ca_file` from the options, else the environment; raises UsageError."""
        url = options.get("relay") or environment.get("HOLDFAST_RELAY") or f"ws://{DEFAULT_HTTP}"
        ca_file = options.get("ca_file") or environment.get("HOLDFAST_CA_FILE") or None
        return cls(_http_url(url), _token(options.get("token_file"), environment), ca_file)


@dataclass(frozen=True, slots=True)
class Session:
    """A session as the relay tells of it. ssh: the command with the word TOKEN; empty: none would do."""

    session: str
    build: str
    step: str
    node: str
    state: str
    ssh: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Check a decoded JSON object; RemoteProtocolError names the field that is wrong."""
        fields = Fields("session", value)
        return cls(
            session=fields.match("session", SESSION_ID),
            build=fields.label("build"),
            step=fields.label("step"),
            node=fields.label("node"),
            state=fields.label("state"),
            ssh=fields.label("ssh", limit=SSH_LIMIT),
        )


def list_sessions(target: Target, build: str | None) -> str:
    """Return a table of the account's sessions, with its head, a line each; raises RequestFailed."""
    sessions = _ask(target, ListSessions(build), _parse_list)
    rows = [(each.session, each.state, each.build, each.node, each.step, each.ssh) for each in sessions]
    return table([_TABLE_HEAD, *rows])


def enable_session(target: Target, session: str) -> str:
    """Open a session although its step still runs, and return its ssh command; raises RequestFailed."""
    shown = _ask(target, EnableSession(session), Session.from_json)
    if shown.state == SessionState.STANDBY:
        raise RequestFailed("the agent was asked, but the session is not open yet; see 'relay session list'")
    return shown.ssh


def abort_session(target: Target, session: str) -> None:
    """End a session, and its step if that still runs; raises RequestFailed."""
    _ask(target, AbortSession(session), Session.from_json)


def _parse_list(value: object) -> list[Session]:
    found = Fields("answer", value).get("sessions")
    if not isinstance(found, list):
        raise RemoteProtocolError("answer: no sessions")
    return [Session.from_json(each) for each in found]


# The request.


class _NoRedirect(HTTPRedirectHandler):
    """Follows no redirect: the token is for the relay that was named, and for nobody else."""

    def redirect_request(self, *_: object) -> None:
        return None


def _ask(target: Target, question: Question, parse: Callable[[object], T]) -> T:
    """Send a request and return what the answer is parsed to; raises RequestFailed, or UsageError for a CA file."""
    headers = {
        "Authorization": f"Bearer {target.token}",
        "User-Agent": f"holdfast-relay/{VERSION}",
    }
    request = Request(target.url + question.target, method=question.method, headers=headers)  # noqa: S310
    try:
        with _opener(target).open(request, timeout=ANSWER_SECONDS) as answer:
            return parse(decode(answer.read(ANSWER_LIMIT + 1), ANSWER_LIMIT))
    except HTTPError as error:
        with error:
            raise RequestFailed(f"{target.place}: {_refusal(error)}") from error
    except RemoteProtocolError as error:
        raise RequestFailed(f"{target.place} answers, but not as a relay of this version does") from error
    except (OSError, HTTPException, ValueError) as error:
        raise RequestFailed(f"{target.place} {_trouble(error)}") from error


def _opener(target: Target) -> OpenerDirector:
    # A proxy has no way to this machine's loopback, and no business with the token.
    proxies = ProxyHandler({}) if urlsplit(target.url).hostname in _LOOPBACK else ProxyHandler()
    try:
        context = ssl.create_default_context(cafile=target.ca_file)
    except OSError as error:  # ssl.SSLError is one
        reason = "no certificates in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(f"CA file {target.ca_file}: {reason}") from error
    return build_opener(proxies, HTTPSHandler(context=context), _NoRedirect)


def _refusal(error: HTTPError) -> str:
    """Return what the relay says, else what the status says: then it was a proxy, or no relay at all."""
    try:
        said = Fields("refusal", decode(error.read(REFUSAL_LIMIT + 1), REFUSAL_LIMIT)).label("error")
    except (RemoteProtocolError, OSError, HTTPException):
        said = ""
    return said or f"HTTP {error.code}; is that the relay's URL?"


def _trouble(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    match cause:
        case ssl.SSLCertVerificationError():
            return (
                f"shows a certificate that is not trusted ({cause.verify_message}); name its CA by --ca-file"
            )
        case ssl.SSLError():
            return f"does not speak TLS ({cause.reason}); should the URL begin with ws://?"
        case ConnectionRefusedError():
            return "refuses connections; is the relay running there?"
        case TimeoutError():
            return f"does not answer within {ANSWER_SECONDS:.0f} s"
        case OSError():
            return f"cannot be reached: {cause.strerror or cause}"
    return f"does not answer as a relay does ({type(cause).__name__})"


# Where and with what.


def _http_url(text: str) -> str:
    """Return the URL of the HTTP port, without a slash at its end; raises UsageError."""
    try:
        parts = urlsplit(text)
        sound = (
            parts.hostname and parts.port != 0 and text.isascii() and text.isprintable() and " " not in text
        )
    except ValueError:
        raise _no_url(text) from None
    if "@" in text:
        raise UsageError(
            "--relay: the URL holds credentials: give the token as HOLDFAST_TOKEN or by --token-file"
        )
    if not sound or parts.scheme not in _SCHEMES or parts.query or parts.fragment:
        raise _no_url(text)
    return f"{_SCHEMES[parts.scheme]}://{parts.netloc}{parts.path.rstrip('/')}"


def _no_url(text: str) -> UsageError:
    return UsageError(f"--relay {text!r}: not a relay's URL, such as wss://relay.example.com")


def _token(file: str | None, environment: Mapping[str, str]) -> str:
    """Take the token: from the option's file, the variable, or the file that a variable names."""
    text = environment.get("HOLDFAST_TOKEN")
    if file or not text:
        file = file or environment.get("HOLDFAST_TOKEN_FILE")
        if not file:
            raise UsageError("a token is needed: set HOLDFAST_TOKEN or --token-file")
        source, text = f"token file {file}", _contents(file)
    else:
        source = "HOLDFAST_TOKEN"
    text = text.strip()
    if not TOKEN.fullmatch(text):
        raise UsageError(f"{source}: holds no token")  # and never what it holds
    return text


def _contents(file: str) -> str:
    try:
        with open(file, "rb") as stream:
            return stream.read(TOKEN_FILE_LIMIT).decode("ascii", "replace")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"token file {file}: {reason}") from error
