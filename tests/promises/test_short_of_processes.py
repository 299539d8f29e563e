"""Where no process can be forked, the step comes first, and its result stays its own."""

import os
import signal

import pytest

LINE = "holdfast: no session: out of processes or memory; the step's own result stands"


@pytest.mark.rule(3)
@pytest.mark.parametrize("processes", [1, 2])
def test_the_agent_becomes_the_step(launch, as_user, processes):
    """With room for one process there is no session process, with room for two no other for the step."""
    limit = ["prlimit", f"--nproc={processes}"]
    run = launch(*limit, *as_user, "run", "--", "sh", "-c", "echo $$; exit 5", cwd="/")
    assert run.wait() == 5
    assert run.rest() == f"{run.pid}\n"


@pytest.mark.rule(3)
def test_no_session_can_be_forked_anew(launch, as_user, session_process):
    """A session process that died asleep, and no room for another at the failure."""
    script = "prlimit --pid $PPID --nproc=1; echo ready; read -r _; exit 5"
    run = launch(*as_user, "run", "--", "sh", "-c", script, cwd="/")
    run.until("ready")
    os.kill(session_process(run.pid), signal.SIGKILL)
    run.type(b"\n")
    assert run.wait() == 5
    assert LINE in run.rest()


def test_failed_shells_that_cannot_fork(launch, as_user):
    """Asked for their state they would try to, and lose their exit code: bash gives 254 after 15 s, dash 2."""
    script = "prlimit --pid $$ --nproc=1; exit 7"
    options = ("--timeout", "1s", "--shell")
    runs = [launch(*as_user, "run", *options, shell, "-c", script, cwd="/") for shell in ("bash", "sh")]
    assert [run.wait() for run in runs] == [7, 7]
    for run in runs:
        assert "agent inspect" in run.rest()
