"""A relay and a failing build step on loopback (`make demo`): log in with the ssh line that is printed.

Everything lives in temporary directories. Ctrl-C here, or `agent resume` in the session, ends it all.
"""

import os
import shutil
import signal
import sys
import tempfile
from types import FrameType

from examples.loopback import Relay, relay
from examples.programs import ProgramError, installed, running

PROJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "failing-project")
STEP = (sys.executable, "-m", "unittest")

SSH_LINE = r"^ssh (?P<rest>.*)TOKEN:(?P<place>\S+)$"
"""The ssh command in the agent's log, alone on its line."""

THROW_AWAY = "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no"
"""The relay of a demo has a new host key each time: no ssh shall remember it, or complain."""

HOLD_SECONDS = 2 * 3600.0
"""Longer than the agent's own limit of one hour, which ends the session with a line that says so."""


def main() -> int:
    """Set up, wait for the session's end, take down."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with relay() as served, tempfile.TemporaryDirectory(prefix="holdfast-demo-") as directory:
            demonstrate(served, shutil.copytree(PROJECT, os.path.join(directory, "project")))
    except KeyboardInterrupt:
        say("", "demo: ended; nothing is left of it")
    except ProgramError as error:
        say(f"demo: {error}")
        return 1
    return 0


def demonstrate(served: Relay, project: str) -> None:
    """Run the project's tests as a build step, and hold it when they fail."""
    argv = [installed("agent"), "run", *served.agent_options(), "--step", "unit tests", "--", *STEP]
    with running(argv, cwd=project, copy_to=sys.stdout.fileno()) as agent:
        line = agent.wait_for(SSH_LINE)
        agent.settle()
        say(
            "",
            "demo: in another window, ready to paste (the token is this demo's own):",
            "",
            f"ssh {THROW_AWAY} {line['rest']}{served.user_token}:{line['place']}",
            "",
            "demo: there, for example:  sed -i s/360/3600/ durations.py",
            "demo:                      python3 -m unittest",
            "demo:                      agent resume --pass",
            "demo: or press Ctrl-C here to abort the build",
            "",
        )
        status = agent.wait(HOLD_SECONDS)
        say("", f"demo: the build goes on: the step gave exit code {status}")


def say(*lines: str) -> None:
    """Print lines at once, among those of the agent."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # one is enough: taking down is not to be interrupted
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
