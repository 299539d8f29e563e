"""Two tunnels joined by a real WebSocket on loopback, and a protocol that notes what happens to it."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from tunnel.connection import CLIENT_OPTIONS, SERVER_OPTIONS, ClientTunnel, ServerTunnel, receive_hello
from tunnel.messages import ControlMessage, Hello, Login, Reception, Registration
from tunnel.stream import Stream

REGISTRATION = Registration(session="a2" * 12 + "z", secret="5e" * 32)
RECEPTION = Reception(account="acme", ssh_host="relay.example", ssh_port=2222)
PATIENCE = 20.0  # seconds before something that is awaited is taken to never happen


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0)


class Recorder(asyncio.Protocol):
    """Notes what a transport tells it."""

    def __init__(self, *, keeps_open: bool = False) -> None:
        self.keeps_open = keeps_open
        self.received = bytearray()
        self.calls: list[str] = []
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.calls.append("made")

    def data_received(self, data: bytes) -> None:
        assert isinstance(data, bytes)
        self.received += data

    def eof_received(self) -> bool:
        self.calls.append("eof")
        return self.keeps_open

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("lost")
        self.lost.set_result(exc)


class Rig:
    """A relay's server on loopback with one tunnel, and an agent's tunnel that dials it."""

    registration = REGISTRATION
    reception = RECEPTION

    def __init__(self) -> None:
        self.accepted: list[Stream] = []  # streams that the client got
        self.messages: list[ControlMessage] = []
        self.client = self.new_client()
        self.reports: list[ControlMessage] = []  # messages that the server got
        self.server = self.new_server()
        self.hellos: list[Hello] = []
        self.url = ""
        self.tasks: list[asyncio.Task[None]] = []
        self.ws: ClientConnection

    def new_client(self) -> ClientTunnel:
        return ClientTunnel(REGISTRATION, on_stream=self.accepted.append, on_message=self.messages.append)

    def new_server(self) -> ServerTunnel:
        return ServerTunnel(REGISTRATION, on_message=self.reports.append)

    async def handle(self, ws: ServerConnection) -> None:
        self.hellos.append(await receive_hello(ws))
        await self.server.attach(ws, self.hellos[-1], RECEPTION)
        await self.server.carry()

    async def connect(self) -> asyncio.Task[None]:
        """Attach the client to a new WebSocket; returns the task that carries it."""
        self.ws = await connect(self.url, proxy=None, **CLIENT_OPTIONS)
        await self.client.attach(self.ws)
        self.tasks.append(asyncio.create_task(self.client.carry()))
        return self.tasks[-1]

    async def cut(self) -> None:
        """Lose the WebSocket as a network does, and let both ends notice."""
        self.ws.transport.abort()
        await until(lambda: self.client.lost_since is not None and self.server.lost_since is not None)

    async def stream(self, login: Login | None = None) -> tuple[Stream, Stream]:
        """A stream that the server opened, and the same on the client."""
        count = len(self.accepted)
        ours = self.server.open_stream(login or Login(kind="bridge", user="ada", address="203.0.113.7"))
        await until(lambda: len(self.accepted) > count)
        return ours, self.accepted[-1]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """Not connected yet."""
    rig = Rig()

    async def handle(ws: ServerConnection) -> None:
        await rig.handle(ws)  # looked up now: a test may have replaced it

    async with serve(handle, "127.0.0.1", 0, **SERVER_OPTIONS) as server:
        rig.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield rig
        rig.client.forget()
        rig.server.forget()
        await asyncio.gather(*rig.tasks, return_exceptions=True)


@pytest.fixture
def recorder() -> type[Recorder]:
    return Recorder


@pytest.fixture(name="until")
def until_fixture() -> Callable[[Callable[[], object]], object]:
    return until
