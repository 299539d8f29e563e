"""The HTTP API: what users and agents ask of a running relay.

    GET  /healthz                                            ok
    GET  /api/sessions[?build=ID]      view or execute       {"sessions": [SESSION, …]}
    POST /api/sessions/ID/enable       execute               SESSION; 202 if its agent has not opened it yet
    POST /api/sessions/ID/abort        execute               SESSION as it was, 202
    GET  /agent/build?build=ID         agent                 {"debugging": true or false}

Each but the first wants `Authorization: Bearer TOKEN` with that permission, and sees the sessions of the token's
account only. Requests have no body. SESSION is `{session, build, step, node, url, state, ssh}`, all texts; `ssh` is
the command with the word TOKEN in it, empty for a session that takes no bridges. A refusal is `{"error": TEXT}`;
whatever is wrong with token or session, every look-up is made, and it comes at the same time.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from relay.accounts import Accounts, Grant, token_digest
from relay.directory import Directory, SessionRecord
from relay.doorman import Doorman, Limits
from relay.errors import SessionGone, StoreFailed
from relay.journal import event, failure
from relay.questions import (
    AbortSession,
    ListSessions,
    LookAtBuild,
    Question,
    Refused,
    parse_question,
)
from relay.requests import address_of, bearer_token, dialled_host, path_of
from relay.routing import Route, format_user_name
from tunnel.messages import Abort, ControlMessage, Enable

HEALTH_PATH = "/healthz"

REFUSAL_SECONDS = 0.4
"""From a request to its refusal: many times what the look-ups take, so that time tells nothing of them."""

OPENING_SECONDS = 5.0
"""For an agent to open its session when asked to. A request may take `relay.agents.OPEN_SECONDS` in all."""

LOOK_SECONDS = 0.05
"""Between two looks whether it has."""

LIMITS = Limits(connections=200, strangers=200, strangers_per_address=50)
"""Requests at work at a time, also those that wait to be refused: all are strangers."""

SSH_PORT = 22
"""Where ssh dials without `-p`."""

NO_SESSION = "no such session in the token's account"
"""Said of sessions that do not exist and of other accounts'."""

_NO_TOKEN = "none"  # noqa: S105  (looked up where a request has none)

SendMessage = Callable[[str, ControlMessage], Awaitable[None]]
"""How a session's agent is told something, by the session's id. Raises SessionGone."""

Answer = tuple[HTTPStatus, dict[str, Any]]


class Api:
    """Answers requests. `pause` and `clock` are others in tests only."""

    def __init__(
        self,
        accounts: Accounts,
        directory: Directory,
        send_message: SendMessage,
        *,
        ssh_host: str | None,
        ssh_port: int,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._accounts = accounts
        self._directory = directory
        self._send_message = send_message
        self._ssh_host = ssh_host
        self._ssh_port = ssh_port
        self._pause = pause
        self._clock = clock
        self.doorman = Doorman(LIMITS)

    def __repr__(self) -> str:
        return f"<Api {self.doorman!r}>"

    async def check_request(self, ws: ServerConnection, request: Request) -> Response:
        """Answer a request; none becomes a WebSocket."""
        if path_of(request) == HEALTH_PATH:
            return ws.respond(HTTPStatus.OK, "ok\n")
        address, host = address_of(ws), self._ssh_host or dialled_host(request)
        status, fields = await self.answer(request, address, host)
        response = ws.respond(status, json.dumps(fields, ensure_ascii=False) + "\n")
        del response.headers["Content-Type"]  # a second one would be added, not take its place
        response.headers["Content-Type"] = "application/json"
        response.headers["Cache-Control"] = "no-store"
        if status is HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'Bearer realm="holdfast"'
        return response

    async def answer(self, request: Request, address: str, ssh_host: str) -> Answer:
        """Return status and fields of the answer; `ssh_host` is where users log in."""
        try:
            question = parse_question(request.method, request.path)
        except Refused as error:  # the same for everybody: nothing was looked up
            return error.status, {"error": str(error)}
        if not self.doorman.enter(address):
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": "too many requests at once; try again"}
        refusal_at = self._clock() + REFUSAL_SECONDS
        try:
            try:
                return await self._answer(question, bearer_token(request), address, ssh_host)
            except Refused as error:
                refusal = error
                event("request-refused", address=address, reason=error)
            except SessionGone as error:
                refusal = Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the session's agent cannot be reached now")
                event("request-refused", address=address, reason=error)
            except StoreFailed as error:
                refusal = Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the relay cannot look up tokens now")
                failure("accounts-failed", reason=error)
            await self._pause(max(0.0, refusal_at - self._clock()))
            return refusal.status, {"error": str(refusal)}
        finally:
            self.doorman.leave(address, recognised=False)

    async def _answer(self, question: Question, token: str | None, address: str, ssh_host: str) -> Answer:
        grant = await self._accounts.find_grant(token_digest(token or _NO_TOKEN))
        match question:
            case ListSessions(build):
                grant = _check(grant, question)
                records = await self._directory.list_account(grant.account, build)
                return HTTPStatus.OK, {"sessions": [self._show(record, ssh_host) for record in records]}
            case LookAtBuild(build):
                grant = _check(grant, question)
                records = await self._directory.list_account(grant.account, build)
                return HTTPStatus.OK, {"debugging": any(record.state.is_open for record in records)}
        record = await self._directory.find(question.session)
        grant = _check(grant, question)
        if record is None or record.account != grant.account:
            raise Refused(HTTPStatus.NOT_FOUND, NO_SESSION)
        visit = {"session": record.session, "account": grant.account, "user": grant.user, "address": address}
        if isinstance(question, AbortSession):
            await self._send_message(record.session, Abort(f"asked for by {grant.user}"))
            event("session-abort", **visit)
            return HTTPStatus.ACCEPTED, self._show(record, ssh_host)
        if not record.state.is_open:
            await self._send_message(record.session, Enable(grant.user))
            event("session-enable", **visit)
            record = await self._wait_until_open(record)
        status = HTTPStatus.OK if record.state.is_open else HTTPStatus.ACCEPTED
        return status, self._show(record, ssh_host)

    async def _wait_until_open(self, record: SessionRecord) -> SessionRecord:
        """Return the record once its agent has opened the session, or after a while as it is."""
        until = self._clock() + OPENING_SECONDS
        while not record.state.is_open and self._clock() < until:
            await self._pause(LOOK_SECONDS)
            found = await self._directory.find(record.session)
            if found is None or found.account != record.account:
                raise Refused(HTTPStatus.NOT_FOUND, NO_SESSION)
            record = found
        return record

    def _show(self, record: SessionRecord, ssh_host: str) -> dict[str, str]:
        name = format_user_name(Route("TOKEN", record.account, record.session))
        port = "" if self._ssh_port == SSH_PORT else f"-p {self._ssh_port} "
        return {
            "session": record.session,
            "build": record.build,
            "step": record.step,
            "node": record.node,
            "url": record.url,
            "state": record.state,
            "ssh": "" if record.end_to_end else f"ssh {port}{name}@{ssh_host}",
        }


def _check(grant: Grant | None, question: Question) -> Grant:
    """Return the grant if it allows the question; raises Refused."""
    if grant is None:
        raise Refused(HTTPStatus.UNAUTHORIZED, "the token is missing, unknown, expired or revoked")
    if not any(map(grant.allows, question.permissions)):
        needed = " or ".join(f"'{permission}'" for permission in question.permissions)
        raise Refused(HTTPStatus.FORBIDDEN, f"the token has no permission {needed}")
    return grant
