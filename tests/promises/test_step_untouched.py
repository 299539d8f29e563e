"""The step finds what it would have found without us: environment, descriptors, signals, pipes."""

import os
import signal
import subprocess

import pytest

LOOK = """
import json, os, sys
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
own = os.open("/", os.O_RDONLY)
json.dump({
    "signals": [status[name] for name in ("SigBlk", "SigIgn", "SigCgt")],
    "descriptors": sorted(int(fd) for fd in os.listdir("/proc/self/fd") if int(fd) < own),
    "umask": status["Umask"], "tracer": status["TracerPid"], "core": status.get("CoreDumping"),
    "cwd": os.getcwd(),
}, sys.stdout)
"""


def both(agent, argv, *options, preexec=None, env=None):
    """Run a command bare and wrapped; return the two outputs."""
    commands = (argv, [agent, "run", *options, "--", *argv])
    return [
        subprocess.run(
            command, preexec_fn=preexec, env=env, stdout=subprocess.PIPE, check=True, timeout=20
        ).stdout
        for command in commands
    ]


def block_and_ignore():
    signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGUSR2, signal.SIGRTMIN + 3})
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)


@pytest.mark.rule(4)
@pytest.mark.parametrize(
    "preexec", [None, block_and_ignore, lambda: os.umask(0o27)], ids=["plain", "signals", "umask"]
)
def test_process_state(agent, preexec):
    """Dispositions, mask, umask, descriptors: read by an interpreter that changes none of them before."""
    bare, wrapped = both(agent, ["python3", "-I", "-S", "-c", LOOK], preexec=preexec)
    assert wrapped == bare
    bare, execed = both(agent, ["python3", "-I", "-S", "-c", LOOK], "--when", "never", preexec=preexec)
    assert execed == bare


SPAWNED = """
import os, sys
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, setsigdef=(13, 25))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
"""Starts a command as `posix_spawn` does: the C library leaves its own two signals ignored there."""


@pytest.mark.rule(4)
def test_process_state_below_one_that_was_spawned(agent):
    look = ["python3", "-I", "-S", "-c", LOOK]
    commands = (look, [agent, "run", "--", *look])
    bare, wrapped = (
        subprocess.run(
            ["python3", "-c", SPAWNED, *command], stdout=subprocess.PIPE, check=True, timeout=20
        ).stdout
        for command in commands
    )
    assert b'"0000000181001000"' in bare  # and SIGPIPE and SIGXFSZ, which an interpreter ignores
    assert wrapped == bare


@pytest.mark.rule(4)
@pytest.mark.parametrize("when", ["failure", "never"])
def test_under_nohup(launch, agent, when):
    """A step is as deaf to a hang-up as it is bare."""
    run = launch("nohup", agent, "run", "--when", when, "--", "sh", "-c", "kill -HUP $$; echo alive; exit 0")
    assert run.wait() == 0
    assert "alive" in run.rest()


def test_environment_is_the_same_to_the_byte(agent):
    """Without a locale the interpreter adds LC_CTYPE to its own environment; the step must not have it."""
    environment = {b"PATH": os.environb[b"PATH"], b"ODD": b"\xff\xfe=", b"EMPTY": b"", b"lower": b"a\nb"}
    environment[b"HOLDFAST_TEST_RUN"] = os.environb[b"HOLDFAST_TEST_RUN"]
    bare, wrapped = both(agent, ["env", "-0"], env=environment)
    assert sorted(wrapped.split(b"\0")) == sorted(bare.split(b"\0"))


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_standard_descriptor_stays_closed(launch, closed, tmp_path):
    run = launch(
        "--",
        "sh",
        "-c",
        f"ls /proc/self/fd > {tmp_path}/list; exit 0",
        preexec=lambda: os.close(closed),
    )
    assert run.wait() == 0
    # `ls` opens the list where the redirection left room: what was closed is either that, or not there.
    with open(f"{tmp_path}/list") as file:
        assert {"0", "1", "2"} - set(file.read().split()) <= {str(closed)}


@pytest.mark.rule(13)
def test_one_descriptor_is_added_and_it_is_high(launch):
    run = launch("--", "sh", "-c", "ls /proc/$$/fd; ulimit -n; exit 0")
    assert run.wait() == 0
    *numbers, limit = (int(word) for word in run.rest().split())
    assert [number for number in numbers if number > 9] == [min(limit - 1, 1000)]


@pytest.mark.rule(13)
def test_few_descriptors(launch, agent):
    """`nofile` 30 is enough, 8 leaves room for no mark."""
    for limit in (30, 12):
        run = launch("sh", "-c", f"ulimit -n {limit}; exec {agent} run -- sh -c 'exit 0'")
        assert run.wait() == 0, run.rest()


def test_a_broken_pipe_ends_the_step(launch, agent):
    """`yes | head -1`: SIGPIPE is at its default again, and we do not hold the pipe."""
    run = launch(
        "bash", "-c", f"{agent} run --timeout 1s -- yes 2>/dev/null | head -1; echo ${{PIPESTATUS[*]}}"
    )
    assert run.rest() == "y\n141 0\n"
    assert run.wait() == 0


def test_we_hold_none_of_the_steps_pipes(launch, children):
    """A reader sees the end when the step closes its output, a writer when it closes its input."""
    read, write = os.pipe()
    run = launch("--", "sh", "-c", "echo ready; read -r _; exit 0", pass_fds=[write])
    os.close(write)
    run.until("ready")
    step = next(pid for pid in children(run.pid) if is_named(pid, "sh"))

    def holders():
        return [pid for pid in (run.pid, *children(run.pid)) if str(write) in os.listdir(f"/proc/{pid}/fd")]

    while holders() != [
        step
    ]:  # the keeper lets go just after the step began; the test's own timeout guards it
        pass
    for pid in {run.pid, *children(run.pid)} - {step}:
        assert {os.readlink(f"/proc/{pid}/fd/{number}") for number in (0, 1)} == {"/dev/null"}
    run.type(b"\n")
    assert run.wait() == 0
    assert os.read(read, 1) == b""
    os.close(read)


def is_named(pid, name):
    with open(f"/proc/{pid}/comm") as file:
        return file.read().strip() == name


def test_shells_get_their_arguments(launch, tmp_path):
    script = tmp_path / "script"
    script.write_text('echo "$0|$*"\n')
    assert (
        launch("--shell", "bash", "-c", 'echo "$0|$*"', "zero", "a b", "--when").rest() == "zero|a b --when\n"
    )
    assert launch("--shell", "sh", str(script), "-c", "--").rest() == f"{script}|-c --\n"
    assert launch("--shell", "sh", "--", str(script)).rest() == f"{script}|\n"
