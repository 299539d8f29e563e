"""`docker stop` and `docker kill`, while the step runs and while it is held: the container ends with all in it."""

import os

import pytest

from tests.containers.container import ended, processes

RUNNING = "echo running; while :; do sleep 300 & wait; done"
OBEYS = f"trap 'echo told; exit 7' TERM; {RUNNING}"
STUBBORN = f"trap '' TERM; {RUNNING}"
LEAVES_SOMETHING = "setsid sleep 300 & exit 3"
SIGKILLED = 137

UNDER = pytest.mark.parametrize("options", [(), ("--init",)], ids=["PID 1", "under an init"])


@pytest.fixture
def all_in(container):
    """Start a container, wait for a text in its log, and look what runs in it."""

    def start(text, script, options=()):
        one = container("busybox", "--", "sh", "-c", script, options=options)
        one.wait_for(text)
        return one, list(processes(one.pid))

    return start


@UNDER
def test_stop_of_a_step_that_obeys(all_in, options):
    one, pids = all_in("running", OBEYS, options)
    one.stop()
    assert one.wait() == 7
    assert one.log.count("told") == 1
    assert ended(pids)


@UNDER
def test_stop_of_a_step_that_does_not(all_in, options):
    """The agent waits for it as long as the engine does."""
    one, pids = all_in("running", STUBBORN, options)
    one.stop(seconds=1)
    assert one.wait() == SIGKILLED
    assert ended(pids)


@UNDER
def test_stop_of_a_hold(all_in, options):
    """An abort: what the step left gets TERM, and the build the step's own exit code."""
    one, pids = all_in("resume", LEAVES_SOMETHING, options)
    assert len(pids) >= 3
    one.stop()
    assert one.wait() == 3
    assert "aborted" in one.log
    assert ended(pids)


@pytest.mark.parametrize(
    ("text", "script"), [("running", OBEYS), ("resume", LEAVES_SOMETHING)], ids=["step", "hold"]
)
@UNDER
def test_kill(all_in, text, script, options):
    one, pids = all_in(text, script, options)
    one.kill()
    assert one.wait() == SIGKILLED
    assert ended(pids)


def test_a_killed_session_process_does_not_take_the_exit_code_along(container):
    """The host may kill one process of a container, as an out-of-memory killer does."""
    one = container("busybox", "--", "sh", "-c", LEAVES_SOMETHING)
    one.wait_for("resume")
    init = one.pid
    with open(f"/proc/{init}/task/{init}/children", encoding="ascii") as file:
        children = [int(word) for word in file.read().split()]
    (session,) = (pid for pid in children if _program(pid) not in (b"sleep", b"sh"))
    os.kill(session, 9)
    assert one.wait() == 3
    assert "holdfast: the session process ended (signal 9): the session is over" in one.log


def _program(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().split(b"\0")[0]
