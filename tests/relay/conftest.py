"""A relay in the test's own loop, agents of real tunnels and asyncssh, and the real OpenSSH client."""

import asyncio
import contextlib
import os
import secrets
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import asyncssh
import pytest
from websockets.asyncio.client import ClientConnection, connect

from relay import admin
from relay.accounts import Permission
from relay.app import Running, running
from relay.config import Config, make_config
from tunnel.adapter import Acceptor
from tunnel.connection import CLIENT_OPTIONS, ClientTunnel
from tunnel.errors import TunnelError
from tunnel.messages import ControlMessage, Enable, Reception, Registration, SessionState
from tunnel.tuning import SSH_OPTIONS, skip_ignores

ALL = frozenset(Permission)
WAIT = 20.0


@dataclass
class Relay:
    """A running relay, its configuration, and a token of `joe` in `acme` that allows everything."""

    config: Config
    running: Running
    token: str
    agents: list["FakeAgent"] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    async def make_token(
        self, *permissions: Permission, account: str = "acme", lifetime: int | None = None
    ) -> str:
        token, record = await admin.create_token(
            self.config.database, account, "joe", frozenset(permissions), lifetime
        )
        self.numbers[token] = record.id
        return token

    async def revoke(self, token: str) -> None:
        await admin.revoke_token(self.config.database, self.numbers[token])

    def agent_url(self, path: str = "/agent") -> str:
        return f"ws://{self.running.http}{path}"


@pytest.fixture
def config(tmp_path) -> Config:
    given = {
        "http": "127.0.0.1:0",
        "ssh": "127.0.0.1:0",
        "database": f"sqlite:///{tmp_path}/relay.db",
        "host_key": f"{tmp_path}/host_key",
    }
    return make_config(given, {}, {})


@pytest.fixture
async def relay(config: Config) -> AsyncIterator[Relay]:
    for account in ("acme", "globex"):
        await admin.add_account(config.database, account)
        await admin.add_user(config.database, account, "joe", ALL)
    token, _ = await admin.create_token(config.database, "acme", "joe", ALL, None)
    async with running(config) as started:
        made = Relay(config, started, token)
        try:
            yield made
        finally:
            for agent in made.agents:
                await agent.stop()


class Shell(asyncssh.SSHServer):
    """What a fake agent allows: everything."""

    def __init__(self, logout: asyncio.Event) -> None:
        self._logout = logout

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        skip_ignores(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._logout.set()

    def begin_auth(self, username: str) -> bool:
        return False

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return True

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        return True


async def tell_sizes(process: asyncssh.SSHServerProcess[bytes]) -> None:
    process.stdout.write(b"size %d %d\r\n" % process.term_size[:2])
    while True:
        try:
            if await process.stdin.read(1) in {b"q", b""}:
                break
        except asyncssh.TerminalSizeChanged as change:
            process.stdout.write(b"size %d %d\r\n" % (change.width, change.height))
        except asyncssh.SignalReceived as signal:
            process.stdout.write(b"signal %s\r\n" % signal.signal.encode())
    process.exit(7)


class FakeAgent:
    """An agent: a tunnel to the relay, dialled again when lost, and an SSH server on its streams."""

    def __init__(self, url: str, token: str, session: str, secret: str, **registered: object) -> None:
        self.url = url
        self.token = token
        self.session = session
        self.secret = secret
        self.logins: list[tuple[str, str]] = []
        self.connections: list[asyncssh.SSHServerConnection] = []
        self.reception: asyncio.Future[Reception] = asyncio.get_running_loop().create_future()
        self.resumed = 0
        self.received = 0
        self.cuts: list[int] = []
        """After how many bytes of a command's input the WebSocket is lost."""
        self.logout = asyncio.Event()
        self.working = asyncio.Event()
        """Set when a command has begun."""
        self.moved = asyncio.Event()
        """Set when `url` leads somewhere again."""
        self.obeys = True
        """Opens its session when it is asked to."""
        self.messages: asyncio.Queue[ControlMessage] = asyncio.Queue()
        self.tunnel = ClientTunnel(
            Registration(session, secret, **registered), on_stream=self._accept, on_message=self._hear
        )
        self._acceptor = Acceptor()
        self._ws: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._server: asyncssh.SSHAcceptor | None = None

    async def start(self) -> None:
        self._server = await asyncssh.listen(
            tunnel=self._acceptor,
            server_factory=lambda: Shell(self.logout),
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            process_factory=self._run_command,
            sftp_factory=True,
            encoding=None,
            line_editor=False,
            config=None,
            **SSH_OPTIONS,
        )
        self._task = asyncio.create_task(self._keep_dialling())

    async def wait_up(self) -> Reception:
        done, _ = await asyncio.wait(
            [self.reception, self._task], timeout=WAIT, return_when=asyncio.FIRST_COMPLETED
        )
        if self._task in done:
            self._task.result()
        return self.reception.result()

    def _accept(self, stream) -> None:
        login = stream.get_extra_info("login")
        self.logins.append((login.kind, login.user))
        self.connections.append(self._acceptor.accept(stream))

    def _hear(self, message: ControlMessage) -> None:
        self.messages.put_nowait(message)
        if isinstance(message, Enable) and self.obeys:
            self.tunnel.set_state(SessionState.ENABLED)

    async def _keep_dialling(self) -> None:
        while not self.tunnel.is_closed:
            headers = {"Authorization": f"Bearer {self.token}"}
            try:
                ws = await connect(self.url, additional_headers=headers, proxy=None, **CLIENT_OPTIONS)
            except OSError:
                await self.moved.wait()
                continue
            async with ws:
                self._ws = ws
                welcome = await self.tunnel.attach(ws)
                self.resumed += welcome.resumed
                if not self.reception.done():
                    self.reception.set_result(welcome.reception)
                await self.tunnel.carry()

    def cut(self) -> None:
        """Lose the WebSocket as a network does."""
        self._ws.transport.abort()

    def _count(self, size: int) -> None:
        self.received += size
        if self.cuts and self.received >= self.cuts[0]:
            del self.cuts[0]
            self.cut()

    async def _run_command(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """Run a command for an exec request; with a PTY, tell its sizes until the input says `q`."""
        self.working.set()
        if process.term_type is not None:
            await tell_sizes(process)
            return
        child = await asyncio.create_subprocess_shell(
            process.command or "true",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            limit=1 << 20,
        )

        async def feed() -> None:
            with contextlib.suppress(ConnectionError, asyncssh.Error):
                while data := await process.stdin.read(65536):
                    self._count(len(data))
                    child.stdin.write(data)
                    await child.stdin.drain()
            child.stdin.close()

        async def drain(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()

        def end(_closed: asyncio.Task[None]) -> None:
            if child.returncode is None:
                child.kill()

        feeding = asyncio.create_task(feed())
        closing = asyncio.create_task(process.channel.wait_closed())
        closing.add_done_callback(end)
        try:
            await asyncio.gather(drain(child.stdout, process.stdout), drain(child.stderr, process.stderr))
            status = await child.wait()
            if status < 0:
                process.exit_with_signal({-15: "TERM", -9: "KILL"}[status])
            else:
                process.exit(status)
        except (ConnectionError, asyncssh.Error):
            end(closing)
            await child.wait()
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)

    async def vanish(self) -> None:
        """End as a killed agent does: the WebSocket breaks off, and nobody dials again."""
        self._task.cancel()
        self.cut()
        await asyncio.gather(self._task, return_exceptions=True)

    async def stop(self) -> None:
        self.tunnel.close("the test is over")
        if self._task:
            with contextlib.suppress(TimeoutError, TunnelError, OSError, asyncio.CancelledError):
                await asyncio.wait_for(self._task, 5)
        if self._server:
            self._server.close()


@pytest.fixture
def new_session() -> Callable[[], str]:
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return lambda: "".join(secrets.choice(alphabet) for _ in range(25))


@pytest.fixture
def agent_of(relay: Relay, new_session) -> Callable[[str], FakeAgent]:
    def make(url: str) -> FakeAgent:
        return FakeAgent(url, relay.token, new_session(), secrets.token_hex(32))

    return make


@pytest.fixture
def start_agent(relay: Relay, new_session) -> Callable[..., Awaitable[FakeAgent]]:
    async def start(
        *,
        token: str | None = None,
        session: str | None = None,
        secret: str | None = None,
        wait: bool = True,
        **registered: object,
    ) -> FakeAgent:
        agent = FakeAgent(
            relay.agent_url(),
            token or relay.token,
            session or new_session(),
            secret or secrets.token_hex(32),
            **registered,
        )
        relay.agents.append(agent)
        await agent.start()
        if wait:
            await agent.wait_up()
        return agent

    return start


@dataclass
class Finished:
    """What a command said."""

    status: int
    out: bytes
    err: bytes


@pytest.fixture
def run(tmp_path) -> Callable[..., Awaitable[Finished]]:
    async def run_it(*argv: str, stdin: bytes = b"") -> Finished:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(stdin), WAIT)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Finished(process.returncode, out, err)

    return run_it


@pytest.fixture
def ssh_options(relay: Relay) -> list[str]:
    """Options with which ssh and sftp reach the relay, and nothing of the machine's own configuration."""
    settings = {
        "Port": relay.running.ssh.port,
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": os.devnull,
        "LogLevel": "ERROR",
        "BatchMode": "yes",
    }
    options = [f"-o{key}={value}" for key, value in settings.items()]
    return ["-F", os.devnull, *options]


@pytest.fixture
def ssh(run, ssh_options) -> Callable[..., Awaitable[Finished]]:
    async def run_ssh(
        name: str, *command: str, options: tuple[str, ...] = (), stdin: bytes = b""
    ) -> Finished:
        argv = ["ssh", *options, *ssh_options, "-l", name, "127.0.0.1", *command]
        return await run(*argv, stdin=stdin)

    return run_ssh


@pytest.fixture
def user_name(relay: Relay) -> Callable[..., str]:
    def make(agent: FakeAgent, separator: str = ":", token: str | None = None, account: str = "acme") -> str:
        return separator.join((token or relay.token, account, agent.session))

    return make
