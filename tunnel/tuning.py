"""What both ends ask of asyncssh beyond its public options.

asyncssh is pinned to one release; the attributes used here, and those of `relay/passthrough.py`, are all that
we know of its inside, and `tests/tunnel/test_tuning.py` fails when they change.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import asyncssh
from asyncssh.constants import DEFAULT_LANG, MSG_CHANNEL_CLOSE, MSG_DISCONNECT, MSG_IGNORE
from asyncssh.packet import SSHPacket, String, UInt32

from tunnel.gcm import Gcm

ENCRYPTION = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
"""Ciphers that we offer. The client's order wins, and OpenSSH before 9.9 puts chacha20-poly1305 and AES-CTR
first, which cost Python up to half the throughput: so they are not offered. GCM is known to OpenSSH since
6.2, PuTTY 0.81, libssh2 1.11, Paramiko 3.5."""

KEY_EXCHANGE = ("curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256")
"""Key exchanges, fastest first: a login pays for one, through a relay for two."""

SERVER_VERSION = "OpenSSH_Holdfast"
"""How our servers name themselves. OpenSSH's client tells only its like that its output is not read any more;
without that `ssh SESSION yes | head -1` never ends."""

SSH_OPTIONS: dict[str, Any] = {
    "encryption_algs": ENCRYPTION,
    "kex_algs": KEY_EXCHANGE,
    "compression_algs": None,
    "keepalive_interval": 0,  # the tunnel, or TCP, notices a dead peer
}
"""Options for `asyncssh.listen` and `asyncssh.connect` on both ends."""

Connection = asyncssh.SSHServerConnection | asyncssh.SSHClientConnection


def provide_user() -> None:
    """Give asyncssh the home and the user's name that it asks for.

    It fails where a UID has neither a HOME nor a passwd entry, as in a container often.
    """
    os.environ.setdefault("HOME", "/")
    os.environ.setdefault("LOGNAME", str(os.getuid()))


def skip_ignores(connection: Connection) -> None:
    """Stop sending SSH_MSG_IGNORE before each packet.

    asyncssh does so against an attack on CBC ciphers (RFC 4251 §9.3.1), which we do not offer; it doubles the
    number of packets.
    """
    send_packet = connection.send_packet

    def send_unless_ignore(pkttype: int, *args: bytes, handler: Any = None) -> None:
        if pkttype != MSG_IGNORE:
            send_packet(pkttype, *args, handler=handler)

    connection.send_packet = send_unless_ignore  # type: ignore[method-assign]


def disconnect(connection: Connection, code: int, reason: str) -> None:
    """Disconnect, and see to it that the reason is read.

    asyncssh's own closes the channels first, and ssh leaves with its last channel: most users would never see why.
    """
    connection.send_packet(MSG_DISCONNECT, UInt32(code), String(reason), String(DEFAULT_LANG))
    connection.disconnect(code, reason)


def speed_up(connection: Connection) -> None:
    """Replace asyncssh's AES-GCM by our own, whenever keys are exchanged: half the time of a small packet."""
    send_newkeys = connection.send_newkeys

    def send_newkeys_and_take_over(k: bytes, h: bytes) -> None:
        send_newkeys(k, h)
        take_over_ciphers(connection)

    connection.send_newkeys = send_newkeys_and_take_over  # type: ignore[method-assign]


def take_over_ciphers(connection: Any) -> None:
    """Go on with our own ciphers where asyncssh's stand, right after its `send_newkeys`."""
    connection._send_encryption = Gcm.taking_over(connection._send_encryption)  # noqa: SLF001  (see the top)
    next_one = Gcm.taking_over(connection._next_recv_encryption)  # noqa: SLF001
    connection._next_recv_encryption = next_one  # noqa: SLF001


def when_congested(connection: Connection, callback: Callable[[bool], None]) -> None:
    """Call back with True when the peer's transport takes no more, and with False when it does again.

    asyncssh ignores its transport's wish to pause, so that a peer that does not read, but claims windows
    of 4 GiB, would make it buffer all of that.
    """
    connection.pause_writing = partial(callback, True)  # type: ignore[method-assign]
    connection.resume_writing = partial(callback, False)  # type: ignore[method-assign]


def when_reader_gone(channel: "asyncssh.SSHServerChannel[bytes]", callback: Callable[[], None]) -> None:
    """Call back when the client says that nobody reads its output any more.

    That is OpenSSH's `eow@openssh.com` (its PROTOCOL, 2.1), sent only to a `SERVER_VERSION` of its own kind.
    """

    def process_request(packet: SSHPacket) -> bool:
        packet.check_end()
        callback()
        return True

    # asyncssh looks its handlers up by name: an attribute of the channel is one of them.
    name = "_process_eow_at_openssh_dot_com_request"
    setattr(channel, name, process_request)


def when_closed_by_peer(channel: Any, callback: Callable[[], None]) -> None:
    """Call back when the peer closes a channel, also while it is not read.

    asyncssh tells its session only once all that came before was delivered, and it may be we who let that wait.
    """
    handlers = channel._packet_handlers  # noqa: SLF001  (see the top)
    process_close = handlers[MSG_CHANNEL_CLOSE]

    def process_close_and_tell(chan: Any, pkttype: int, pktid: int, packet: SSHPacket) -> None:
        process_close(chan, pkttype, pktid, packet)
        callback()

    channel._packet_handlers = handlers | {MSG_CHANNEL_CLOSE: process_close_and_tell}  # noqa: SLF001


def accept_any_command(channel: Any) -> None:
    """Take commands with bytes that are not UTF-8, as sshd does; they become surrogates (PEP 383)."""

    def process_exec_request(packet: SSHPacket) -> Any:
        command = packet.get_string().decode("utf-8", "surrogateescape")
        packet.check_end()
        return channel._start_session(command=command)  # noqa: SLF001

    channel._process_exec_request = process_exec_request  # noqa: SLF001


def channel_count(connection: Connection) -> int:
    """Return how many channels are open on a connection, those of forwardings among them."""
    return len(connection._channels)  # noqa: SLF001  (see the module's docstring)


def silence() -> None:
    """Keep asyncssh from logging: its records hold user names, in which we carry tokens."""
    asyncssh.set_log_level("CRITICAL")
    asyncssh.set_sftp_log_level("CRITICAL")
