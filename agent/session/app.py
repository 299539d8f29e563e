"""The composition root of a session: wires its parts, and runs the one loop that owns its clock."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import agent.session.forkless  # isort: skip  # noqa: F401  (before asyncssh)
import asyncssh

from agent.config import Config
from agent.link import Link
from agent.session import guard
from agent.session.announce import announcement
from agent.session.asleep import Opened
from agent.session.control import Answer, Control, socket_name
from agent.session.dial import Dialler, Relay
from agent.session.errors import RelayError
from agent.session.identity import new_owner_secret, new_session_id
from agent.session.lifecycle import Action, Event, Lifecycle, State
from agent.session.log import Log
from agent.session.loop import OncePerKind, ThreadlessLoop
from agent.session.section import Direct, Relayed, duration, outcome, section
from agent.session.server import Door, Host, Login, listen
from agent.session.status import status
from agent.session.workshop import Workshop
from tunnel.adapter import Acceptor
from tunnel.connection import ClientTunnel
from tunnel.messages import Abort, ControlMessage, Registration, Welcome, label

LAST_WORDS_SECONDS = 0.2
"""Between the decision to end and the end: the command that asked for it sends its exit status first."""

FAREWELL_SECONDS = 1.0
"""Time to say goodbye to logins and the relay; the keeper waits for 2 s."""

FLUSH_SECONDS = 0.5
"""Time for a log that takes nothing to take our last lines."""


def run(link: Link, config: Config, opened: Opened) -> None:
    """Serve one session until the keeper says goodbye."""
    # asyncssh asks for both, and fails where a UID has neither a HOME nor a passwd entry. Shells get the step's own.
    os.environ.setdefault("HOME", "/")
    os.environ.setdefault("LOGNAME", str(os.getuid()))
    with asyncio.Runner(loop_factory=ThreadlessLoop) as runner:
        runner.run(Session(link, config, opened).serve())


class Session:
    """One session: events come in by `post`, `serve` moves the life cycle and carries its actions out."""

    def __init__(self, link: Link, config: Config, opened: Opened) -> None:
        self._link = link
        self._config = config
        self._opened = opened
        self._id = new_session_id()
        self._host_key = asyncssh.generate_private_key("ssh-ed25519")
        self._log = Log()
        self._lifecycle = Lifecycle()
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._started = time.monotonic()
        self._deadline = self._started + config.timeout
        self._ends_at = time.time() + config.timeout
        self._next_heartbeat = self._started + config.heartbeat
        self._verdict = "-"
        self._end_detail = ""
        self._way: Direct | Relayed | None = None
        self._logged_in_at: dict[int, float] = {}
        self._program = os.path.abspath(sys.argv[0])
        self._workshop = Workshop(
            self._id,
            config.environment,
            os.path.dirname(self._program),
        )
        self._host = Host(self._door(), self._workshop, self)

    # The loop.

    async def serve(self) -> None:
        """Open the doors, then follow the life cycle to its end."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(OncePerKind())
        loop.add_reader(self._link.fileno(), self._hear_keeper)
        acceptor = await listen(self._host, self._host_key)
        async with contextlib.AsyncExitStack() as doors:
            await self._open_control(acceptor, doors)
            if self._config.relay is None:
                await self._open_port(acceptor, doors)
            else:
                await self._dial(acceptor, doors)
            event = None
            while event is not Event.GOODBYE:
                event = await self._next_event()
                for action in self._lifecycle.handle(event):
                    await self._do(action)
            self._host.close("the session is over")
            await self._log.flush(FLUSH_SECONDS)
            loop.remove_reader(self._link.fileno())

    async def _next_event(self) -> Event:
        """Wait for the next event, or for the first of the timers."""
        if self._lifecycle.state is State.ENDING:
            return await self._events.get()
        until = min(self._deadline, self._next_heartbeat)
        try:
            async with asyncio.timeout(max(until - time.monotonic(), 0)):
                return await self._events.get()
        except TimeoutError:
            return Event.TIMEOUT if until == self._deadline else Event.HEARTBEAT

    async def _do(self, action: Action) -> None:
        match action:
            case Action.ANNOUNCE:
                self._announce()
            case Action.HEARTBEAT:
                self._next_heartbeat = time.monotonic() + self._config.heartbeat
                left = duration(max(self._deadline - time.monotonic(), 0))
                self._log.say(f"the session is open: {self._presence()}; it ends in {left}")
            case Action.REPORT:
                self._report_end()
            case Action.VERDICT:
                await asyncio.sleep(LAST_WORDS_SECONDS)
                self._workshop.hang_up()
                self._link.send("verdict", self._verdict)

    # Ways in.

    def _door(self) -> Door:
        keys = self._config.authorized_keys
        return Door(self._id, asyncssh.import_authorized_keys(keys) if keys is not None else None)

    async def _open_control(self, acceptor: Acceptor, doors: contextlib.AsyncExitStack) -> None:
        name = "\0" + socket_name(os.getppid())
        try:
            server = await asyncio.get_running_loop().create_unix_server(
                lambda: Control(self._answer, acceptor.protocol_factory), name
            )
        except OSError as error:  # another user sits on the name
            self._log.say(
                f"`agent status`, `resume` and `connect` do not work in this session: {error.strerror}"
            )
            return
        doors.callback(server.close)

    async def _open_port(self, acceptor: Acceptor, doors: contextlib.AsyncExitStack) -> None:
        host, port = self._config.listen
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(acceptor.protocol_factory, host, port)
        except OSError as error:
            self._log.say(
                f"cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}); choose another --listen"
            )
            self._events.put_nowait(Event.NO_PORT)
            return
        doors.callback(server.close)
        self._way = Direct(host, server.sockets[0].getsockname()[1], self._config.authorized_keys is not None)
        self._events.put_nowait(Event.REACHABLE)

    async def _dial(self, acceptor: Acceptor, doors: contextlib.AsyncExitStack) -> None:
        config = self._config
        assert config.relay is not None
        tunnel = ClientTunnel(
            Registration(
                self._id,
                new_owner_secret(),
                build=label(config.build),
                step=label(config.step),
                node=label(config.node),
                url=label(config.url),
                host_key=self._host_key.export_public_key().decode().strip(),
            ),
            on_stream=acceptor.accept,
            on_message=self._hear_relay,
        )
        dialler = Dialler(
            Relay(config.relay, config.token or "", config.ca_file),
            tunnel,
            first_welcome_seconds=config.connect_timeout,
            on_welcome=self._welcomed,
            on_trouble=lambda trouble: self._log.say(f"relay: {trouble}"),
        )
        dialling = asyncio.create_task(self._keep_dialling(dialler))

        async def farewell() -> None:
            tunnel.close("the session is over")
            await asyncio.wait((dialling,), timeout=FAREWELL_SECONDS)
            dialling.cancel()
            await asyncio.gather(dialling, return_exceptions=True)

        doors.push_async_callback(farewell)

    async def _keep_dialling(self, dialler: Dialler) -> None:
        try:
            await dialler.run()
        except RelayError as error:
            self._log.say(f"relay: {error}; so there is no session")
            self._events.put_nowait(Event.UNREACHABLE)

    def _welcomed(self, welcome: Welcome) -> None:
        reception = welcome.reception
        self._way = Relayed(
            reception.account, reception.ssh_host, reception.ssh_port, reception.ssh_fingerprint
        )
        self._events.put_nowait(Event.REACHABLE)

    # What we hear.

    def _hear_keeper(self) -> None:
        match self._link.receive():
            case None:
                guard.keeper_died()
            case ("goodbye", *reason):
                if reason != ["-"]:
                    self._end_detail = " ".join(reason)
                self._events.put_nowait(Event.GOODBYE)

    def _hear_relay(self, message: ControlMessage) -> None:
        if isinstance(message, Abort):
            self._end_detail = f"by the relay: {message.reason}"
            self._events.put_nowait(Event.RELAY_ABORT)

    def login(self, login: Login) -> None:
        """Somebody has logged in."""
        self._logged_in_at[login.number] = time.monotonic()
        self._log.say(f"login {login.number}: {login.guest.user or 'session id'} from {login.guest.address}")
        self._events.put_nowait(Event.LOGIN)

    def logout(self, login: Login) -> None:
        """Somebody has left."""
        stayed = duration(time.monotonic() - self._logged_in_at.pop(login.number))
        self._log.say(f"logout {login.number}: {login.guest.user or 'session id'} after {stayed}")
        if not self._host.logins:
            self._events.put_nowait(Event.LAST_LOGOUT)

    # What we say.

    def _announce(self) -> None:
        assert self._way
        for line in section(
            announcement(
                self._config.step,
                self._opened,
                way=self._way,
                session=self._id,
                program=self._program,
                host_key=self._host_key,
                timeout=self._config.timeout,
                ends_at=self._ends_at,
            )
        ):
            self._log.show(line)
        if self._host.logins:
            self._events.put_nowait(Event.LOGIN)

    def _report_end(self) -> None:
        end = self._lifecycle.end
        assert end
        why = end.value + (f" ({self._end_detail})" if self._end_detail else "")
        own = outcome(self._opened.status)
        verdict = (
            f"the step's own verdict: {own}"
            if self._verdict == "-"
            else f"exit code {self._verdict}, the step's own: {own}"
        )
        line = f"the session is over after {duration(time.monotonic() - self._started)}: {why}; {verdict}"
        self._log.say(line)
        self._host.tell(f"holdfast: {line}")

    def _presence(self) -> str:
        count = len(self._host.logins)
        return f"{count} login{'' if count == 1 else 's'}" if count else "nobody is logged in"

    # What people ask.

    def _answer(self, request: Mapping[str, Any]) -> Answer:
        match request:
            case {"command": "status"}:
                facts = status(
                    self._id,
                    state=self._lifecycle.state.value,
                    step=self._opened.status,
                    left=self._deadline - time.monotonic(),
                    host=self._host,
                    workshop=self._workshop,
                )
                return {"ok": True, **facts}
            case {"command": "resume", "verdict": verdict} if verdict is None or verdict in range(256):
                if self._lifecycle.state is State.ENDING:
                    return {"ok": False, "error": "the session is ending already"}
                self._verdict = "-" if verdict is None else str(int(verdict))
                self._events.put_nowait(Event.RESUMED)
                return {"ok": True}
        return {"ok": False, "error": "this agent does not know that command"}
