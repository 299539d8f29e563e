"""Where the kernel refuses that a step is ended, the keeper says so once, and waits.

What else it may refuse is in `tests/containers/test_refused_system_calls.py`, by a real filter, for both keepers.
"""

import sys

import pytest

pytestmark = pytest.mark.source

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
