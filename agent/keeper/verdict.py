"""The verdict: the status with which the agent lets go, and how a process ends with it.

A status is an exit code, or minus the number of the signal that ended the step.
"""

import os

from agent.keeper import signals

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from typing import NoReturn

CODES = range(256)

_BY_SIGNAL = 128
"""What a shell adds to a signal's number."""


def choose(said: str | None, status: int) -> int:
    """Return the code that the session process was told by a user, or the step's own `status`."""
    if said is not None and said.isascii() and said.isdigit() and int(said) in CODES:
        return int(said)
    return status


def describe(status: int | None) -> str:
    """Return a status in words."""
    if status is None:
        return "not ended"
    return f"exit code {status}" if status >= 0 else f"signal {-status}"


def leave(status: int) -> "NoReturn":
    """End this process with the code, or by the signal; no library's shutdown stands before it.

    PID 1 of a container cannot die of a signal that it does not handle: then the code is 128 + its number.
    """
    if status < 0:
        signals.die_of(-status)
        os._exit(_BY_SIGNAL - status)
    os._exit(status)
