"""What the build notices: how soon the way in is known, and what waiting for a failure costs."""

import shlex
import time
from collections.abc import Mapping, Sequence

from bench.files import Files
from bench.lab import FAILING_STEP
from bench.peers import Peer
from bench.processes import memory_mib, server_side
from bench.results import Values
from bench.scale import Scale
from bench.terminal import logged_in
from examples.programs import running

WAITING_STEP = ("sh", "-c", "echo running; exec sleep 600")


def measure_opening(peer: Peer, _files: Files, scale: Scale) -> Values:
    """From the step's failure to the line that says how to log in."""
    opener = peer.opener
    if opener.wraps_step:
        argv = [*opener.argv, *FAILING_STEP]
    else:
        argv = ["sh", "-c", f"{shlex.join(FAILING_STEP)}; exec {shlex.join(opener.argv)}"]
    return {"opening_ms": time_openings(argv, opener.pattern, scale.openings)}


def time_openings(
    argv: Sequence[str], pattern: str, times: int, environment: Mapping[str, str] | None = None
) -> list[float]:
    """Start what runs FAILING_STEP so many times; returns ms from its failure to the line of this pattern."""
    taken = []
    for _ in range(times):
        with running(argv, env=environment) as program:
            failed = program.wait_for(r"^(\d+)$")
            program.wait_for(pattern)
            taken.append(time.monotonic() * 1000 - int(failed[1]) / 1e6)
    return taken


def measure_memory(peer: Peer, _files: Files, _scale: Scale) -> Values:
    """Of what waits in the build container: while the step runs, and with one terminal open."""
    values = {}
    if peer.opener.wraps_step:
        with running([*peer.opener.argv, *WAITING_STEP]) as program:
            program.wait_for("^running$")
            values["running_mib"] = [memory_mib(server_side([program.pid]))]
    with logged_in(peer.ssh()):
        values["session_mib"] = [memory_mib(server_side(peer.in_build))]
    return values


def measure_memory_after(peer: Peer, _files: Files, _scale: Scale) -> Values:
    """Of the same when everything else has been measured: what bulk data leaves behind."""
    with logged_in(peer.ssh()):
        return {"session_after_mib": [memory_mib(server_side(peer.in_build))]}
