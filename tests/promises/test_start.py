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
