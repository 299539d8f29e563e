"""Where the kernel refuses what the keeper needs, the step runs as if there were no agent."""

import sys

import pytest

pytestmark = pytest.mark.source

DRIVER = """
import sys
from agent import kernel
kernel._call_function = lambda *_: -1
from agent.cli import main
sys.exit(main())
"""


def test_the_agent_becomes_the_step(launch):
    run = launch(sys.executable, "-c", DRIVER, "run", "--", "sh", "-c", "echo $$; exit 5")
    assert run.wait() == 5
    assert run.rest() == f"holdfast: no session can open here: the kernel refused signalfd\n{run.pid}\n"


OTHERS = """
import sys
from agent import config
config.STEP_TIMEOUT_MARGIN = 0
from agent.keeper import ending
ending._send = lambda pid, number, refused: refused.add(pid)
from agent.cli import main
sys.exit(main())
"""


@pytest.mark.rule(14)
def test_a_step_that_became_another_users(launch):
    """Nobody here can end it at its --step-timeout: that is said once, and it is waited for."""
    run = launch(
        sys.executable, "-c", OTHERS, "run", "--step-timeout", "1s", "--", "sh", "-c", "sleep 2; exit 4"
    )
    assert run.wait() == 4
    assert run.rest() == "holdfast: the step has run for its --step-timeout, 1 s: ending it\n"
