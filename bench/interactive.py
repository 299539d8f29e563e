"""What a person at a terminal notices: login, echo, a flood of text, and ^C in one."""

import random
import time

from bench.errors import BenchError
from bench.files import Files
from bench.peers import Peer
from bench.processes import cpu_seconds, server_side
from bench.results import Values
from bench.scale import TEXT_MB, Scale
from bench.terminal import Marker, Terminal, logged_in, plain

LETTERS = b"QZXJKVWY"
"""None of them is in a prompt or an escape sequence."""

LINE = 32
"""Letters before a new line is begun, so that no line wraps."""

ECHO_SECONDS = 3.0
KEY_PAUSE = (0.015, 0.045)
"""Seconds between keys: faster than anybody types, slow enough that each finds an idle server."""

TEXT_SECONDS = 120.0


def measure_login(peer: Peer, _files: Files, scale: Scale) -> Values:
    """From the start of ssh to the prompt of a fresh shell."""
    taken = []
    for _ in range(scale.logins):
        terminal = Terminal(peer.ssh())
        try:
            taken.append((terminal.wait_prompt() - terminal.started) * 1000)
            terminal.leave()
        finally:
            terminal.close()
    return {"login_ms": taken}


def measure_echo(peer: Peer, _files: Files, scale: Scale) -> Values:
    """From a key to its echo by the far PTY, under `cat`: no line editor takes part."""
    pauses = random.Random(7)  # the same for every peer
    taken = []
    with logged_in(peer.ssh()) as terminal:
        terminal.send(" clear; cat >/dev/null\r")
        terminal.settle()
        for count in range(scale.echoes):
            if count % LINE == LINE - 1:
                terminal.send(b"\r")
                terminal.settle()
            letter = LETTERS[count % len(LETTERS)]
            taken.append(_echo(terminal, bytes([letter])) * 1000)
            time.sleep(pauses.uniform(*KEY_PAUSE))
        terminal.send(b"\x03")
        terminal.settle()
    return {"echo_ms": taken}


def _echo(terminal: Terminal, letter: bytes) -> float:
    seen = b""
    pressed = time.monotonic()
    terminal.send(letter)
    while letter not in plain(seen):
        left = pressed + ECHO_SECONDS - time.monotonic()
        if left <= 0:
            raise BenchError(f"no echo in {ECHO_SECONDS:g} s")
        seen += terminal.read(left)
    return time.monotonic() - pressed


def measure_text(peer: Peer, files: Files, _scale: Scale) -> Values:
    """`cat` of a text file, and what that costs the servers."""
    marker = Marker()
    with logged_in(peer.ssh()) as terminal:
        terminal.send(" clear\r")
        terminal.settle()
        servers = server_side(peer.servers)
        used = cpu_seconds(servers)
        begun = time.monotonic()
        terminal.send(f" cat {files.text}; echo {marker.expression}\r")
        taken = terminal.wait_marker(marker, TEXT_SECONDS) - begun
        used = cpu_seconds(servers) - used
    return {"text_mb_s": [TEXT_MB / taken], "text_cpu_s": [used]}


def measure_interrupt(peer: Peer, _files: Files, scale: Scale) -> Values:
    """From ^C in a flood of text to the word that the shell says next."""
    marker = Marker()
    with logged_in(peer.ssh()) as terminal:
        terminal.send(f" (trap 'echo {marker.expression}; exit' INT; yes {'y' * 78})\r")
        until = time.monotonic() + scale.flood_seconds
        while time.monotonic() < until:
            terminal.read(0.5)
        pressed = time.monotonic()
        terminal.send(b"\x03")
        taken = terminal.wait_marker(marker, TEXT_SECONDS) - pressed
        terminal.settle()
    return {"interrupt_ms": [taken * 1000]}
