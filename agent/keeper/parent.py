"""The process that started the agent: its death ends a hold."""

import os

from agent import proc


class Parent:
    """Our parent, watched by a pidfd; where that is refused, by a look each second.

    Not watched at all if `pid` is 0: a hang-up arrived ignored (`nohup`), or there is no parent that we can see, as
    for PID 1, or from another PID namespace. In drop-in mode the grandparent counts as well: `timeout` between us
    and the step's shell outlives it.
    """

    __slots__ = ("_grandparent", "_pid", "descriptors")

    LOOK_MS = 1000

    def __init__(self, pid: int, *, grandparent: bool = False) -> None:
        self._pid = pid
        process = proc.read(self._pid) if self._pid and grandparent else None
        self._grandparent = process.parent if process else 0
        self.descriptors = [descriptor for pid in self._pids if (descriptor := _pidfd(pid)) is not None]

    def __repr__(self) -> str:
        return f"<Parent {self._pid or 'unwatched'}>"

    @property
    def _pids(self) -> list[int]:
        return [pid for pid in (self._pid, self._grandparent) if pid]

    @property
    def must_be_looked_at(self) -> bool:
        """There is no descriptor that tells of its death."""
        return len(self.descriptors) < len(self._pids)

    @property
    def gone(self) -> bool:
        """It has ended: we belong to another."""
        if self._pid == 0:
            return False
        if os.getppid() != self._pid:
            return True
        process = proc.read(self._pid) if self._grandparent else None
        return process is not None and process.parent != self._grandparent


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except OSError:  # before Linux 5.3, or a sandbox
        return None
