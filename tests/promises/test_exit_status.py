"""The step's exit code, or its death by signal, comes back exactly as bare."""

import signal

import pytest

BATCH = 8
"""Steps that run at one time: the machine has few cores, and each waits for little else."""

UNDEADLY = {"SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGWINCH"}
DEADLY = sorted(set(signal.valid_signals()) - {getattr(signal, name) for name in UNDEADLY})

ABORTED = "trap '' {0}; echo ready; read -r _; {1}"
"""A step that is told to end by a signal which it ignores, and then fails: so no session opens."""


def all_aborted(launch, endings, *, tty):
    """Run steps with these ends, each after an abort; return how each agent ended."""
    results = []
    for first in range(0, len(endings), BATCH):
        batch = [
            (launch("--", "sh", "-c", ABORTED.format(int(abort), ending), tty=tty), abort)
            for ending, abort in endings[first : first + BATCH]
        ]
        for run, abort in batch:
            run.until("ready")
            run.signal(abort)
            run.type(b"\n")
        results += [run.wait() for run, _ in batch]
        for run, _ in batch:
            assert "holdfast:" not in run.rest()
    return results


@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
def test_256_codes(launch, tty):
    endings = [(f"exit {code}", signal.SIGTERM) for code in range(256)]
    assert all_aborted(launch, endings, tty=tty) == list(range(256))


@pytest.mark.rule(11)
@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
def test_every_terminating_signal(launch, tty):
    endings = [
        (f"kill -{int(number)} $$", signal.SIGHUP if number == signal.SIGTERM else signal.SIGTERM)
        for number in DEADLY
    ]
    assert all_aborted(launch, endings, tty=tty) == [-number for number in DEADLY]


@pytest.mark.rule(10)
@pytest.mark.rule(11)
@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
def test_through_a_hold(launch, tty):
    """The same after a session that was aborted."""
    ends = ("exit 1", "exit 126", "exit 127", "exit 255", "kill -9 $$", "kill -11 $$", "kill -2 $$")
    runs = [launch("--", "sh", "-c", end, tty=tty) for end in ends]
    for run in runs:
        run.until("Wait for SSH")
        run.signal(signal.SIGTERM)
    assert [run.wait() for run in runs] == [1, 126, 127, 255, -9, -11, -2]


@pytest.mark.parametrize("end", ["exit 7", "kill -6 $$"])
def test_a_hold_that_times_out(launch, end):
    assert launch("--timeout", "1s", "--", "sh", "-c", end).wait() == {"exit 7": 7, "kill -6 $$": -6}[end]


def test_a_passing_step_says_nothing(launch):
    run = launch("--", "true")
    assert run.wait() == 0
    assert run.rest() == ""


@pytest.mark.parametrize("when", ["failure", "never"])
def test_commands_that_cannot_be_run(launch, tmp_path, when):
    """The codes and nearly the words of a shell."""
    plain = tmp_path / "plain"
    plain.write_text("exit 3\n")
    ends = [
        ("no-such-command", 127, "agent: no-such-command: command not found"),
        ("./no-such-command", 127, "agent: ./no-such-command: No such file or directory"),
        (str(plain), 126, f"agent: {plain}: Permission denied"),
        (str(tmp_path), 126, f"agent: {tmp_path}: Permission denied"),
    ]
    runs = [launch("--when", when, "--timeout", "1s", "--", command) for command, _, _ in ends]
    for run, (_, code, line) in zip(runs, ends, strict=True):
        assert run.wait() == code
        assert line in run.rest()


def test_a_script_without_interpreter_line(launch, tmp_path):
    """Is run by sh, as execvp(3) and every shell do."""
    plain = tmp_path / "plain"
    plain.write_text('echo "$1"; exit 0\n')
    plain.chmod(0o755)
    run = launch("--", str(plain), "argument")
    assert run.wait() == 0
    assert run.rest() == "argument\n"


def test_debugging_off_is_exec(launch):
    """Nothing of ours remains: the step has the pid that the runner knows."""
    run = launch("--", "sh", "-c", "echo $$; exit 5", env={"HOLDFAST_DEBUG": "0", "HOLDFAST_TOKEN": "t"})
    assert run.wait() == 5
    assert run.rest() == f"{run.pid}\n"
