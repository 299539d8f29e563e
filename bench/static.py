"""What the static binary costs: its start, a step that passes, the way in after one that fails (`make bench-binary`).

Every figure is beside what it is compared with, in the same rounds.
"""

import argparse
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.processes import memory_mib, server_side
from bench.report import markdown
from bench.wrapping import PASS, WAITING
from examples.loopback import Relay, relay
from examples.programs import running

ROUNDS = 20
BINARY = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "dist", "agent")
FAILING = ("--", "sh", "-c", "date +%s%N; exit 3")

PYTHON = "/usr/bin/python3"
"""Of the steps: what lies first in PATH may be a script."""

STEPS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], float]] = {
    "true": (("true",), ("--", "true"), 0.4),
    "bash -c :": (("bash", "-c", ":"), ("--shell", "bash", "-c", ":"), 0.5),
    "sh -c :": (("sh", "-c", ":"), ("--shell", "sh", "-c", ":"), 0.5),
    "python3 -c pass": ((PYTHON, "-c", "pass"), ("--shell", "python", "-c", "pass"), 3.0),
}
"""Bare, behind `agent run`, and the target: ms over bare."""


@dataclass(frozen=True)
class Figure:
    """One row: what was reached, and the most that it may be."""

    name: str
    reached: float
    limit: float


def main() -> int:
    """Measure, print; 1 if a target was missed."""
    parser = argparse.ArgumentParser(prog="bench/static.py", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--agent", default=BINARY, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        warm = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOLDFAST_CACHE": f"{folder}/warm"}
        os.mkdir(f"{folder}/warm", 0o700)
        with relay() as served:
            figures = [
                *measure_start(options.agent, options.rounds, folder, warm),
                *measure_steps(options.agent, options.rounds, warm),
                Figure("memory while a step runs, MiB", measure_memory(options.agent, warm), 0.5),
                Figure(
                    "failure to ssh line, ms",
                    measure_opening(options.agent, options.rounds, served, warm),
                    450,
                ),
            ]
    rows = [["", "at most", "reached", ""]]
    for figure in figures:
        verdict = "ok" if figure.reached <= figure.limit else "MISSED"
        rows.append([figure.name, f"{figure.limit:g}", f"{figure.reached:.2f}", verdict])
    print(markdown(rows))
    return 0 if all(figure.reached <= figure.limit for figure in figures) else 1


def measure_start(agent: str, rounds: int, folder: str, warm: Mapping[str, str]) -> Iterator[Figure]:
    """Measure `--version` with a cache, with an empty one, with none, and an interpreter that does nothing."""
    version = (agent, "--version")
    cold = f"{folder}/cold"
    taken: dict[str, list[float]] = {name: [] for name in ("warm", "cold", "memory", "interpreter")}
    _milliseconds(version, warm)
    for _ in range(rounds):
        taken["interpreter"].append(_milliseconds(PASS, warm))
        taken["warm"].append(_milliseconds(version, warm))
        os.mkdir(cold, 0o700)
        taken["cold"].append(_milliseconds(version, {**warm, "HOLDFAST_CACHE": cold}))
        shutil.rmtree(cold)
        taken["memory"].append(_milliseconds(version, {**warm, "HOLDFAST_CACHE": ""}))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    yield Figure("--version, ms", medians["warm"], 16)
    yield Figure("--version, x python3 -c pass", medians["warm"] / medians["interpreter"], 1.3)
    yield Figure("--version with an empty cache, ms", medians["cold"], 100)
    yield Figure("--version in memory, ms", medians["memory"], 120)


def measure_steps(agent: str, rounds: int, environment: Mapping[str, str]) -> Iterator[Figure]:
    """Measure steps that pass, with a cache and without: nothing is unpacked for them."""
    caches = {"": environment, ", no cache": {**environment, "HOLDFAST_CACHE": ""}}
    for name, (bare, wrapped, limit) in STEPS.items():
        taken: dict[str, list[float]] = {label: [] for label in ("bare", *caches)}
        for _ in range(rounds * 10):  # each is over in a moment
            taken["bare"].append(_milliseconds(bare, environment))
            for label, variables in caches.items():
                taken[label].append(_milliseconds((agent, "run", *wrapped), variables))
        medians = {label: statistics.median(values) for label, values in taken.items()}
        for label in caches:
            yield Figure(f"{name}, ms over bare{label}", medians[label] - medians["bare"], limit)


def measure_memory(agent: str, environment: Mapping[str, str]) -> float:
    """Return what waits beside a running step, in MiB."""
    with running([agent, "run", *WAITING], env=environment) as program:
        program.wait_for("^running$")
        return memory_mib(server_side([program.pid]))


def measure_opening(agent: str, rounds: int, served: Relay, environment: Mapping[str, str]) -> float:
    """Return the median of ms from a step's failure to the line that says how to log in, through a relay."""
    argv = [agent, "run", *served.agent_options(), *FAILING]
    taken = []
    for _ in range(rounds):
        with running(argv, env=environment) as program:
            failed = program.wait_for(r"^(\d+)$")
            program.wait_for(re.compile(r"^ *ssh .*@.*$", re.MULTILINE).pattern)
            taken.append(time.time() * 1000 - int(failed[1]) / 1e6)
    return statistics.median(taken)


def _milliseconds(argv: Sequence[str], environment: Mapping[str, str]) -> float:
    null = os.open(os.devnull, os.O_WRONLY)
    begun = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, environment, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
    _, status = os.waitpid(pid, 0)
    taken = (time.perf_counter() - begun) * 1000
    os.close(null)
    if status:
        raise SystemExit(f"{' '.join(argv)}: ended with {os.waitstatus_to_exitcode(status)}")
    return taken


if __name__ == "__main__":
    sys.exit(main())
