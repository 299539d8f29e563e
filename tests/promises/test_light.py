"""While the step runs, the agent is two small processes that have loaded next to nothing."""

import os
import re
import subprocess

import pytest

LIMIT_KIB = 12 * 1024
"""Sum of Pss of keeper and sleeping session process."""

ALLOWED = {"_ctypes", "_signal", "gc", "os", "select", "stat", "sys", "time"}
"""Beside our own modules, and what every interpreter has loaded before it reads the first line of ours."""


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(r"^Pss:\s+(\d+) kB", file.read(), re.MULTILINE)[1])


@pytest.mark.rule(5)
def test_memory(launch, session_process, record_property):
    run = launch("--", "sh", "-c", "echo ready; read -r _; exit 0")
    run.until("ready")
    keeper, session = pss_kib(run.pid), pss_kib(session_process(run.pid))
    record_property("pss_kib", keeper + session)
    print(f"keeper {keeper} KiB, session process {session} KiB, together {keeper + session} KiB (Pss)")
    assert keeper + session <= LIMIT_KIB
    run.type(b"\n")
    assert run.wait() == 0


def imported(words):
    """Return the names of all modules that a command line imported, with those of the processes it forked."""
    report = subprocess.run(words, capture_output=True, text=True, check=True, timeout=20).stderr
    return {
        line.rpartition("|")[2].strip() for line in report.splitlines() if line.startswith("import time:")
    }


@pytest.mark.source
@pytest.mark.rule(5)
def test_modules(agent, nothing_left):
    """What a whole passing run imports, in the keeper as in the session process, beside a bare start."""
    timed = [os.path.join(os.path.dirname(agent), "python"), "-X", "importtime"]
    bare = imported([*timed, "-c", "pass"])
    ours = imported([*timed, agent, "run", "--", "true"]) - bare
    assert {name for name in ours if name.partition(".")[0] != "agent"} <= ALLOWED
    assert "agent.session.app" not in ours
