"""The drop-in for tmate: hold the container of a step that another's trap has seen fail."""

import os
import time

from agent import proc
from agent.config import SECRETS
from agent.errors import KernelError, UsageError
from agent.keeper import child, secrets, signals
from agent.keeper.keeper import Keeper
from agent.keeper.stand import Stand
from agent.output import say
from agent.tmate import configure, is_foreground

USAGE_EXIT = 2

TIMEOUT = b"timeout"
"""The program that today's traps put between the step's shell and us."""


def main(arguments: list[str]) -> int:
    """Hold until the session ends.

    In the foreground mode the exit code is 0 whatever happens: in a trap under `set -e` another one would replace
    the step's own.
    """
    if not is_foreground(arguments):
        configure(arguments, dict(os.environ), say)  # which says what is supported
        return USAGE_EXIT
    os.dup2(1, 2)  # where runners show what tmate says
    try:
        _hold(arguments)
    except (UsageError, KernelError) as error:
        say(f"no session: {error}")
    os._exit(0)


def _hold(arguments: list[str]) -> None:
    arrived = signals.take_over()
    config = configure(arguments, secrets.arrived(), say)
    secrets.wipe(SECRETS)
    if config.when != "never":
        stand = Stand(arrived)
        Keeper(config, stand, child.start(config, stand.pipes)).hold_for_another(age_of_step())


def age_of_step() -> float:
    """Return how many seconds ago the step's interpreter started: our parent, or behind `timeout` its own.

    0 where that cannot be seen: then the runner's limit counts from now.
    """
    parent = proc.read(os.getppid())
    if parent and parent.name == TIMEOUT:
        parent = proc.read(parent.parent)
    if parent is None:
        return 0.0
    return max(time.clock_gettime(time.CLOCK_BOOTTIME) - parent.start / os.sysconf("SC_CLK_TCK"), 0.0)
