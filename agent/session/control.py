"""The control socket: `agent status`, `resume`, `inspect` and `connect` talk to the session here.

It is an abstract socket, so it needs no writable directory and is gone with the process. One request is one
line of JSON, `{"command": NAME, …}`; so is its answer, `{"ok": true, …}` or `{"ok": false, "error": TEXT}`.
After the answer to `connect` the socket carries SSH, after the one to `inspect` the bytes of a terminal.
"""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from agent.session.errors import NoPrompt, NotAllowed
from agent.session.inspect.interpreter import Interpreter
from agent.session.terminal import Size
from agent.session.visitors import peer, trusted

REQUEST_BYTES = 4096
"""A request is a line of a few dozen bytes; one that is longer is none of ours."""

REQUEST_SECONDS = 5.0
"""Time for that line, which every client of ours sends at once."""

PREFIX = "holdfast"

Answer = dict[str, Any]


def namespace() -> int:
    """Return the inode of our PID namespace: containers that share a network must not meet in the name."""
    return os.stat("/proc/self/ns/pid").st_ino


def socket_name(keeper: int) -> str:
    """Return the abstract name, without its leading NUL, of the agent whose keeper has this pid."""
    return f"{PREFIX}/{namespace()}/{keeper}"


class Desk(Protocol):
    """What people can ask a session for; NotAllowed says why not."""

    def status(self) -> Answer:
        """What `agent status` shows."""

    def resume(self, verdict: int | None, asker: int) -> None:
        """End the session, with another verdict than the step's own if one is given; `asker` is a pid."""

    @property
    def interpreter(self) -> Interpreter:
        """The failed interpreter."""


class Control(asyncio.Protocol):
    """One connection to the control socket."""

    def __init__(self, desk: Desk, ssh_protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self._desk = desk
        self._ssh_protocol = ssh_protocol
        self._request = b""
        self._transport: asyncio.Transport | None = None
        self._pid = 0
        self._trusted = False
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See who comes; one line of a request is heard from everybody, or the refusal would be lost."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._pid, uid, _ = peer(transport.get_extra_info("socket"))
        self._trusted = trusted(self._pid, uid)
        self._patience = asyncio.get_running_loop().call_later(REQUEST_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._hurry_no_more()

    def data_received(self, data: bytes) -> None:
        """Gather the one line of a request, and answer it."""
        assert self._transport
        if self._transport.is_closing():
            return
        self._request += data
        line, end, rest = self._request.partition(b"\n")
        if len(line) > REQUEST_BYTES:
            self._refuse("the request is too long")
        elif end:
            self._answer(line, rest)

    def _hurry_no_more(self) -> None:
        if self._patience:
            self._patience.cancel()
            self._patience = None

    def _answer(self, line: bytes, rest: bytes) -> None:
        """Do what the line asks for, if it comes from the agent's own user, or root, of this container."""
        self._hurry_no_more()
        if not self._trusted:
            self._refuse("only the agent's own user, or root in the same container, may control this session")
            return
        try:
            request = json.loads(line)
            request["command"]
        except (ValueError, TypeError, KeyError, RecursionError):
            self._refuse("the request is not one line of JSON with a command")
            return
        try:
            self._serve(request, rest)
        except (NotAllowed, NoPrompt) as error:
            self._refuse(str(error))

    def _serve(self, request: Mapping[str, Any], rest: bytes) -> None:
        match request:
            case {"command": "status"}:
                self._finish(self._desk.status())
            case {"command": "resume", "verdict": verdict} if verdict is None or verdict in range(256):
                self._desk.resume(None if verdict is None else int(verdict), self._pid)
                self._finish({})
            case {"command": "connect"}:
                self._become(self._ssh_protocol(), rest)
            case {"command": "inspect"}:
                inspection = Inspection(self._desk.interpreter)
                inspection.open(_size(request))
                self._become(inspection, rest)
            case {"command": "resize"}:
                self._desk.interpreter.resize(_size(request))
                self._finish({})
            case _:
                self._refuse("this agent does not know that command")

    def _become(self, protocol: asyncio.BaseProtocol, rest: bytes) -> None:
        """Say yes, and leave the connection to another protocol."""
        assert self._transport
        self._write({"ok": True})
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        if rest:
            protocol.data_received(rest)  # type: ignore[attr-defined]

    def _finish(self, facts: Answer) -> None:
        assert self._transport
        self._write({"ok": True, **facts})
        self._transport.close()

    def _refuse(self, error: str) -> None:
        assert self._transport
        self._write({"ok": False, "error": error})
        self._transport.close()

    def _write(self, answer: Answer) -> None:
        assert self._transport
        self._transport.write(json.dumps(answer).encode() + b"\n")


class Inspection(asyncio.Protocol):
    """A connection that looks into the failed interpreter: the bytes of its terminal, both ways."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._transport: asyncio.Transport | None = None

    def open(self, size: Size) -> None:
        """Take the prompt; NoPrompt if that cannot be."""
        self._interpreter.inspect(self, size)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to show."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """What was typed."""
        self._interpreter.type(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody looks any more; the prompt stays for the next."""
        self._interpreter.leave(self)

    def pause_writing(self) -> None:
        """The other end is slow."""
        self._interpreter.pace(writable=False)

    def resume_writing(self) -> None:
        """It has caught up."""
        self._interpreter.pace(writable=True)

    def show(self, data: bytes) -> None:
        """Send output."""
        if self._transport:
            self._transport.write(data)

    def input_congested(self, congested: bool) -> None:
        """Hold input back, or take it again."""
        if self._transport and not self._transport.is_closing():
            if congested:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def prompt_ended(self) -> None:
        """The prompt was left."""
        if self._transport:
            self._transport.close()


def _size(request: Mapping[str, Any]) -> Size:
    """Return the window of a request; 0 by 0, unknown, for whatever is no size."""
    columns, rows = (request.get(name) for name in ("columns", "rows"))
    if isinstance(columns, int) and isinstance(rows, int) and min(columns, rows) >= 0:
        return Size(columns, rows)
    return Size(0, 0)
