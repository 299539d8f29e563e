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


@pytest.mark.rule(8)
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


@pytest.mark.rule(8)
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


@pytest.mark.rule(8)
def test_a_window_change_is_not_forwarded(launch):
    run = counting(launch, "SIGWINCH", "SIGHUP")
    run.signal(signal.SIGWINCH)
    run.signal(signal.SIGHUP)
    run.until("got SIGHUP")
    run.type(b"\n")
    assert "seen ['SIGHUP']" in run.rest()
    assert run.wait() == 4


@pytest.mark.rule(6)
def test_the_whole_group_of_the_step_is_reached(launch):
    """Without a terminal: also a child that the step waits for."""
    run = launch("--", "sh", "-c", "trap 'exit 3' TERM; sh -c 'echo ready; exec sleep 60'; echo after")
    run.until("ready")
    run.signal(signal.SIGTERM)
    assert run.wait() == 3


@pytest.mark.rule(7)
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


@pytest.mark.rule(6)
@pytest.mark.rule(7)
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


@pytest.mark.rule(8)
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


@pytest.mark.rule(7)
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


@pytest.mark.rule(7)
def test_a_pipeline_keeps_its_terminal(launch, agent):
    """`agent run … | less`: what stands beside the agent reads keys from the terminal, and so does the step."""
    reader = "sh -c 'read -r line; echo \"$line\"; read -r key </dev/tty; echo key $key'"
    step = "echo began >&2; read -r word </dev/tty; echo word $word; exit 0"
    run = launch("bash", "--norc", "--noprofile", "-i", tty=True, env={"PS1": "", "HISTFILE": "/dev/null"})
    run.type(f"{agent} run -- sh -c '{step}' | {reader}\n".encode())
    run.until("began")
    run.type(b"first\n")
    run.until("word first")
    run.type(b"second\n")
    run.until("key second")
    run.type(b"exit\n")
    assert run.wait() == 0


@pytest.mark.rule(6)
@pytest.mark.rule(7)
@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
def test_whose_group_and_session_the_step_is_in(launch, tty):
    run = launch("--", "sh", "-c", "ps -o pid=,pgid=,sid= -p $$ -p $PPID; exit 0", tty=tty)
    assert run.wait() == 0
    (keeper, *_), (step, group, session) = sorted(
        ([int(word) for word in line.split()] for line in run.rest().splitlines()),
        key=lambda ids: ids[0] != run.pid,
    )
    assert keeper == run.pid
    assert (group, session) == ((keeper, keeper) if tty else (step, step))


@pytest.mark.rule(11)
def test_a_calling_script_ends_at_a_key(launch, agent):
    """As bare: a shell ends at ^C if its child has died of it."""
    run = launch("bash", "-c", f"{agent} run -- sh -c 'echo ready; exec sleep 60'; echo after", tty=True)
    run.until("ready")
    run.type(b"\x03")
    assert run.wait() == -signal.SIGINT
    assert "after" not in run.rest()


@pytest.mark.rule(8)
@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
def test_what_arrived_ignored_stays_ignored(launch, tty):
    """For the agent as for the step: running and held."""

    def ignore():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)

    run = launch("--", "sh", "-c", "echo ready; read -r _; exit 4", tty=tty, preexec=ignore)
    run.until("ready")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        run.signal(number)
    run.type(b"\n")
    run.until("the step failed with exit code 4")
    run.until("by `agent resume`")
    run.signal(signal.SIGTERM)
    run.signal(signal.SIGHUP)
    assert run.wait() == 4
    log = run.rest()
    assert "aborted (SIGHUP)" in log
    assert "the step runs" not in log


@pytest.mark.rule(8)
@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
def test_signals_in_a_hold(launch, tty):
    """TERM, INT and HUP are the abort; a stop stops us alone; nothing is told to what the step has left behind."""
    left = "trap 'echo got one' QUIT USR1 USR2 ALRM CONT WINCH TSTP; echo ready; while :; do read -r _ || :; done"
    for abort in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        run = launch("--", "bash", "-c", f"({left}) & read -r _; exit 4", tty=tty)
        run.until("ready")
        run.type(b"\n")
        run.until("by `agent resume`")
        for number in (signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGWINCH):
            run.signal(number)
        run.signal(signal.SIGTSTP)
        assert os.WIFSTOPPED(os.waitpid(run.pid, os.WUNTRACED)[1])
        run.signal(signal.SIGCONT)
        assert run.process.poll() is None
        run.signal(abort)
        assert run.wait() == 4
        log = run.rest()
        assert f"aborted ({abort.name})" in log
        assert "got one" not in log
        assert log.count("Wait for SSH") == 1


@pytest.mark.rule(14)
@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
def test_the_ending_tells_everybody_once(launch, tty):
    """A process that takes its time after TERM is not told again before KILL."""
    slow = "trap 'echo told' TERM; echo ready; end=$((SECONDS + 2)); until [ $SECONDS -gt $end ]; do sleep 0.1; done"
    run = launch("--", "bash", "-c", 'bash -c "$0" & read -r _; exit 4', slow, tty=tty)
    run.until("ready")
    run.type(b"\n")
    run.until("by `agent resume`")
    run.signal(signal.SIGTERM)
    assert run.wait() == 4
    assert run.rest().count("told") == 1
