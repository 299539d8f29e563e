"""The requests that the API understands: method, path and query ↔ what is asked. Pure; `api` has the table."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import parse_qs, quote, urlencode

from relay.accounts import Permission
from tunnel.messages import SESSION_ID

SESSIONS = "/api/sessions"
BUILD = "/agent/build"


class Refused(Exception):
    """Why a request gets no answer; the text is for who sent it."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class ListSessions:
    """Which sessions there are: all, or those of one build."""

    build: str | None = None

    method: ClassVar[str] = "GET"
    permissions: ClassVar[tuple[Permission, ...]] = (Permission.VIEW, Permission.EXECUTE)
    """One of them is enough."""

    @property
    def target(self) -> str:
        """What stands in the request line."""
        return SESSIONS if self.build is None else f"{SESSIONS}?{urlencode({'build': self.build})}"


@dataclass(frozen=True, slots=True)
class EnableSession:
    """Open this session although its step still runs."""

    session: str

    method: ClassVar[str] = "POST"
    permissions: ClassVar[tuple[Permission, ...]] = (Permission.EXECUTE,)

    @property
    def target(self) -> str:
        """What stands in the request line."""
        return f"{SESSIONS}/{quote(self.session, safe='')}/enable"


@dataclass(frozen=True, slots=True)
class AbortSession:
    """End this session, and its step if that still runs."""

    session: str

    method: ClassVar[str] = "POST"
    permissions: ClassVar[tuple[Permission, ...]] = (Permission.EXECUTE,)

    @property
    def target(self) -> str:
        """What stands in the request line."""
        return f"{SESSIONS}/{quote(self.session, safe='')}/abort"


@dataclass(frozen=True, slots=True)
class LookAtBuild:
    """Whether a session of this build is open."""

    build: str

    method: ClassVar[str] = "GET"
    permissions: ClassVar[tuple[Permission, ...]] = (Permission.AGENT,)

    @property
    def target(self) -> str:
        """What stands in the request line."""
        return f"{BUILD}?{urlencode({'build': self.build})}"


Question = ListSessions | EnableSession | AbortSession | LookAtBuild


def parse_question(method: str, target: str) -> Question:
    """Read method and target of a request line; raises Refused."""
    path, _, query = target.partition("?")
    question = _route(path, query)
    if method != question.method:
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"the method here is {question.method}")
    return question


def _route(path: str, query: str) -> Question:
    match path.removeprefix("/").split("/"):
        case ["api", "sessions"]:
            return ListSessions(_build(query))
        case ["api", "sessions", session, "enable"]:
            return EnableSession(_session(session))
        case ["api", "sessions", session, "abort"]:
            return AbortSession(_session(session))
        case ["agent", "build"]:
            build = _build(query)
            if build is None:
                raise Refused(HTTPStatus.BAD_REQUEST, "which build? ask with ?build=ID")
            return LookAtBuild(build)
    raise Refused(HTTPStatus.NOT_FOUND, "nothing is here")


def _session(text: str) -> str:
    """Return a session id; empty, which is none, for what cannot be one."""
    return text if SESSION_ID.fullmatch(text) else ""


def _build(query: str) -> str | None:
    """Return the build that is asked for, None for none; other names are ignored, as in the tunnel's messages."""
    try:
        builds = parse_qs(query, keep_blank_values=True, max_num_fields=8).get("build")
    except ValueError:  # more fields
        raise Refused(HTTPStatus.BAD_REQUEST, "the query has too many fields") from None
    if builds is None:
        return None
    # Empty is the label of sessions of no known build: they have nothing to do with each other.
    if len(builds) != 1 or not builds[0]:
        raise Refused(HTTPStatus.BAD_REQUEST, "build: give one, and not an empty one")
    return builds[0]
