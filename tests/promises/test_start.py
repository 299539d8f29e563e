"""The first milliseconds: whenever somebody kills us, no step is left without a guard, and no signal is lost."""

import os
import signal
import sys
import time

import pytest

from agent import proc

TRIES = 24
LONGEST_MS = 96
"""From the fork on; an agent has its step after some 20 ms, on a machine with nothing else to do."""


def killed_after(launch, milliseconds, number):
    run = launch("--", "sleep", "300")
    until = time.monotonic() + milliseconds / 1000
    while time.monotonic() < until:  # a race is the point: each meets another moment of the start
        pass
    os.killpg(run.pid, number)
    return run


@pytest.mark.rule(1)
@pytest.mark.rule(2)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_kill_of_the_group_in_the_window_at_the_start(launch, number):
    """What is left would be found by its mark. A TERM that comes before the step is there still is its own."""
    runs = [killed_after(launch, LONGEST_MS * each / TRIES, number) for each in range(TRIES)]
    for run in runs:
        assert run.wait() == -number
        assert run.rest(2) == ""


SLOW = """
import os, sys
FIFO, ready, *sys.argv[1:] = sys.argv[1:]
from agent.keeper import child
be = child._be
def slow(*words):
    print("forked", flush=True)
    open(FIFO).read()
    be(*words)
child._be = slow
child.READY_MS = int(ready)
from agent.cli import main
sys.exit(main())
"""
"""An agent whose session process gets ready when a fifo says so."""


@pytest.mark.rule(2)
def test_the_step_waits_for_its_guard(launch, children, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    run = launch(
        sys.executable, "-c", SLOW, str(fifo), "20000", "run", "--", "sh", "-c", "echo began; exit 0"
    )
    run.until("forked")
    assert {proc.read(pid).name for pid in children(run.pid)} == {proc.read(run.pid).name}
    fifo.write_text("")
    assert run.wait() == 0
    assert run.rest() == "forked\nbegan\n"


@pytest.mark.rule(3)
def test_but_not_for_ever(launch, tmp_path):
    """On a machine that is stuck the step goes first."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    run = launch(sys.executable, "-c", SLOW, str(fifo), "100", "run", "--", "sh", "-c", "echo began; exit 0")
    assert run.wait() == 0
    assert run.rest() == "forked\nbegan\n"


KILLED = """
import os, sys
from agent import kernel
spawn = kernel.spawn
def spawn_and_die(*words, **more):
    spawn(*words, **more)
    os.kill(os.getpid(), 9)
kernel.spawn = spawn_and_die
from agent.cli import main
sys.exit(main())
"""
"""An agent that is killed when the step is there, and the session process has not been told."""


@pytest.mark.rule(2)
@pytest.mark.rule(16)
def test_a_step_that_the_session_process_has_not_heard_of_is_found(launch):
    run = launch(sys.executable, "-c", KILLED, "run", "--", "sleep", "300")
    assert run.wait() == -signal.SIGKILL
    assert run.rest(5) == ""
