"""The control socket: `agent status`, `agent resume` and `agent connect` talk to the session here.

It is an abstract socket, so it needs no writable directory and is gone with the process. One request is one
line of JSON, `{"command": NAME, …}`; so is its answer, `{"ok": true, …}` or `{"ok": false, "error": TEXT}`.
After the answer to `connect` the socket carries SSH.
"""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from agent.session.visitors import peer, trusted

REQUEST_BYTES = 4096
"""A request is a line of a few dozen bytes; one that is longer is none of ours."""

REQUEST_SECONDS = 5.0
"""Time for that line, which every client of ours sends at once."""

PREFIX = "holdfast"

Answer = dict[str, Any]
Handler = Callable[[Mapping[str, Any]], Answer]


def namespace() -> int:
    """Return the inode of our PID namespace: containers that share a network must not meet in the name."""
    return os.stat("/proc/self/ns/pid").st_ino


def socket_name(keeper: int) -> str:
    """Return the abstract name, without its leading NUL, of the agent whose keeper has this pid."""
    return f"{PREFIX}/{namespace()}/{keeper}"


class Control(asyncio.Protocol):
    """One connection to the control socket."""

    def __init__(self, handler: Handler, ssh_protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self._handler = handler
        self._ssh_protocol = ssh_protocol
        self._request = b""
        self._transport: asyncio.Transport | None = None
        self._trusted = False
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See who comes; one line of a request is heard from everybody, or the refusal would be lost."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        pid, uid, _ = peer(transport.get_extra_info("socket"))
        self._trusted = trusted(pid, uid)
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
        assert self._transport
        try:
            request = json.loads(line)
            command = request["command"]
        except (ValueError, TypeError, KeyError, RecursionError):
            self._refuse("the request is not one line of JSON with a command")
            return
        if command == "connect":
            self._write({"ok": True})
            ssh = self._ssh_protocol()
            self._transport.set_protocol(ssh)
            ssh.connection_made(self._transport)
            if rest:
                ssh.data_received(rest)  # type: ignore[attr-defined]
            return
        self._write(self._handler(request))
        self._transport.close()

    def _refuse(self, error: str) -> None:
        assert self._transport
        self._write({"ok": False, "error": error})
        self._transport.close()

    def _write(self, answer: Answer) -> None:
        assert self._transport
        self._transport.write(json.dumps(answer).encode() + b"\n")
