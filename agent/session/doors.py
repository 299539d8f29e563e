"""The ways into a session: the control socket, a port of our own, the relay."""

import asyncio
import contextlib
import os
from collections.abc import Callable

import asyncssh

from agent.config import Config
from agent.session.control import Control, Desk, socket_name
from agent.session.dial import Dialler, Relay
from agent.session.errors import RelayError
from agent.session.identity import new_owner_secret
from agent.session.lifecycle import Event
from agent.session.section import Direct, Relayed
from tunnel.adapter import Acceptor
from tunnel.connection import ClientTunnel
from tunnel.messages import ControlMessage, Registration, SessionState, Welcome, label

FAREWELL_SECONDS = 4.0
HURRIED_SECONDS = 1.0
"""Time to say goodbye to the relay; the keeper waits for 10 s, or for 2 where somebody aborts."""


class Doors:
    """Opens the ways in, and closes them all; `way` is the one to announce, once it is known."""

    def __init__(
        self,
        config: Config,
        acceptor: Acceptor,
        *,
        post: Callable[[Event], None],
        say: Callable[[str], None],
        hear_relay: Callable[[ControlMessage], None],
    ) -> None:
        self.way: Direct | Relayed | None = None
        self._config = config
        self._acceptor = acceptor
        self._post = post
        self._say = say
        self._hear_relay = hear_relay
        self._stack = contextlib.AsyncExitStack()
        self._tunnel: ClientTunnel | None = None
        self._dialler: Dialler | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._patience = FAREWELL_SECONDS

    async def close(self, *, hurried: bool) -> None:
        """Close them."""
        self._patience = HURRIED_SECONDS if hurried else FAREWELL_SECONDS
        await self._stack.aclose()

    async def open_control(self, desk: Desk) -> None:
        """Listen on the control socket; without one the session goes on."""
        name = "\0" + socket_name(os.getppid())
        try:
            server = await asyncio.get_running_loop().create_unix_server(
                lambda: Control(desk, self._acceptor.protocol_factory), name
            )
        except OSError as error:  # another user sits on the name
            self._say(f"`agent status`, `resume` and `connect` do not work in this session: {error.strerror}")
            return
        self._stack.callback(server.close)

    async def open_port(self) -> None:
        """Listen where --listen says."""
        host, port = self._config.listen
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(self._acceptor.protocol_factory, host, port)
        except OSError as error:
            self._say(
                f"cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}); choose another --listen"
            )
            self._post(Event.NO_PORT)
            return
        self._stack.callback(server.close)
        self.way = Direct(host, server.sockets[0].getsockname()[1], self._config.authorized_keys is not None)
        self._post(Event.REACHABLE)

    def open_relay(
        self, session: str, host_key: asyncssh.SSHKey, state: SessionState, *, patience: float | None
    ) -> None:
        """Dial the relay; `patience` is how many seconds its first welcome may take, None: for ever."""
        config = self._config
        self._tunnel = ClientTunnel(
            Registration(
                session,
                new_owner_secret(),
                build=label(config.build),
                step=label(config.step),
                node=label(config.node),
                url=label(config.url),
                state=state,
                host_key=host_key.export_public_key().decode().strip(),
            ),
            on_stream=self._acceptor.accept,
            on_message=self._hear_relay,
        )
        self._dial(patience)
        self._stack.push_async_callback(self._farewell)

    def hurry(self) -> None:
        """Somebody waits for the relay now, which was dialled in standby: its first welcome has to come in time."""
        if self._dialling and self._dialling.done():
            self._dial(self._config.connect_timeout)
        elif self._dialler:
            self._dialler.hurry(self._config.connect_timeout)

    def tell_state(self, state: SessionState) -> None:
        """Tell the relay what the session is now."""
        if self._tunnel:
            self._tunnel.set_state(state)

    def _dial(self, patience: float | None) -> None:
        config = self._config
        assert config.relay is not None
        assert self._tunnel is not None
        self._dialler = Dialler(
            Relay(config.relay, config.token or "", config.ca_file),
            self._tunnel,
            first_welcome_seconds=patience,
            on_welcome=self._welcomed,
            on_trouble=lambda trouble: self._say(f"relay: {trouble}"),
        )
        self._dialling = asyncio.create_task(self._keep_dialling(self._dialler))

    async def _keep_dialling(self, dialler: Dialler) -> None:
        try:
            await dialler.run()
        except RelayError as error:
            self._say(f"relay: {error}; so there is no session")
            self._post(Event.UNREACHABLE)

    def _welcomed(self, welcome: Welcome) -> None:
        reception = welcome.reception
        self.way = Relayed(
            reception.account, reception.ssh_host, reception.ssh_port, reception.ssh_fingerprint
        )
        self._post(Event.REACHABLE)

    async def _farewell(self) -> None:
        assert self._tunnel
        assert self._dialling
        self._tunnel.close("the session is over")
        await asyncio.wait((self._dialling,), timeout=self._patience)
        self._dialling.cancel()
        await asyncio.gather(self._dialling, return_exceptions=True)
