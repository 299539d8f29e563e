"""The hook's report: when it is the verdict, and that none that is lost makes a step wait."""

import os
import signal

import pytest


def step_of(children, session_process, run):
    (pid,) = set(children(run.pid)) - {session_process(run.pid)}
    return pid


@pytest.mark.rule(10)
def test_an_interpreter_killed_while_it_waits(launch, children, session_process):
    """The report stands, and the hold goes on."""
    run = launch("--shell", "bash", "-c", "exit 4")
    run.until("Wait for SSH")
    run.until("by `agent resume`")
    step = step_of(children, session_process, run)
    os.kill(step, signal.SIGKILL)
    while step in children(run.pid):  # until the keeper has reaped it; the test's own timeout guards it
        pass
    run.signal(signal.SIGTERM)
    assert run.wait() == 4
    assert "aborted (SIGTERM)" in run.rest()


SLOW_END = "import atexit, os, time; atexit.register(lambda: (time.sleep({0}), os._exit(9))); 1 / 0"


@pytest.mark.rule(10)
def test_the_end_after_the_release(launch):
    """Of its own signal or code, where it comes in time; else what was reported."""
    ends = [
        (("--shell", "bash", "-c", "false; kill -TERM $$; sleep 60"), -signal.SIGTERM),
        (("--shell", "bash", "-c", "exit 4"), 4),
        (("--shell", "python", "-c", SLOW_END.format(2)), 9),
        (("--shell", "python", "-c", SLOW_END.format(60)), 1),
    ]
    runs = [launch("--timeout", "1s", *words) for words, _ in ends]
    for run in runs:
        run.until("Wait for SSH")
    assert [run.wait() for run in runs] == [code for _, code in ends]


@pytest.mark.rule(10)
def test_a_key_ends_a_hold_whose_interpreter_waits(launch):
    """With a terminal ^C reaches the waiting interpreter as well: what it reported stays the verdict."""
    runs = [
        launch("--shell", "bash", "-c", "exit 4", tty=True),
        launch("--shell", "sh", "-c", "exit 4", tty=True),
        launch("--shell", "python", "-c", "raise SystemExit(4)", tty=True),
    ]
    for run in runs:
        run.until("by `agent resume`")
        run.type(b"\x03")
    assert [run.wait() for run in runs] == [4, 4, 4]


@pytest.mark.rule(8)
@pytest.mark.rule(10)
def test_a_released_interpreter_without_a_hold_takes_signals_as_bare(launch):
    """Aborted, it has reported and goes on dying, at its own pace; a second signal is its own."""
    script = """
import atexit, signal, sys, time
def last():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    print("dying", flush=True)
    signal.sigwait({signal.SIGTERM})
    print("again", flush=True)
atexit.register(last)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(6))
print("ready", flush=True)
while True:
    signal.pause()
"""
    run = launch("--shell", "python", "-c", script)
    run.until("ready")
    run.signal(signal.SIGTERM)
    run.until("dying")
    run.signal(signal.SIGTERM)
    run.until("again")
    assert run.wait() == 6
    assert "Wait for SSH" not in run.rest()


NUMBERS = (
    "limit=$(ulimit -n); [ $limit -le 1001 ] || limit=1001; report=$((limit - 1)) answers=$((limit - 2)); "
)

LOST = {
    "closed": 'eval "exec $report>&- $answers<&-"',
    "report closed": 'eval "exec $report>&-"',
    "answers closed": 'eval "exec $answers<&-"',
    "other bytes": "echo other bytes of somebody >/proc/self/fd/$report",
    "a file in its place": 'eval "exec $report>file"',
    "a file in both places": 'eval "exec $report>file $answers<file"',
    "a silent pipe for the answers": 'mkfifo fifo; eval "exec $answers<>fifo"',
    "all closed": 'for number in $(seq 3 1001); do eval "exec $number>&-"; done',
}


@pytest.mark.rule(13)
def test_a_lost_report_makes_no_step_wait(launch, tmp_path):
    """Closed, reused, scribbled on: the step ends with its own code, and is held; no word of ours in a file."""
    (tmp_path / "file").touch()
    words = [("bash", script) for script in LOST.values()]
    words.append(("sh", LOST["other bytes"]))  # dash knows no number above 9
    runs = [
        launch("--timeout", "1s", "--shell", shell, "-c", f"{NUMBERS}{script}; exit 4", cwd=tmp_path)
        for shell, script in words
    ]
    assert [run.wait() for run in runs] == [4] * len(runs)
    for run in runs:
        assert "failed with exit code 4" in run.rest()
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.rule(13)
def test_no_number_is_free(launch):
    """Every descriptor that we would take is the runner's: the step runs without a hook, and finds them there."""

    def occupy():
        for number in range(900, 1001):
            os.dup2(0, number, inheritable=True)

    run = launch(
        "--timeout",
        "1s",
        "--shell",
        "bash",
        "-c",
        "ls /proc/$$/fd | wc -l; exit 4",
        preexec=occupy,
        close_fds=False,
    )
    assert run.wait() == 4
    assert int(run.rest().split()[0]) >= 101 + 3


@pytest.mark.rule(5)
@pytest.mark.rule(9)
def test_a_hold_sleeps(launch, agent, session_process, ends):
    """Whatever has hung up on the keeper: pipes without a writer, a parent that is gone."""
    cases = [
        launch("--shell", "bash", "-c", "exit 4"),
        launch("--", "sh", "-c", "exit 4"),
        launch("--shell", "bash", "-c", "exec 1000>&-; exit 4"),
        launch("sh", "-c", f"trap '' HUP; {agent} run --shell bash -c 'echo $PPID agent; exit 4' & wait $!"),
    ]
    for run in cases:
        run.until("by `agent resume`")
    under_nohup = int(cases[3].seen.split()[0])
    cases[3].process.kill()
    cases[3].wait()
    keepers = [*(run.pid for run in cases[:3]), under_nohup]
    processes = keepers + [session_process(keeper) for keeper in keepers]
    before = [ticks(pid) for pid in processes]
    assert ends([keepers[3]], 1) == [keepers[3]]
    assert max(ticks(pid) - was for pid, was in zip(processes, before, strict=True)) <= 10
    for keeper in keepers:
        os.kill(keeper, signal.SIGTERM)
    assert [run.wait() for run in cases[:3]] == [4, 4, 4]
    assert ends(keepers) == []


@pytest.mark.rule(5)
def test_a_running_step_is_waited_for_in_sleep(launch, session_process, ends):
    """Also where session process and hook are gone already."""
    run = launch("--shell", "bash", "-c", "exec 1000>&- 999<&- 998<&-; echo ready; read -r _; exit 0")
    run.until("ready")
    os.kill(session_process(run.pid), signal.SIGKILL)
    before = ticks(run.pid)
    assert ends([run.pid], 1) == [run.pid]
    assert ticks(run.pid) - before <= 5
    run.type(b"\n")
    assert run.wait() == 0


def ticks(pid):
    """Hundredths of a second of processor time."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
