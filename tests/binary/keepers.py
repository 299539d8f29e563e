"""The keeper in C by itself, built in a moment: as it is, for other margins, under sanitizers, with another `main`.

And when what was started with it has come to rest.
"""

import os
import select
import subprocess
import sys
import time

from tests.binary.conftest import REPOSITORY
from tests.promises.conftest import _marked

STANDALONE = os.path.join(REPOSITORY, "packaging", "launcher", "standalone.py")
SETTLE_SECONDS = 10
LOOK_SECONDS = 0.01
SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def build(path, *constants, flags=(), main="standalone.c", compiler=None):
    """Compile it into `path`; returns that."""
    subprocess.run(
        [sys.executable, STANDALONE, str(path), *constants, f"--main={main}", "--", *flags],
        env={**os.environ, **({"CC": compiler} if compiler else {})},
        check=True,
    )
    return str(path)


def settle(name):
    """Wait until all that a run has started sleeps, with no signal to act upon, and two looks show the same."""
    before, deadline = None, time.monotonic() + SETTLE_SECONDS
    while (now := [standing(pid) for pid in _marked(name)]) != before or None in now:
        assert time.monotonic() < deadline, f"no rest: {[command(pid) for pid in _marked(name)]}"
        before = now
        select.select([], [], [], LOOK_SECONDS)


def standing(pid):
    """Return what changes with whatever a process does; None while it is busy, or about to be."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            told = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    except (FileNotFoundError, ProcessLookupError):
        return None
    state = told["State"][0]
    if state in "RD" or (state == "S" and (int(told["SigPnd"], 16) or int(told["ShdPnd"], 16))):
        return None
    return pid, state, told.get("voluntary_ctxt_switches"), told.get("nonvoluntary_ctxt_switches")


def command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace")[:60]
    except OSError:
        return ""
