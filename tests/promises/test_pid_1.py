"""The agent may be the first process of a container."""

import os
import signal

import pytest

UNSHARE = ("unshare", "--pid", "--fork", "--mount-proc")


@pytest.fixture
def container(launch, agent):
    """Start an agent as PID 1 of a namespace of its own."""
    if os.getuid() != 0:
        pytest.skip("only root may make a PID namespace here")
    return lambda *words: launch(*UNSHARE, agent, "run", *words)


def test_exit_codes(container):
    assert container("--", "sh", "-c", "echo $PPID; exit 0").rest() == "1\n"
    assert container("--timeout", "1s", "--", "sh", "-c", "exit 3").wait() == 3


@pytest.mark.rule(11)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_a_death_by_signal_is_128_more(container, number):
    """PID 1 cannot die of a signal that it sends to itself."""
    assert container("--timeout", "1s", "--", "sh", "-c", f"kill -{int(number)} $$").wait() == 128 + number


def test_hundreds_of_orphans_leave_no_zombie(container):
    forks = "for i in $(seq 300); do (true &); done"
    look = "until ! grep -q '^State:.Z' /proc/[0-9]*/status 2>/dev/null; do :; done"
    assert container("--", "sh", "-c", f"{forks}; {look}; exit 0").wait() == 0


def test_nothing_survives_a_hold(container):
    run = container("--timeout", "1s", "--", "sh", "-c", "setsid sleep 300 & exit 3")
    assert run.wait() == 3
