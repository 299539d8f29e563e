"""While the step runs, a signal reaches it once, and what it does then is its own affair."""

import os
import signal

import pytest

COUNT = """
import os, signal, sys
seen = []
def note(number, frame):
    seen.append(number)
    print("got", signal.Signals(number).name, flush=True)
for name in sys.argv[1:]:
    signal.signal(getattr(signal, name), note)
print("ready", flush=True)
sys.stdin.readline()
print("seen", [signal.Signals(number).name for number in seen], flush=True)
sys.exit(4)
"""


def counting(launch, *names, tty=False):
    run = launch("--", "python3", "-c", COUNT, *names, tty=tty)
    run.until("ready")
    return run


@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_an_abort_is_forwarded_once(launch, name, tty):
    """And the agent waits for the step as long as it takes; then no session opens."""
    run = counting(launch, name, tty=tty)
    run.signal(getattr(signal, name))
    run.until(f"got {name}")
    run.type(b"\n")
    assert run.wait() == 4
    output = run.rest()
    assert f"seen ['{name}']" in output
    assert "holdfast:" not in output


def test_other_signals_are_forwarded_and_abort_nothing(launch):
    names = ("SIGQUIT", "SIGUSR2", "SIGALRM", "SIGCONT", "SIGRTMIN")
    run = counting(launch, *names)
    for name in names:
        run.signal(getattr(signal, name))
        run.until(f"got {name}")
    run.type(b"\n")
    run.until("Wait for SSH")
    run.signal(signal.SIGTERM)
    assert run.wait() == 4


def test_a_window_change_is_not_forwarded(launch):
    run = counting(launch, "SIGWINCH", "SIGHUP")
    run.signal(signal.SIGWINCH)
    run.signal(signal.SIGHUP)
    run.until("got SIGHUP")
    run.type(b"\n")
    assert "seen ['SIGHUP']" in run.rest()
    assert run.wait() == 4


def test_the_whole_group_of_the_step_is_reached(launch):
    """Without a terminal: also a child that the step waits for."""
    run = launch("--", "sh", "-c", "trap 'exit 3' TERM; sh -c 'echo ready; exec sleep 60'; echo after")
    run.until("ready")
    run.signal(signal.SIGTERM)
    assert run.wait() == 3


@pytest.mark.parametrize(
    ("key", "name"), [(b"\x03", "SIGINT"), (b"\x1c", "SIGQUIT")], ids=["^C", "^backslash"]
)
def test_a_key_reaches_the_step_once(launch, key, name):
    """The terminal sends it to the step's group by itself: forwarded as well, it would come twice."""
    run = counting(launch, name, tty=True)
    run.type(key)
    run.until(f"got {name}")
    run.type(b"\n")
    if name == "SIGQUIT":
        run.until("Wait for SSH")
        run.type(b"\x03")
    assert run.wait() == 4
    assert run.rest().count("got") == 1


@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
@pytest.mark.parametrize("kill", ["kill 0", "sh -c 'kill -TERM 0'", "(sh -c 'kill 0' & wait)"])
def test_kill_0_is_the_steps_own_end(launch, tty, kill):
    """It hits the step's group; to the agent it is a failure as any, not an abort."""
    run = launch("--", "sh", "-c", f"{kill}; exit 5", tty=tty)
    run.until("Wait for SSH")
    run.signal(signal.SIGTERM)
    assert run.wait() == -signal.SIGTERM


def state(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().split()[2]


def test_stop_and_continue_without_a_terminal(launch):
    run = launch("--", "sh", "-c", "echo $$ ready; read -r x; echo got $x; exit 0")
    step = int(run.until("ready").split()[0])
    run.signal(signal.SIGTSTP)
    assert os.WIFSTOPPED(os.waitpid(run.pid, os.WUNTRACED)[1])
    while state(step) != "T":  # sent, and acted upon by another processor; the test's own timeout guards it
        pass
    run.type(b"word\n")
    run.signal(signal.SIGCONT)
    run.until("got word")
    assert run.wait() == 0


def test_job_control_of_an_interactive_shell(launch, agent):
    """^Z gives the prompt back, `fg` goes on, `&` and the exit code are as with any command."""
    run = launch("bash", "--norc", "--noprofile", "-i", tty=True, env={"PS1": "", "HISTFILE": "/dev/null"})
    run.type(f"{agent} run -- sh -c 'echo started; read -r x; echo got $x; exit 0'\n".encode())
    run.until("started")
    run.type(b"\x1a")
    run.until("Stopped")
    run.type(b"fg\n")
    run.until("read -r x;")
    run.type(b"a line\n")
    run.until("got a line")
    run.type(b"echo code $?\n")
    run.until("code 0")
    run.type(f"{agent} run -- sh -c 'echo began; exec sleep 60' | cat\n".encode())
    run.until("began")
    run.type(b"\x03")
    run.type(b"echo codes ${PIPESTATUS[*]}\n")
    run.until("codes 130")
    run.type(b"exit\n")
    assert run.wait() == 0
