"""Whatever is killed, nothing is left within 2 s, and the verdict comes back if anybody can give it."""

import os
import signal
import sys

import pytest

TREE = """
sleep 300 &
(setsid sleep 301 &)
setsid sh -c 'sleep 302 & exec sleep 303' &
(cd / && exec nohup sh -c 'sleep 304' >/dev/null 2>&1 </dev/null &)
"""
"""Children, orphans and sessions of their own, some with no descriptor but the one that we gave."""

SECONDS = 2


def members(pid):
    """All processes below `pid`."""
    found = [int(word) for word in open_text(f"/proc/{pid}/task/{pid}/children").split()]
    return found + [each for child in found for each in members(child)]


def open_text(path):
    with open(path) as file:
        return file.read()


def running(launch, tty):
    run = launch("--", "sh", "-c", f"{TREE} echo ready; sleep 305; exit 4", tty=tty)
    run.until("ready")
    return run, settled(run)


def held(launch, tty, *options):
    run = launch(*options, "--", "sh", "-c", f"{TREE} exit 4", tty=tty)
    run.until("Wait for SSH")
    return run, settled(run)


def settled(run):
    """The tree once all of its sleeps run; the processes that lead to it come and go."""
    while True:
        found = members(run.pid)
        names = [open_text(f"/proc/{pid}/cmdline").split("\0")[-2:-1] for pid in found]
        if {"300", "301", "302", "303", "304"} <= {name for line in names for name in line}:
            return found


@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
@pytest.mark.parametrize("state", [running, held])
def test_keeper_killed(launch, ends, state, tty):
    run, tree = state(launch, tty)
    run.signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert ends(tree, SECONDS) == []


@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
@pytest.mark.parametrize("state", [running, held])
def test_group_of_the_keeper_killed(launch, ends, state, tty):
    run, tree = state(launch, tty)
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert ends(tree, SECONDS) == []


@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
def test_hold_aborted(launch, ends, tty):
    """TERM is enough for this tree; KILL, 5 s later, is for others."""
    run, tree = held(launch, tty)
    run.signal(signal.SIGTERM)
    assert run.wait() == 4
    assert ends(tree, 0) == []


def test_hold_aborted_with_a_deaf_process(launch, ends):
    run = launch("--", "sh", "-c", "(trap '' TERM; exec sleep 300) & echo $!; exit 4")
    run.until("Wait for SSH")
    deaf = int(run.seen.split()[0])
    run.signal(signal.SIGTERM)
    assert run.wait() == 4
    assert ends([deaf], 0) == []


@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
def test_session_process_killed_in_a_hold(launch, ends, session_process, tty):
    run, tree = held(launch, tty)
    os.kill(session_process(run.pid), signal.SIGKILL)
    assert run.wait() == 4
    assert run.rest().count("holdfast: the session process ended (signal 9)") == 1
    assert ends(tree, 0) == []


def test_session_process_killed_asleep(launch, session_process):
    """The step does not notice; a new one is forked at the failure."""
    run = launch("--", "sh", "-c", "echo ready; read -r _; exit 4")
    run.until("ready")
    os.kill(session_process(run.pid), signal.SIGKILL)
    run.type(b"\n")
    run.until("Wait for SSH")
    assert session_process(run.pid)
    run.signal(signal.SIGTERM)
    assert run.wait() == 4


def test_new_session_process_guards_as_well(launch, ends, session_process):
    run = launch("--", "sh", "-c", f"{TREE} echo ready; read -r _; exit 4")
    run.until("ready")
    os.kill(session_process(run.pid), signal.SIGKILL)
    run.type(b"\n")
    run.until("Wait for SSH")
    tree = settled(run)
    run.signal(signal.SIGKILL)
    run.wait()
    assert ends(tree, SECONDS) == []


PARENT = """
import os, signal, subprocess, sys
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[1] == "nohup" else signal.SIG_DFL)
print("agent", subprocess.Popen(sys.argv[2:]).pid, flush=True)
sys.stdin.readline()
"""


def with_parent(launch, program, how, words):
    parent = launch("python3", "-c", PARENT, how, program, *words)
    parent.until("\n")
    return parent, int(parent.seen.split()[1])


def test_parents_death_ends_a_hold(launch, agent, ends):
    parent, keeper = with_parent(launch, agent, "plain", ("run", "--", "sh", "-c", "exit 4"))
    parent.until("Wait for SSH")
    parent.signal(signal.SIGKILL)
    assert ends([keeper], SECONDS * 2) == []
    assert "aborted" in parent.rest()


def test_parents_death_is_seen_where_pidfd_is_refused(launch, ends):
    """By an old kernel or a sandbox: then the keeper looks each second."""
    refuse = "def refuse(*_):\n    raise PermissionError\nos.pidfd_open = refuse\n"
    driver = f"import os, sys\n{refuse}from agent.cli import main\nsys.exit(main())"
    words = ("-c", driver, "run", "--", "sh", "-c", "exit 4")
    parent, keeper = with_parent(launch, sys.executable, "plain", words)
    parent.until("Wait for SSH")
    parent.signal(signal.SIGKILL)
    assert ends([keeper], SECONDS * 2) == []


def test_parents_death_changes_nothing_while_the_step_runs(launch, agent, ends, tmp_path):
    """Only no session opens then."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    script = f"echo ready; read -r x <{fifo}; echo $x; exit 4"
    parent, keeper = with_parent(launch, agent, "plain", ("run", "--", "sh", "-c", script))
    parent.until("ready")
    parent.process.kill()
    parent.wait()
    fifo.write_text("still here\n")
    assert ends([keeper]) == []
    assert parent.rest().endswith("ready\nstill here\n")


def test_under_nohup_the_parent_may_go(launch, agent, ends):
    parent, keeper = with_parent(launch, agent, "nohup", ("run", "--", "sh", "-c", "exit 4"))
    parent.until("Wait for SSH")
    parent.process.kill()
    parent.wait()
    assert ends([keeper], 0.3) == [keeper]
    os.kill(keeper, signal.SIGTERM)
    assert ends([keeper]) == []


def test_what_a_passing_step_leaves_stays(launch):
    """As bare: a step may start a daemon for the next one."""
    run = launch("--", "sh", "-c", "sleep 300 >/dev/null 2>&1 & echo $!; exit 0")
    assert run.wait() == 0
    daemon = int(run.rest())
    assert open_text(f"/proc/{daemon}/comm") == "sleep\n"
    os.kill(daemon, signal.SIGKILL)


def test_a_passing_step_waits_for_no_background_child(launch):
    """Its end is known from waitpid: a child that keeps the descriptors open delays nothing."""
    run = launch("--", "sh", "-c", "sleep 300 & echo $!; exit 0")
    assert run.wait(2) == 0
    run.until("\n")
    os.kill(int(run.seen), signal.SIGKILL)


def test_orphans_are_reaped(launch, children):
    """Hundreds of double forks leave no zombie below the keeper."""
    run = launch("--", "sh", "-c", "for i in $(seq 200); do (true &); done; echo ready; read -r _; exit 0")
    run.until("ready")
    while (
        len(children(run.pid)) > 2
    ):  # ends when the last of them is reaped; the test's own timeout guards it
        pass
    run.type(b"\n")
    assert run.wait() == 0
