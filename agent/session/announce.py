"""Gathers what the "Wait for SSH" section says."""

import dataclasses
import os
import socket
import time
from ipaddress import ip_address

import asyncssh

from agent.config import Config
from agent.session.asleep import StepState
from agent.session.inspect.questions import BASH
from agent.session.inspect.records import Report
from agent.session.place import MARKS, runner
from agent.session.section import Announcement, Direct, Relayed, connect_line, outcome


def announcement(
    config: Config,
    step: StepState,
    report: Report,
    *,
    way: Direct | Relayed,
    session: str,
    program: str,
    host_key: asyncssh.SSHKey,
    timeout: float,
    ends_at: float,
) -> Announcement:
    """Return the section's content; `timeout` in seconds from now, `ends_at` in seconds since the epoch."""
    return Announcement(
        step=config.step,
        state=step.name,
        outcome=outcome(step.status),
        elapsed=step.elapsed_ms / 1000,
        failed_at=report.place,
        interpreter=(config.shell or BASH) if step.name == "reported" else "",
        way=reachable(way),
        session=session,
        connect=_connect_line(program, session) if isinstance(way, Direct) else "",
        fingerprint=f"ED25519 {host_key.get_fingerprint()}",
        timeout=timeout,
        ends_at=time.strftime("%H:%M:%S UTC", time.gmtime(ends_at)),
    )


def reachable(way: Direct | Relayed) -> Direct | Relayed:
    """Return the way with this machine's name in place of an address that means all of its own."""
    if isinstance(way, Direct) and _is_wildcard(way.host):
        return dataclasses.replace(way, host=socket.gethostname())
    return way


def _is_wildcard(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:  # a name
        return False


def _connect_line(program: str, session: str) -> str:
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
            mountinfo = mounts.read()
    except OSError:
        mountinfo = ""
    marked = any(os.path.exists(name) for name in MARKS)
    found = runner(mountinfo, os.environ, socket.gethostname(), os.getuid(), marked=marked)
    return connect_line(found, program, session) if found else ""
