"""What processes cost: CPU time, and memory as Pss."""

from collections import Counter
from collections.abc import Iterable

import psutil

from bench.errors import BenchError

USERS_OWN = frozenset({"bash", "sh", "dash", "cat", "yes", "sleep", "wc"})
"""Commands that users and steps run: no part of what carries them."""


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
