"""Whatever is killed, nothing is left within 2 s, and the verdict comes back if anybody can give it."""

import os
import re
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
    try:
        with open(path) as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return ""


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


@pytest.mark.rule(16)
@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
@pytest.mark.parametrize("state", [running, held])
def test_keeper_killed(launch, ends, state, tty):
    run, tree = state(launch, tty)
    run.signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert ends(tree, SECONDS) == []


@pytest.mark.rule(16)
@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
@pytest.mark.parametrize("state", [running, held])
def test_group_of_the_keeper_killed(launch, ends, state, tty):
    run, tree = state(launch, tty)
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert ends(tree, SECONDS) == []


@pytest.mark.rule(14)
@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
def test_hold_aborted(launch, ends, tty):
    """TERM is enough for this tree; KILL, 5 s later, is for others."""
    run, tree = held(launch, tty)
    run.signal(signal.SIGTERM)
    assert run.wait() == 4
    assert ends(tree, 0) == []


@pytest.mark.rule(14)
def test_hold_aborted_with_a_deaf_process(launch, ends):
    run = launch("--", "sh", "-c", "(trap '' TERM; exec sleep 300) & echo $!; exit 4")
    run.until("Wait for SSH")
    deaf = int(run.seen.split()[0])
    run.signal(signal.SIGTERM)
    assert run.wait() == 4
    assert ends([deaf], 0) == []


@pytest.mark.rule(15)
@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
def test_session_process_killed_in_a_hold(launch, ends, session_process, tty):
    run, tree = held(launch, tty)
    os.kill(session_process(run.pid), signal.SIGKILL)
    assert run.wait() == 4
    assert run.rest().count("holdfast: the session process ended (signal 9)") == 1
    assert ends(tree, 0) == []


def with_interpreter(launch, agent, ssh):
    """Held, with a bash that waits."""
    run = launch("--shell", "bash", "-c", f"{TREE} exit 4")
    run.until("by `agent resume`")
    return run, settled(run)


def inspected(launch, agent, ssh):
    """The same, and somebody looks into it, with a job of the prompt's in its background."""
    run, _ = with_interpreter(launch, agent, ssh)
    session = re.search(rb"^ssh -p \d+ (\w+)@", run.seen, re.MULTILINE)[1].decode()
    prompt = launch(agent, "inspect", tty=True, env={"HOLDFAST_SESSION": session})
    prompt.until("(failed) $")
    prompt.type(b"sleep 306 & echo looks $((6 * 7))\n")
    prompt.until("looks 42")
    return run, settled(run)


def enabled(launch, agent, ssh):
    """The step runs, and somebody is in, with a job that outlives the shell."""
    run = launch("--shell", "bash", "-c", f"{TREE} echo ready; sleep 305; exit 4")
    run.until("ready")
    run.signal(signal.SIGUSR1)
    shell = ssh(run, tty=True)
    shell.type(b"setsid sleep 307 & echo in $((6 * 7))\n")
    shell.until("in 42")
    settled(run)
    while not members_named(tree := members(run.pid), "307"):
        pass
    return run, tree


@pytest.mark.rule(15)
@pytest.mark.rule(16)
@pytest.mark.parametrize("state", [with_interpreter, inspected, enabled])
@pytest.mark.parametrize("who", ["keeper", "group", "session process"])
def test_killed_in_every_state(launch, agent, ssh, ends, session_process, state, who):
    """Nothing is left, and nobody holds the step's output."""
    run, tree = state(launch, agent, ssh)
    users = members_named(tree, "307")
    if who == "session process":
        os.kill(session_process(run.pid), signal.SIGKILL)
        run.until("holdfast: the session process ended (signal 9): the session is over\n")
        if state is enabled:
            assert ends(users, SECONDS) == []
            run.signal(signal.SIGTERM)
            assert run.wait() == -signal.SIGTERM
            for pid in ends(tree, 0):  # what a step that nobody held has left, as bare
                os.kill(pid, signal.SIGKILL)
            run.rest(SECONDS)
            return
        assert run.wait() == 4
    else:
        (os.kill if who == "keeper" else os.killpg)(run.pid, signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
    assert ends(tree, SECONDS) == []
    run.rest(SECONDS)


def members_named(pids, word):
    """Those whose last argument is this word."""
    return [pid for pid in pids if open_text(f"/proc/{pid}/cmdline").split("\0")[-2:-1] == [word]]


@pytest.mark.rule(3)
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


@pytest.mark.rule(16)
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


@pytest.mark.rule(9)
def test_parents_death_ends_a_hold(launch, agent, ends):
    parent, keeper = with_parent(launch, agent, "plain", ("run", "--", "sh", "-c", "exit 4"))
    parent.until("Wait for SSH")
    parent.signal(signal.SIGKILL)
    assert ends([keeper], SECONDS * 2) == []
    assert "aborted" in parent.rest()


THREAD = """
import subprocess, sys, threading
def start():
    print("agent", subprocess.Popen(sys.argv[1:]).pid, flush=True)
thread = threading.Thread(target=start)
thread.start()
thread.join()
print("the thread is gone", flush=True)
sys.stdin.readline()
"""


@pytest.mark.rule(9)
def test_the_end_of_the_parents_thread_is_no_death(launch, agent, ends):
    """Runners start a step from a thread of theirs, and that may end before the step does."""
    parent = launch("python3", "-c", THREAD, agent, "run", "--", "sh", "-c", "exit 4")
    parent.until("the thread is gone")
    parent.until("by `agent resume`")
    keeper = int(re.search(rb"^agent (\d+)", parent.seen, re.MULTILINE)[1])
    assert ends([keeper], 0.3) == [keeper]
    parent.process.kill()
    parent.wait()
    assert ends([keeper], SECONDS * 2) == []
    assert "aborted (parent-ended)" in parent.rest()


@pytest.mark.rule(9)
def test_started_by_nohup_in_the_background(launch, agent, ends):
    """`nohup sh -c '… &'`: the shell between is gone at once, and nothing follows from it."""
    run = launch("nohup", "sh", "-c", f"{agent} run -- sh -c 'echo keeper $PPID; exit 4' & :")
    assert run.wait() == 0
    run.until("by `agent resume`")
    keeper = int(re.search(rb"keeper (\d+)", run.seen)[1])
    assert ends([keeper], 0.3) == [keeper]
    os.kill(keeper, signal.SIGTERM)
    assert ends([keeper]) == []


@pytest.mark.rule(9)
def test_parents_death_is_seen_where_pidfd_is_refused(launch, ends):
    """By an old kernel or a sandbox: then the keeper looks each second."""
    refuse = "def refuse(*_):\n    raise PermissionError\nos.pidfd_open = refuse\n"
    driver = f"import os, sys\n{refuse}from agent.cli import main\nsys.exit(main())"
    words = ("-c", driver, "run", "--", "sh", "-c", "exit 4")
    parent, keeper = with_parent(launch, sys.executable, "plain", words)
    parent.until("Wait for SSH")
    parent.signal(signal.SIGKILL)
    assert ends([keeper], SECONDS * 2) == []


@pytest.mark.rule(9)
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


@pytest.mark.rule(9)
def test_under_nohup_the_parent_may_go(launch, agent, ends):
    parent, keeper = with_parent(launch, agent, "nohup", ("run", "--", "sh", "-c", "exit 4"))
    parent.until("Wait for SSH")
    parent.process.kill()
    parent.wait()
    assert ends([keeper], 0.3) == [keeper]
    os.kill(keeper, signal.SIGTERM)
    assert ends([keeper]) == []


@pytest.mark.rule(6)
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


NEGLIGENT = """
import os, subprocess, sys
runs = [subprocess.Popen([*sys.argv[1:], "run", "--timeout", "1s", "--", "sh", "-c", end])
        for end in ["exit 0"] * 12 + ["exit 3"] * 2 + ["kill -9 $$"]]
for run in runs:
    run.wait()
lines = [open(f"/proc/{pid}/stat").read() for pid in os.listdir("/proc") if pid.isdigit()]
states = [line.rpartition(")")[2].split()[0] for line in lines]
print(len(states), "processes,", states.count("Z"), "zombies", flush=True)
"""


@pytest.mark.rule(12)
def test_no_zombie_under_a_first_process_that_does_not_reap(launch, agent):
    if os.getuid() != 0:
        pytest.skip("only root may make a PID namespace here")
    run = launch("unshare", "--pid", "--fork", "--mount-proc", "python3", "-c", NEGLIGENT, agent)
    assert run.wait() == 0
    assert run.rest().endswith("1 processes, 0 zombies\n")


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
