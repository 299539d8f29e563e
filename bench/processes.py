"""What processes cost: CPU time, and memory as Pss."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psutil

from bench.errors import BenchError

USERS_OWN = frozenset({"bash", "sh", "dash", "cat", "yes", "sleep", "wc"})
"""Commands that users and steps run: no part of what carries them."""

PROCESSOR_GROUPS = ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup")
"""Where groups that share processors are made: cgroup v1, and v2."""
OWN_GROUP = "holdfast-bench"


def server_side(roots: Iterable[int]) -> list[psutil.Process]:
    """Find the processes ROOTS and what they started, without the users' own commands."""
    found = {}
    for root in roots:
        try:
            process = psutil.Process(root)
            for one in (process, *process.children(recursive=True)):
                if one.name() not in USERS_OWN:
                    found[one.pid] = one
        except psutil.Error:
            continue  # ended while we looked
    return list(found.values())


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """User and system time used so far by those that still run, in seconds."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def memory_mib(processes: Iterable[psutil.Process]) -> float:
    """Sum of Pss in MiB, as it were with nothing else on the machine.

    Pss divides a page among all who map it. Here other agents, the relay and this benchmark map the same
    interpreter and libraries, so that plain Pss would flatter: of each file the pages that are unchanged
    count in full, once, for the process that has most of them. Raises BenchError if one has ended.
    """
    own, shared = 0, Counter[str]()
    for process in processes:
        try:
            mappings = process.memory_maps(grouped=True)
        except psutil.Error as error:
            raise BenchError(f"memory of {process}: {error}") from error
        for mapping in mappings:
            if mapping.path.startswith("/"):
                own += mapping.anonymous
                shared[mapping.path] = max(shared[mapping.path], mapping.rss - mapping.anonymous)
            else:
                own += mapping.pss
    return (own + shared.total()) / 2**20


@contextmanager
def processor_group() -> Iterator[bool]:
    """Be in a group of its own that shares the processors with others, as every container is.

    Yields False where none can be made. In such a group the kernel does not share them out by session besides, which
    it may do outside (sched_autogroup).
    """
    group = next((path for root in PROCESSOR_GROUPS if (path := _make_group(root)) is not None), None)
    if group is None:
        yield False
        return
    home = os.path.join(os.path.dirname(group), _current_group().lstrip("/"))
    try:
        _join(group)
        yield True
    finally:
        _join(home)
        os.rmdir(group)


def _make_group(root: str) -> str | None:
    path = os.path.join(root, OWN_GROUP)
    try:
        os.mkdir(path)
        if os.path.exists(os.path.join(path, "cpu.shares")) or os.path.exists(
            os.path.join(path, "cpu.weight")
        ):
            return path
        os.rmdir(path)
    except OSError:  # not root, or in a container, which is such a group
        pass
    return None


def _current_group() -> str:
    """Return the path of the group that we are in: in cgroup v1 that for processors, else the only one."""
    with open("/proc/self/cgroup", encoding="ascii") as file:
        groups = [line.rstrip("\n").split(":", 2) for line in file]
    return next(path for wanted in ("cpu", "") for _, names, path in groups if wanted in names.split(","))


def _join(group: str) -> None:
    with open(os.path.join(group, "cgroup.procs"), "w", encoding="ascii") as file:
        file.write("0")
