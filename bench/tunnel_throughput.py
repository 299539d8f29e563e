"""How fast is the tunnel alone? One JSON object to standard output.

    python bench/tunnel_throughput.py [MEGABYTES]

Bytes a second of one stream, in writes of 32 KiB: through two protocol machines in memory; then through two
processes and a real loopback WebSocket, up from the client (the agent) and down from the server (the relay),
beside bare messages of the same size through the same library. And the round trip of 40 bytes.
"""

import asyncio
import json
import multiprocessing
import socket
import statistics
import sys
import time
from multiprocessing.connection import Connection

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from tunnel.connection import CLIENT_OPTIONS, SERVER_OPTIONS, ClientTunnel, ServerTunnel, receive_hello
from tunnel.events import DataReceived
from tunnel.messages import Login, Reception, Registration
from tunnel.multiplexer import Side
from tunnel.protocol import Protocol
from tunnel.stream import Stream
from tunnel.tunnel import COALESCE

CHUNK = bytes(32 * 1024)
PINGS = 2000
TIMEOUT = 120.0  # seconds after which something is broken
REGISTRATION = Registration(session="a" * 25, secret="0" * 64)
RECEPTION = Reception(account="bench", ssh_host="127.0.0.1", ssh_port=22)


def measure_machines(size: int) -> float:
    """Bytes a second through two machines, joined and cut as for a WebSocket."""
    sender, receiver = Protocol(Side.CLIENT), Protocol(Side.SERVER)
    sender.attach(0, 0.0)
    receiver.attach(0, 0.0)
    number = sender.streams.open(b"{}")
    sent = received = 0
    start = time.perf_counter()
    while received < size:
        while sent < size and sender.streams.pending(number) < COALESCE:
            sender.streams.write(number, CHUNK)
            sent += len(CHUNK)
        for event in receiver.receive_data(b"".join(sender.data_to_send(COALESCE)), 0.0):
            if isinstance(event, DataReceived):
                received += len(event.data)
                receiver.streams.consume(number, len(event.data))
        sender.receive_data(b"".join(receiver.data_to_send(COALESCE)), 0.0)
    return received / (time.perf_counter() - start)


class Flow(asyncio.Protocol):
    """Writes `size` bytes as fast as it may, then EOF; with 0 it only reads. Times the stream's life."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._is_paused = False
        self._began = time.perf_counter()
        self.seconds: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the stream; begin."""
        assert isinstance(transport, Stream)
        self._stream = transport
        if self._left:
            self.resume_writing()

    def pause_writing(self) -> None:
        """Stop writing."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Write until told to stop."""
        self._is_paused = False
        while self._left and not self._is_paused:
            self._stream.write(CHUNK)
            self._left -= len(CHUNK)
        if not self._left:
            self._stream.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the watch."""
        if exc:
            self.seconds.set_exception(exc)
        else:
            self.seconds.set_result(time.perf_counter() - self._began)


class Echo(asyncio.Protocol):
    """Sends back what comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the stream; begin."""
        assert isinstance(transport, Stream)
        self._stream = transport

    def data_received(self, data: bytes) -> None:
        """Answer."""
        self._stream.write(data)


class Pinger(asyncio.Protocol):
    """Sends 40 bytes again and again, and notes how long they took to come back."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the stream; begin."""
        assert isinstance(transport, Stream)
        self._stream = transport
        self._ping()

    def _ping(self) -> None:
        self._sent = time.perf_counter()
        self._stream.write(bytes(40))

    def data_received(self, data: bytes) -> None:
        """Answer."""
        self.times.append(time.perf_counter() - self._sent)
        if len(self.times) < PINGS:
            self._ping()
        elif not self.done.done():
            self.done.set_result(None)


async def measure_tunnel(ws: ServerConnection, size: int) -> dict[str, float]:
    """The relay's end: opens the streams, whose user names say what the agent's end shall do."""
    tunnel = ServerTunnel(REGISTRATION)
    await tunnel.attach(ws, await receive_hello(ws), RECEPTION)
    carrying = asyncio.create_task(tunnel.carry())
    figures = {}
    for name, ours, theirs in (("up", 0, "source"), ("down", size, "sink")):
        flow = Flow(ours)
        tunnel.open_stream(Login(kind="bridge", user=theirs)).start(flow)
        figures[name] = size / await flow.seconds
    pinger = Pinger()
    tunnel.open_stream(Login(kind="bridge", user="echo")).start(pinger)
    await pinger.done
    figures["round_trip_p50_us"] = statistics.median(pinger.times) * 1e6
    tunnel.close("done")
    await carrying
    return figures


async def run_server(sock: socket.socket, size: int, pipe: Connection) -> None:
    """Serve one WebSocket: bare messages, then a tunnel; send the figures into the pipe."""
    figures: asyncio.Future[dict[str, float]] = asyncio.get_running_loop().create_future()

    async def handle(ws: ServerConnection) -> None:
        start = time.perf_counter()
        for _ in range(size // COALESCE):
            await ws.receive()
        bare = {"bare_up": size / (time.perf_counter() - start)}
        figures.set_result(bare | await measure_tunnel(ws, size))

    async with serve(handle, sock=sock, **SERVER_OPTIONS), asyncio.timeout(TIMEOUT):
        pipe.send(await figures)


async def run_client(port: int, size: int) -> None:
    """The agent's end: does what the login's user name says."""

    def on_stream(stream: Stream) -> None:
        user = stream.get_extra_info("login").user
        stream.start(Echo() if user == "echo" else Flow(size if user == "source" else 0))

    async with connect(f"ws://127.0.0.1:{port}/", **CLIENT_OPTIONS, proxy=None) as ws:
        message = bytes(COALESCE)
        for _ in range(size // COALESCE):
            await ws.send(message)
        tunnel = ClientTunnel(REGISTRATION, on_stream=on_stream)
        await tunnel.attach(ws)
        await tunnel.carry()


def measure_processes(size: int) -> dict[str, float]:
    """Bytes a second, and the round trip, through two processes and a WebSocket."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        server = context.Process(target=lambda: asyncio.run(run_server(sock, size, theirs)))
        server.start()
        asyncio.run(run_client(port, size))
        figures: dict[str, float] = ours.recv()
        server.join()
    return figures


def main() -> None:
    """Measure and print."""
    size = int(sys.argv[1] if len(sys.argv) > 1 else "512") * 1024 * 1024
    figures = {"machines": measure_machines(size)} | measure_processes(size)
    print(json.dumps({name: round(value) for name, value in figures.items()}, indent=2))


if __name__ == "__main__":
    main()
