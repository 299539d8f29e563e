"""Our stand beside the step, taken before that is there: what arrived, what we hold, what the kernel does for us."""

import os

from agent import descriptors, kernel
from agent.errors import KernelError
from agent.keeper import pipes, signals


class Stand:
    """What the keeper has from before the step.

    `arrived`: signals as the runner gave them; `signals`: the descriptor that they are read from; `parent`: pid of who
    started us; `pipes`: None where they cannot be; `terminal`: one of our standard descriptors is our controlling one.
    """

    __slots__ = ("arrived", "parent", "pipes", "signals", "terminal")

    def __init__(self, arrived: signals.Arrived) -> None:
        """Take it: KernelError where the kernel refuses. What is taken so far is undone by an `exec`."""
        if not os.access("/proc/self/fd", os.X_OK):  # where we could find no process, we could end none
            raise KernelError("/proc is not mounted")
        descriptors.occupy_standard()
        self.arrived = arrived
        self.parent = os.getppid()
        self.terminal = any(_is_controlling(descriptor) for descriptor in descriptors.STANDARD)
        self.pipes = pipes.make()
        self.signals = signals.descriptor()
        kernel.hide_memory()
        kernel.adopt_orphans()

    def __repr__(self) -> str:
        return f"<Stand {self.arrived!r} {self.pipes!r}{' terminal' if self.terminal else ''}>"


def _is_controlling(descriptor: int) -> bool:
    try:
        os.tcgetpgrp(descriptor)
    except OSError:
        return False
    return True
