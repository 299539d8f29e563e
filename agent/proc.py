"""Processes as /proc shows them: little and fast, for processes that must not import psutil."""

import os

_BEFORE_NAME_END = b")"  # the name may hold blanks and brackets: fields are counted from its last bracket
_DEAD = ("Z", "X")


class Process:
    """One line of /proc/PID/stat: state letter, ids, the start in clock ticks since boot, the program's name."""

    __slots__ = ("group", "name", "parent", "pid", "session", "start", "state")

    def __init__(
        self,
        pid: int,
        state: str,
        *,
        parent: int,
        group: int,
        session: int,
        start: int,
        name: bytes = b"",
    ) -> None:
        self.pid = pid
        self.name = name
        self.state = state
        self.parent = parent
        self.group = group
        self.session = session
        self.start = start

    def __repr__(self) -> str:
        ids = f"parent={self.parent} group={self.group} session={self.session}"
        return f"<Process {self.pid} {self.state} {ids}>"

    @property
    def alive(self) -> bool:
        """Neither a zombie nor gone."""
        return self.state not in _DEAD

    @property
    def stopped(self) -> bool:
        """Stopped by a signal."""
        return self.state == "T"


def parse(pid: int, line: bytes) -> Process:
    """Parse a line of /proc/PID/stat (proc(5), fields 3 to 6 and 22)."""
    head, _, rest = line.rpartition(_BEFORE_NAME_END)
    fields = rest.split()
    parent, group, session, start = (int(fields[index]) for index in (1, 2, 3, 19))
    return Process(
        pid,
        fields[0].decode(),
        parent=parent,
        group=group,
        session=session,
        start=start,
        name=head.partition(b"(")[2],
    )


def read(pid: int) -> Process | None:
    """Return the process, or None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return parse(pid, file.read())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def snapshot() -> dict[int, Process]:
    """Return every process that can be seen, by pid."""
    found = (read(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {process.pid: process for process in found if process is not None}


def lineage(pid: int) -> list[int]:
    """Return `pid` and its ancestors as far as they can be seen; nothing if it is gone."""
    found: list[int] = []
    while pid > 0 and pid not in found and (process := read(pid)) is not None:
        found.append(pid)
        pid = process.parent
    return found


def below(roots: set[int], processes: dict[int, Process]) -> set[int]:
    """Return the pids of all descendants of `roots`, without the roots themselves."""
    children: dict[int, list[int]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    todo = list(roots)
    while todo:
        for child in children.get(todo.pop(), ()):
            if child not in found and child not in roots:
                found.add(child)
                todo.append(child)
    return found


def has_variable(pid: int, entry: bytes) -> bool:
    """Tell whether a process was started with this `NAME=VALUE` in its environment."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return entry in file.read().split(b"\0")
    except OSError:  # gone, or another user's
        return False


def holders(inode: int, pids: "set[int] | dict[int, Process]") -> set[int]:
    """Return those of `pids` that have the pipe with this inode open."""
    pipe = f"pipe:[{inode}]"
    return {pid for pid in pids if _holds(pid, pipe)}


def _holds(pid: int, target: str) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:  # gone, or another user's
        return False
    for name in names:
        try:
            if os.readlink(f"{folder}/{name}") == target:
                return True
        except OSError:  # closed meanwhile
            continue
    return False
