"""A session that is opened while the step runs is none of the step's business, whatever becomes of it."""

import os
import signal
import time

import pytest

from agent import proc

WATCHFUL = """
import json, os, signal, sys
seen = []
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
    signal.signal(number, lambda number, _: seen.append(number))
print("ready", flush=True)
sys.stdin.readline()
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
record = {
    "seen": seen,
    "signals": [status[name] for name in ("SigBlk", "SigIgn", "SigCgt")],
    "descriptors": sorted(os.listdir("/proc/self/fd")),
    "environment": dict(os.environ),
    "ids": [os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()],
    "children": open(f"/proc/self/task/{os.getpid()}/children").read(),
}
json.dump(record, open(sys.argv[1], "w"), sort_keys=True)
sys.exit(int(sys.argv[2]))
"""

PATIENT = "echo ready; read -r x; exit $x"
"""A step that ends as it is told to."""


def asked(launch, *words, script=PATIENT, **options):
    """A step that runs, with a session asked for."""
    run = launch(*words, "--", "sh", "-c", script, **options)
    run.until("ready")
    run.signal(signal.SIGUSR1)
    return run


@pytest.mark.rule(8)
def test_the_step_does_not_notice(launch, tmp_path):
    """Signals, descriptors, environment, children: the same record. It passes with nobody in, so the end is at once."""
    records = []
    for enable in (False, True):
        record = tmp_path / "record"
        run = launch("--", "python3", "-I", "-c", WATCHFUL, str(record), "0")
        run.until("ready")
        if enable:
            run.signal(signal.SIGUSR1)
            assert "the step runs, for" in run.until("by `agent resume` in the session")
        run.type(b"\n")
        assert run.wait() == 0
        log = run.rest()
        assert ("step-passed; the step's own verdict: exit code 0" in log) == enable
        assert log.count("holdfast: login") == 0
        records.append(record.read_text())
    assert records[0] == records[1]


def test_its_own_timers_and_the_relay_end_the_session_alone(launch):
    """And SIGUSR1 opens another."""
    nowhere = ("--relay", "ws://127.0.0.1:1", "--connect-timeout", "1s")
    ends = {
        "timeout": ("--timeout", "1s"),
        "first-login": ("--first-login", "1s"),
        "idle": ("--idle", "1s"),
        "relay-unreachable": nowhere,
    }
    runs = {
        end: asked(launch, *words, env={"HOLDFAST_TOKEN": "none-that-counts"}) for end, words in ends.items()
    }
    for end, run in runs.items():
        run.until(f": {end}; the step goes on")
    for run in runs.values():
        run.signal(signal.SIGUSR1)
    for end, run in runs.items():
        run.until(f": {end}; the step goes on", times=2)
        run.type(b"0\n")
    for end, run in runs.items():
        assert run.wait() == 0
        assert run.rest().count("Wait for SSH") == (0 if end == "relay-unreachable" else 2)


def started_in_session(ssh, run):
    """What a user has left behind in every way, by pid; it outlives its login."""
    script = (
        "setsid sleep 301 >/dev/null 2>&1 & echo $!; (setsid env -i /bin/sleep 302 >/dev/null 2>&1 & echo $!)"
    )
    login = ssh(run, f"{script}; sleep 303 >/dev/null 2>&1 & echo $!")
    assert login.wait() == 0
    return [int(line) for line in login.rest().split()]


@pytest.mark.rule(14)
def test_resume_ends_the_session_with_all_that_was_started_in_it(launch, ssh, ends):
    run = asked(launch, script=f"sleep 300 & echo child $!; {PATIENT}")
    own = int(run.until("ready").split()[1])
    marked = started_in_session(ssh, run)[:1]
    refused = ssh(run, "agent resume --pass")
    assert refused.wait() == 1
    assert "the step still runs, and ends with its own exit code" in refused.rest()
    assert ssh(run, "agent resume").wait() == 0
    run.until("resumed; the step goes on")
    assert ends(marked) == []
    assert ends([own], 0) == [own]
    run.signal(signal.SIGUSR1)
    run.until("Wait for SSH", times=2)
    run.type(b"4\n")
    run.until("failed with exit code 4")
    run.signal(signal.SIGTERM)
    assert run.wait() == 4


@pytest.mark.rule(15)
def test_session_process_killed_while_the_step_runs(launch, ssh, ends, session_process):
    """One line says so, what users started dies, the step goes on, and a session can be opened again."""
    run = asked(launch, script=f"sleep 300 & echo child $!; {PATIENT}")
    own = int(run.until("ready").split()[1])
    marked = started_in_session(ssh, run)[:1]
    os.kill(session_process(run.pid), signal.SIGKILL)
    run.until("holdfast: the session process ended (signal 9): the session is over\n")
    assert ends(marked) == []
    assert ends([own], 0) == [own]
    run.signal(signal.SIGUSR1)
    run.until("Wait for SSH", times=2)
    run.type(b"0\n")
    assert run.wait() == 0
    assert run.rest().count("session process") == 1


def test_a_step_that_fails_is_held_with_the_same_logins(launch, ssh):
    run = asked(launch)
    shell = ssh(run, tty=True)
    shell.type(b"echo in the ''session\n")
    shell.until("in the session")
    run.type(b"4\n")
    run.until("the step failed with exit code 4")
    run.until("Wait for SSH", times=2)
    shell.type(b"echo still ''here\n")
    shell.until("still here")
    shell.type(b"agent resume --fail 3\n")
    assert run.wait() == 3
    log = run.rest()
    assert log.count("holdfast: login") == 1
    assert "resumed; exit code 3, the step's own: exit code 4" in log


@pytest.mark.parametrize("kind", ["bash", "sh"])
def test_shells_that_open_after_the_failure_begin_where_it_failed(launch, ssh, kind):
    """Those from before have what there was then."""
    script = "echo ready; read -r x; cd /usr/lib; export CHANGED=yes; exit 4"
    run = launch("--shell", kind, "-c", script)
    run.until("ready")
    run.signal(signal.SIGUSR1)
    before = ssh(run, tty=True)
    before.type(b'echo "in ${PWD##*/}, changed: $CHANGED".\n')
    before.until("changed: .")
    run.type(b"go\n")
    run.until("Wait for SSH", times=2)
    after = ssh(run, tty=True)
    after.type(b'echo "in ${PWD##*/}, changed: $CHANGED".\n')
    after.until("in lib, changed: yes.")
    after.type(b"agent resume\n")
    assert run.wait() == 4


def test_a_step_that_passes_waits_for_those_who_are_in(launch, ssh):
    """At most for `--linger`; the verdict is the step's."""
    runs = [asked(launch), asked(launch, "--linger", "1s")]
    shells = [ssh(run, tty=True) for run in runs]
    for run, shell in zip(runs, shells, strict=True):
        shell.type(b"echo in the ''session\n")
        shell.until("in the session")
        run.type(b"0\n")
        run.until("holdfast: the step passed; the session stays open for 1 login, until the last one leaves")
        shell.until("the step passed; the session stays open")
    shells[0].type(b"exit\n")
    for run, end in zip(runs, ("step-passed", "timeout"), strict=True):
        run.until(f"{end}; the step's own verdict: exit code 0")
        assert run.wait() == 0
        assert run.rest().count("Wait for SSH") == 1
    shells[1].until("the session is over")


@pytest.mark.parametrize("code", [0, 4])
def test_a_step_that_ends_just_as_its_session_does(launch, ssh, code):
    """Then the session's end was none of the hold's: one that failed is held, one that passed is not."""
    run = asked(launch)
    assert ssh(run, "agent resume").wait() == 0
    run.type(f"{code}\n".encode())
    if code:
        run.until("the step failed with exit code 4")
        run.signal(signal.SIGTERM)
    assert run.wait() == code
    assert run.rest().count("Wait for SSH") == (2 if code else 1)


def test_an_abort_reaches_the_step_and_no_hold_follows(launch):
    """The session that is open stays as long as the step does."""
    run = asked(launch, script="trap 'echo told' TERM; echo ready; until read -r x; do :; done; exit $x")
    run.until("Wait for SSH")
    run.signal(signal.SIGTERM)
    run.until("told")
    run.type(b"4\n")
    assert run.wait() == 4
    log = run.rest()
    assert log.count("Wait for SSH") == 1
    assert "aborted (SIGTERM)" in log


def test_enabled_again_and_again(launch, session_process):
    """Sessions after one another leave no descriptor and no child behind."""
    run = launch("--timeout", "1s", "--", "sh", "-c", PATIENT)
    run.until("ready")
    # It lets go of the step's own just after that began, and has done so when it sleeps.
    while os.readlink(f"/proc/{run.pid}/fd/0") != os.devnull or proc.read(run.pid).state != "S":
        pass
    before, count = len(os.listdir(f"/proc/{run.pid}/fd")), 3
    for number in range(1, count + 1):
        run.signal(signal.SIGUSR1)
        run.until("timeout; the step goes on", times=number)
    # The last one is replaced when its line is out already.
    deadline = time.monotonic() + 10
    while len(os.listdir(f"/proc/{run.pid}/fd")) != before:
        assert time.monotonic() < deadline
    assert session_process(run.pid)
    run.type(b"0\n")
    assert run.wait() == 0
