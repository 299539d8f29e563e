"""What the demo, the benchmark and the tests start programs with."""

import os
import signal

import pytest

from examples.programs import Program, ProgramError, run, running


def shell(text):
    return running(["sh", "-c", text])


def test_waits_for_a_line_and_for_the_end():
    with shell("echo one; echo two >&2; exit 3") as program:
        assert program.wait_for(r"^t(w)o$")[1] == "w"
        assert program.wait() == 3
        assert program.output == "one\ntwo\n"


def test_line_that_never_comes():
    with (
        shell("echo last words") as program,
        pytest.raises(ProgramError, match=r"(?s)ended without.*last words"),
    ):
        program.wait_for("never")
    with shell("exec sleep 60") as program, pytest.raises(ProgramError, match=r"in 0\.05 s"):
        program.wait_for("never", 0.05)


def test_end_is_seen_though_a_child_keeps_the_pipe():
    with shell("sleep 60 & echo $!; exit 4") as program:
        assert program.wait() == 4
        os.kill(int(program.output), signal.SIGKILL)


def test_output_is_copied(tmp_path):
    with open(tmp_path / "copy", "wb") as copy, running(["echo", "text"], copy_to=copy.fileno()) as program:
        program.wait()
    assert (tmp_path / "copy").read_bytes() == b"text\n"


def test_stop_ends_what_runs_and_tolerates_what_has_ended():
    program = Program(["sleep", "60"])
    assert program.running
    assert program.stop() == -signal.SIGTERM
    assert program.stop() == -signal.SIGTERM


def test_program_that_does_not_exist():
    with pytest.raises(ProgramError, match="no-such-program"):
        Program(["no-such-program"])
    with pytest.raises(ProgramError, match="no-such-program"):
        run(["no-such-program"])


def test_failing_run_tells_what_was_said():
    with pytest.raises(ProgramError, match=r"exit 2: wrong"):
        run(["sh", "-c", "echo wrong >&2; exit 2"])
