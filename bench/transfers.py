"""Bulk data: exec in both directions, sftp get and put."""

import fcntl
import filecmp
import os
import subprocess
import time

from bench.errors import BenchError
from bench.files import Files
from bench.peers import Peer
from bench.results import Values
from bench.scale import Scale

SECONDS = 120.0
"""For one transfer of a few hundred MB; the slowest peer takes four seconds."""

READ_SIZE = 1 << 20
"""Bytes: also the size that the pipe is set to, Linux' limit for ordinary users."""


def measure_exec(peer: Peer, files: Files, _scale: Scale) -> Values:
    """`ssh HOST cat FILE` read to its end, and the same data into `ssh HOST wc -c`."""
    down, up = _exec_down(peer, files), _exec_up(peer, files)
    return {"exec_down_mb_s": [files.size / 1e6 / down], "exec_up_mb_s": [files.size / 1e6 / up]}


def _exec_down(peer: Peer, files: Files) -> float:
    begun = time.monotonic()
    received = 0
    with subprocess.Popen(
        peer.ssh(f"cat {files.data}"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0
    ) as client:
        assert client.stdout is not None  # asked for above
        try:
            fcntl.fcntl(client.stdout, fcntl.F_SETPIPE_SZ, READ_SIZE)
            while data := os.read(client.stdout.fileno(), READ_SIZE):
                received += len(data)
                if time.monotonic() - begun > SECONDS:
                    raise BenchError(f"exec download took more than {SECONDS:g} s")
            status = client.wait(SECONDS)
        finally:
            client.kill()
    if (status, received) != (0, files.size):
        raise BenchError(f"exec download: exit {status}, {received} of {files.size} bytes")
    return time.monotonic() - begun


def _exec_up(peer: Peer, files: Files) -> float:
    with open(files.data, "rb") as data:
        begun = time.monotonic()
        done = subprocess.run(
            peer.ssh("wc -c"), stdin=data, capture_output=True, timeout=SECONDS, check=False
        )
        taken = time.monotonic() - begun
    if done.stdout.split() != [str(files.size).encode()]:
        raise BenchError(f"exec upload: exit {done.returncode}, {done.stdout!r}, {done.stderr[-300:]!r}")
    return taken


def measure_sftp(peer: Peer, files: Files, _scale: Scale) -> Values:
    """`get` and `put`, each by an sftp of its own: the time includes the login."""
    values = {}
    for figure, subsystem in peer.sftp_subsystems.items():
        for direction in ("get", "put"):
            target = os.path.join(files.directory, direction)
            try:
                taken = _sftp(peer, subsystem, f"{direction} {files.data} {target}\n")
                if not filecmp.cmp(files.data, target, shallow=False):
                    raise BenchError(f"sftp {direction}: what arrived differs")
            finally:
                if os.path.exists(target):
                    os.unlink(target)
            values[f"{figure}_{direction}_mb_s"] = [files.size / 1e6 / taken]
    return values


def _sftp(peer: Peer, subsystem: str, batch: str) -> float:
    begun = time.monotonic()
    done = subprocess.run(
        peer.sftp(subsystem), input=batch.encode(), capture_output=True, timeout=SECONDS, check=False
    )
    if done.returncode:
        raise BenchError(f"sftp: exit {done.returncode}: {done.stderr[-300:]!r}")
    return time.monotonic() - begun
