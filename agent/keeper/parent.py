"""The process that started the agent: its death ends a hold."""

import os


class Parent:
    """Our parent, watched by a pidfd; where that is refused, by a look each second.

    Not watched at all if a hang-up arrived ignored (`nohup`), or without a parent that we can see: as PID 1,
    or from another PID namespace.
    """

    __slots__ = ("_pid", "descriptor")

    LOOK_MS = 1000

    def __init__(self, *, watched: bool) -> None:
        self._pid = os.getppid() if watched else 0
        self.descriptor = _pidfd(self._pid) if self._pid else None

    def __repr__(self) -> str:
        return f"<Parent {self._pid or 'unwatched'}>"

    @property
    def must_be_looked_at(self) -> bool:
        """There is no descriptor that tells of its death."""
        return self._pid != 0 and self.descriptor is None

    @property
    def gone(self) -> bool:
        """It has ended: we belong to another."""
        return self._pid != 0 and os.getppid() != self._pid


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except OSError:  # before Linux 5.3, or a sandbox
        return None
