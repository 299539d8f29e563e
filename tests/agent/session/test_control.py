"""The control socket, with the kernel's own word for who is there."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.session.control import REQUEST_BYTES, Control
from agent.session.errors import NotAllowed
from agent.session.visitors import peer, trusted

ME = os.geteuid()


class Parrot(asyncio.Protocol):
    """Stands for the SSH server: says everything again."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


class Clerk:
    """A desk where every session is open, and nothing waits to be inspected."""

    def status(self) -> dict[str, Any]:
        return {"heard": "status"}

    def resume(self, verdict: int | None, asker: int) -> None:
        assert asker == os.getpid()
        if verdict == 9:
            raise NotAllowed("not with 9")

    @property
    def interpreter(self) -> Any:
        raise NotAllowed("no failed interpreter waits here")


@pytest.fixture
async def ask() -> AsyncIterator[Any]:
    loop = asyncio.get_running_loop()
    name = f"\0holdfast-test/{os.getpid()}/{id(loop)}"
    server = await loop.create_unix_server(lambda: Control(Clerk(), Parrot), name)

    async def exchange(request: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(name)
        writer.write(request)
        writer.write_eof()
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    yield exchange
    server.close()
    await server.wait_closed()


async def test_one_line_is_answered_by_one_line(ask) -> None:
    assert json.loads(await ask(b'{"command": "status"}\n')) == {"ok": True, "heard": "status"}


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (b'{"command": "resume", "verdict": 9}', "not with 9"),
        (b'{"command": "resume", "verdict": 256}', "this agent does not know that command"),
        (b'{"command": "inspect"}', "no failed interpreter waits here"),
        (b'{"command": "dance"}', "this agent does not know that command"),
    ],
)
async def test_what_the_desk_does_not_allow_is_one_line(ask, request_: bytes, error: str) -> None:
    assert json.loads(await ask(request_ + b"\n")) == {"ok": False, "error": error}


@pytest.mark.parametrize(
    "request_",
    [
        b"\n",
        b"nonsense\n",
        b"[]\n",
        b"{}\n",
        b"3\n",
        b"\xff\xfe\n",
        b"[" * 4000 + b"\n",
        b"x" * (REQUEST_BYTES + 1),
    ],
)
async def test_nonsense_is_refused_in_one_line(ask, request_: bytes) -> None:
    answer = json.loads(await ask(request_))
    assert answer["ok"] is False
    assert "request" in answer["error"]


async def test_after_connect_the_socket_carries_ssh(ask) -> None:
    answer, _, rest = (await ask(b'{"command": "connect"}\nSSH-2.0-x\r\n')).partition(b"\n")
    assert json.loads(answer) == {"ok": True}
    assert rest == b"SSH-2.0-x\r\n"


@pytest.mark.parametrize(
    ("pid", "uid", "welcome"),
    [
        (100, ME, True),
        (100, 0, True),
        (100, ME + 1, False),
        (0, ME, False),  # another PID namespace: a container beside us in the same Pod
        (0, 0, False),
    ],
)
def test_who_may_control_the_agent(pid: int, uid: int, welcome: bool) -> None:
    assert trusted(pid, uid) is welcome


def test_the_kernel_tells_who_is_there() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer(ours) == (os.getpid(), os.geteuid(), os.getegid())
