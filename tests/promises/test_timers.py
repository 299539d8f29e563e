"""Every timer with its option: what it ends, what the log calls it, and what stops it."""

import os
import re
import signal
import time

import pytest

FAILING = ("--", "sh", "-c", "exit 7")
LATE = "the step ended within the last 15 s of its --step-timeout"


def ends_named(run, end):
    """The agent ends by itself, with the step's own code, and the log says why."""
    assert run.wait() == 7
    (line,) = re.findall(r"^holdfast: the session is over after .*", run.rest(), re.MULTILINE)
    assert f": {end}; the step's own verdict: exit code 7" in line
    return line


def test_each_ends_a_hold(launch):
    nowhere = {"HOLDFAST_TOKEN": "none-that-counts"}
    runs = [
        ("timeout", launch("--timeout", "1s", *FAILING)),
        ("step-timeout", launch("--step-timeout", "17s", *FAILING)),
        ("first-login", launch("--first-login", "1s", *FAILING)),
        ("idle", launch("--idle", "1s", *FAILING)),
        (
            "relay-unreachable",
            launch("--relay", "ws://127.0.0.1:1", "--connect-timeout", "1s", *FAILING, env=nowhere),
        ),
    ]
    for end, run in runs:
        ends_named(run, end)


def test_aborted_and_resumed_are_named_as_well(launch, ssh):
    aborted, resumed = launch(*FAILING), launch(*FAILING)
    aborted.until("Wait for SSH")
    aborted.signal(signal.SIGTERM)
    assert ssh(resumed, "agent resume").wait() == 0
    ends_named(aborted, "aborted (SIGTERM)")
    ends_named(resumed, "resumed")


def test_variables_and_options(launch):
    """The environment sets them, and the command line goes before it."""
    runs = [
        ("timeout", launch("--timeout", "1s", *FAILING, env={"HOLDFAST_TIMEOUT": "1h"})),
        ("first-login", launch(*FAILING, env={"HOLDFAST_FIRST_LOGIN": "1s"})),
        ("idle", launch(*FAILING, env={"HOLDFAST_IDLE": "1s"})),
    ]
    for end, run in runs:
        ends_named(run, end)


def test_a_heartbeat_keeps_watchdogs_quiet(launch):
    run = launch("--heartbeat", "1s", "--timeout", "1h", *FAILING)
    run.until("holdfast: the session is open: nobody is logged in; it ends in 59 min", times=2)
    run.signal(signal.SIGTERM)
    ends_named(run, "aborted (SIGTERM)")


# The runner's own limit


def test_step_timeout_counts_from_the_steps_start(launch):
    """15 s before it the hold ends: of 17.5 s a step that takes one leaves none of more than a second."""
    began = time.monotonic()
    run = launch("--step-timeout", "18s", "--", "sh", "-c", "sleep 1; exit 7")
    run.until("Wait for SSH")
    assert re.search(r"ends after [012]\.\d s,", run.until("by `agent resume`"))
    ends_named(run, "step-timeout")
    assert 3 <= time.monotonic() - began < 3 + 10


@pytest.mark.parametrize("when", ["failure", "always"])
def test_no_session_opens_in_the_last_15_seconds(launch, when):
    ending = "exit 7" if when == "failure" else "exit 0"
    run = launch("--when", when, "--step-timeout", "16s", "--", "sh", "-c", f"sleep 1.2; {ending}")
    assert run.wait() == (7 if when == "failure" else 0)
    assert run.rest() == f"holdfast: no session: {LATE}\n"


def test_nor_when_it_is_asked_for(launch):
    run = launch("--step-timeout", "16s", "--", "sh", "-c", "sleep 1.2; echo ready; read -r _; exit 0")
    run.until("ready")
    run.signal(signal.SIGUSR1)
    run.until("holdfast: no session: it would end 15 s before the --step-timeout, which is now\n")
    run.type(b"\n")
    assert run.wait() == 0


@pytest.mark.rule(14)
def test_step_timeout_ends_a_running_step(launch, ends):
    """TERM, 5 s, KILL, over all that it has started; one that ends by itself keeps its own code."""
    deaf = "trap '' TERM; (trap '' TERM; exec setsid sleep 300) & echo deaf $!; while :; do sleep 1; done"
    tidy = "trap 'echo tidy; exit 9' TERM; sleep 300 & echo child $!; while :; do wait; done"
    runs = [launch("--step-timeout", "16s", "--", "sh", "-c", script) for script in (deaf, tidy)]
    pids = [int(run.until("\n").split()[1]) for run in runs]
    assert [run.wait() for run in runs] == [-signal.SIGKILL, 9]
    for run in runs:
        log = run.rest()
        assert log.count("holdfast: the step has run for its --step-timeout, 16 s: ending it\n") == 1
        assert "Wait for SSH" not in log
    assert "tidy" in log
    assert ends(pids, 0) == []


# What stops a timer


def test_what_keeps_a_session(launch, ssh, tmp_path):
    """A login ends the wait for the first; nobody is idle who looks, who waits for a command, or who left a job."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    visited = launch("--first-login", "2s", "--timeout", "6s", *FAILING)
    assert ssh(visited, "true").wait() == 0
    idle = ("--idle", "2s", *FAILING)
    looked_at = launch(*idle)
    shell = ssh(looked_at, tty=True)
    shell.type(b"echo in $((6 * 7))\n")
    shell.until("in 42")
    commanded = launch(*idle)
    ssh(commanded, f"cat {fifo}")
    commanded.until("login 1")
    left = launch(*idle)
    job = ssh(left, tty=True)
    job.type(f"echo begun $((6 * 7)); cat {fifo}\n".encode())
    job.until("begun 42")
    job.signal(signal.SIGKILL)  # a lost connection: the terminal stays, with its job
    job.wait()
    left.until("logout 1")
    longer = launch("--timeout", "3s", *FAILING)
    others = (looked_at, commanded, left)
    ends_named(visited, "timeout")
    ends_named(longer, "timeout")
    for run in others:
        assert run.process.poll() is None
    with open(fifo, "w"):  # the end of file for both
        pass
    shell.type(b"exit\n")
    for run in others:
        ends_named(run, "idle")
