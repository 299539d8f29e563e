"""The bridge: two SSH connections between which the messages of the connection protocol pass unread.

The user's connection ends at the relay, and a second one goes to the agent. From then on a message with a
number from 80 to 127 (RFC 4254: channels and global requests) is decrypted with the one key and encrypted
with the other. Nothing in it is looked at, so every channel type and request arrives, also one that nobody
has invented yet, and no window, end of file or exit status needs to be kept here. Key exchange, also in the
middle of a transfer, and authentication stay asyncssh's.

asyncssh has no hook below its channels. So this file, and `tunnel/gcm.py`, use its inside, of exactly the
release that is pinned in pyproject.toml: what they override and rely on is listed in
`tests/relay/test_passthrough.py`, which fails when the text of any of it changes.

What a login may hold in memory is bounded by its transports, not by the windows of its channels: while one
side takes no more, or cannot send because it exchanges keys, the other is not read (`throttle`).
"""

import asyncio
import time

import asyncssh
from asyncssh.connection import SSHConnection
from asyncssh.constants import (
    DISC_CONNECTION_LOST,
    MSG_DISCONNECT,
    MSG_USERAUTH_FAILURE,
)
from asyncssh.packet import Boolean, NameList, SSHPacket

from relay.errors import BridgeFailed
from relay.packets import Packet, open_packets
from tunnel.gcm import Gcm
from tunnel.stream import Stream
from tunnel.tuning import SSH_OPTIONS, skip_ignores, take_over_ciphers

WRITE_LIMIT = 512 * 1024
"""Bytes that may wait for a user's TCP connection before the agent's stream is paused: two reads of asyncio,
so that a client that keeps up is never starved while the pause travels."""

VERSION_LIMIT = 200
"""Characters of a client's version that the agent is told: RFC 4253 §4.2 allows 245 of them."""

LINGER_SECONDS = 10.0
"""For a closed connection to send what was written before; a client that does not read never would."""

TOKEN_METHOD = b"token@holdfast"
"""What ssh shows after `Permission denied`. Names of one's own have an `@` (RFC 4251 §6)."""

_SEQUENCE_MASK = 0xFFFFFFFF


class Side(SSHConnection):
    """What both sides of a bridge do."""

    _peer: "Side | None" = None
    _congested = False
    _said_goodbye = False

    peer_is_gone = ""
    """What this side is told when the other was lost without a word."""

    def __repr__(self) -> str:
        state = "closed" if not self.is_open else "congested" if self._congested else "open"
        return f"<{type(self).__name__} {state}>"

    @property
    def is_open(self) -> bool:
        """Whether it has been neither lost nor closed."""
        return self._transport is not None

    def join(self, peer: "Side") -> None:
        """Pass everything on to `peer`, as soon as this side is authenticated."""
        self._peer = peer

    def part(self) -> None:
        """Pass nothing on any more, and do not close the other side with this one."""
        self._peer = None

    # Receiving

    def _recv_pkthdr(self) -> bool:
        """Pass on the packets that have arrived; one of another kind is asyncssh's. False: wait for more."""
        if self._peer is None or not self._auth_complete:
            return super()._recv_pkthdr()
        opener = self._recv_encryption
        assert isinstance(opener, Gcm)
        opened = open_packets(opener, self._inpbuf)
        self._inpbuf = self._inpbuf[opened.size :]
        self._recv_seq = (self._recv_seq + opened.count) & _SEQUENCE_MASK
        if opened.packets:
            self._auth_final = True
            self._peer.pass_on(opened.packets)
        return super()._recv_pkthdr() if opened.is_stopped else False

    # Sending

    def pass_on(self, packets: list[Packet]) -> None:
        """Send what the other side has received; kept back by asyncssh while keys are exchanged."""
        if self._transport is None:
            return
        if not self._can_send() or self._is_rekey_due():
            for _, plain in packets:
                self.send_packet(plain[1], plain[2 : -plain[0]])
            self.throttle()
            return
        sealer = self._send_encryption
        assert isinstance(sealer, Gcm)
        pieces: list[bytes] = []
        for header, plain in packets:
            pieces += header, sealer.seal(header, plain)
            self._rekey_bytes_sent += len(plain)
        self._send_seq = (self._send_seq + len(packets)) & _SEQUENCE_MASK
        self._transport.writelines(pieces)

    def _can_send(self) -> bool:
        return self._kex_complete and self._auth_complete

    def _is_rekey_due(self) -> bool:
        return self._rekey_bytes_sent >= self._rekey_bytes or (
            self._rekey_seconds > 0 and time.monotonic() >= self._rekey_time
        )

    def send_newkeys(self, k: bytes, h: bytes) -> None:
        """Change the keys, and take asyncssh's ciphers over with the counters where they stand."""
        super().send_newkeys(k, h)
        take_over_ciphers(self)
        self.throttle()

    # Back-pressure

    def pause_writing(self) -> None:
        """Stop reading the other side: this one's transport takes no more."""
        self._congested = True
        self.throttle()

    def resume_writing(self) -> None:
        """Read the other side again."""
        self._congested = False
        self.throttle()

    def throttle(self) -> None:
        """Read the other side only while this one can send."""
        if self._peer is not None:
            self._peer.set_reading(self._can_send() and not self._congested)

    def set_reading(self, wanted: bool) -> None:
        """Read from the network, or let it wait there."""
        if self._transport is None:
            return
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # Ending

    def _process_disconnect(self, pkttype: int, pktid: int, packet: SSHPacket) -> None:
        """Pass a disconnect on as it is, reason and all, before asyncssh closes this side."""
        if self._peer is not None:
            self._peer.say_goodbye(packet.get_remaining_payload())
        super()._process_disconnect(pkttype, pktid, packet)

    _packet_handlers = SSHConnection._packet_handlers | {MSG_DISCONNECT: _process_disconnect}  # noqa: SLF001

    def say_goodbye(self, payload: bytes) -> None:
        """Send a disconnect message, the first one only."""
        if not self._said_goodbye:
            self._said_goodbye = True
            self.send_packet(MSG_DISCONNECT, payload)

    def _send_disconnect(self, code: int, reason: str, lang: str) -> None:
        self._said_goodbye = True
        super()._send_disconnect(code, reason, lang)

    def _force_close(self, exc: Exception | None) -> None:
        """Close, but let go out what was written before; asyncssh would drop it."""
        transport, self._transport = self._transport, None
        if transport is None:
            return
        transport.close()
        self._loop.call_later(LINGER_SECONDS, transport.abort)
        self._loop.call_soon(self._cleanup, exc)

    def _cleanup(self, exc: Exception | None) -> None:
        """Close the other side too, for the same reason."""
        super()._cleanup(exc)
        peer, self._peer = self._peer, None
        if peer is not None and peer.is_open:
            peer.follow(exc)

    def follow(self, exc: Exception | None) -> None:
        """Close because the other side is gone, for the reason `exc` if it has one to tell."""
        if not self._said_goodbye:
            if isinstance(exc, asyncssh.DisconnectError) and not isinstance(exc, asyncssh.ConnectionLost):
                self._send_disconnect(exc.code, exc.reason, exc.lang)
            else:
                self._send_disconnect(DISC_CONNECTION_LOST, self.peer_is_gone, "en")
        self._force_close(exc)


class UserSide(Side, asyncssh.SSHServerConnection):
    """The connection of a user, who sees a server here."""

    peer_is_gone = "the session has ended, or its container cannot be reached"

    def __init__(self, options: asyncssh.SSHServerConnectionOptions) -> None:
        super().__init__(asyncio.get_running_loop(), options)
        skip_ignores(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake, with a bounded write buffer."""
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=WRITE_LIMIT)
        super().connection_made(transport)

    def send_userauth_failure(self, partial_success: bool) -> None:
        """Refuse the user, and name as the way in a method that no client has.

        With an empty list, as asyncssh would send it, OpenSSH tries all it knows and asks for a password.
        """
        self._auth = None
        self.send_packet(MSG_USERAUTH_FAILURE, NameList([TOKEN_METHOD]), Boolean(partial_success))

    async def send_userauth_success(self) -> None:
        """Let the user in, and the agent's messages out."""
        await super().send_userauth_success()
        self.throttle()


class AgentSide(Side, asyncssh.SSHClientConnection):
    """The connection to an agent, which sees a client here."""

    peer_is_gone = "the user's connection was lost"

    def __init__(self, options: asyncssh.SSHClientConnectionOptions) -> None:
        super().__init__(asyncio.get_running_loop(), options, wait="auth")
        skip_ignores(self)


async def bridge(user: UserSide, stream: Stream, login: str) -> None:
    """Open the agent's side on `stream`, which belongs to the bridge from now on, and join both.

    To be awaited before the user is let in. `login` is the user name that the agent is told.
    Raises BridgeFailed when the agent does not let the relay in, or the user has gone meanwhile.
    """
    options = asyncssh.SSHClientConnectionOptions(
        host="agent",
        username=login,
        # The agent's sftp makes allowances for some clients: it must know whom it really talks to.
        client_version=user.get_extra_info("client_version").removeprefix("SSH-2.0-")[:VERSION_LIMIT],
        # Who is at the other end is known already: it showed the agent's token when it opened the tunnel.
        known_hosts=None,
        client_keys=None,
        agent_path=None,
        gss_host=None,
        config=None,
        login_timeout=0,  # the caller has one
        **SSH_OPTIONS,
    )
    options.waiter = asyncio.get_running_loop().create_future()
    agent = AgentSide(options)
    agent.join(user)
    try:
        stream.start(agent)
        await options.waiter
    except asyncssh.Error as error:
        agent.part()
        raise BridgeFailed(str(error)) from error
    except BaseException:
        agent.part()
        agent.abort()
        raise
    if not user.is_open:
        agent.part()
        agent.close()
        raise BridgeFailed("the user went away")
    user.join(agent)
    agent.throttle()
