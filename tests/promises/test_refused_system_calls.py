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
