"""Who is at the door: where a connection comes from, and whom it is let in as."""

import hmac
import os
import socket
import struct
from dataclasses import dataclass
from typing import Any

LOOPBACK = "loopback"
"""A TCP connection to the agent's own port."""
CONNECT = "connect"
"""`agent connect`, over the control socket: its process was checked by the kernel's word."""
BRIDGE = "bridge"
"""A stream of the tunnel, whose user the relay has authenticated."""

_CREDENTIALS = struct.Struct("iII")
"""The kernel's `struct ucred`: pid, uid, gid."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """One connection: `user` is empty until it is known, `address` is for the log."""

    kind: str
    user: str
    address: str


def visitor(transport_info: Any) -> Visitor:
    """Tell who comes, from a transport's `get_extra_info`."""
    login = transport_info("login")
    if login is not None:
        return Visitor(BRIDGE, login.user, login.address)
    sock = transport_info("socket")
    if sock is not None and sock.family == socket.AF_UNIX:
        return Visitor(CONNECT, f"uid {peer(sock)[1]}", "this container")
    host, port, *_ = transport_info("peername") or ("?", "?")
    return Visitor(LOOPBACK, "", f"{host}:{port}")


def peer(sock: socket.socket) -> tuple[int, int, int]:
    """Return pid, uid and gid of a local socket's other end, as the kernel knows them."""
    pid, uid, gid = _CREDENTIALS.unpack(
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return pid, uid, gid


def trusted(pid: int, uid: int) -> bool:
    """Tell whether a local process may control this agent: our own user, or root.

    A root of another container in the same Pod shows up as uid 0, but with pid 0, for it has none in our PID
    namespace (tried; design §3.9): refused.
    """
    return pid > 0 and uid in (0, os.geteuid())


def same_secret(given: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())
