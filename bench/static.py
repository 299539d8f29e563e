"""What the static binary costs: its start, a step that passes, the way in after one that fails (`make bench-binary`).

Every figure is beside what it is compared with, in the same rounds.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping

from bench.lab import FAILING_STEP, SSH_LINE
from bench.readiness import time_openings
from bench.wrapping import PASS, measure_memory, seconds, verdicts_table
from examples.loopback import relay

ROUNDS = 20
BINARY = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "dist", "agent")

PYTHON = "/usr/bin/python3"
"""Of the steps: what lies first in PATH may be a script."""

STEPS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], float]] = {
    "true": (("true",), ("--", "true"), 0.4),
    "bash -c :": (("bash", "-c", ":"), ("--shell", "bash", "-c", ":"), 0.5),
    "sh -c :": (("sh", "-c", ":"), ("--shell", "sh", "-c", ":"), 0.5),
    "python3 -c pass": ((PYTHON, "-c", "pass"), ("--shell", "python", "-c", "pass"), 3.0),
}
"""Bare, behind `agent run`, and the target: ms over bare."""

VARIABLES = 200
"""Of a build in a large CI; the other rows have two."""

Verdict = tuple[str, float, float]
"""A figure's name, what was reached, and the most that it may be."""


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
            relayed = (options.agent, "run", *served.agent_options(), "--", *FAILING_STEP)
            verdicts = [
                *measure_start(options.agent, options.rounds, folder, warm),
                *measure_steps(options.agent, options.rounds, warm),
                measure_build(options.agent, options.rounds, warm),
                ("memory while a step runs, MiB", measure_memory(options.agent, (), warm), 0.5),
                (
                    "failure to ssh line through a relay, ms",
                    statistics.median(time_openings(relayed, SSH_LINE, options.rounds, warm)),
                    450,
                ),
            ]
    print(verdicts_table(verdicts))
    return 0 if all(reached <= limit for _, reached, limit in verdicts) else 1


def measure_start(agent: str, rounds: int, folder: str, warm: Mapping[str, str]) -> Iterator[Verdict]:
    """Measure `--version` with a cache, with an empty one, with none, and an interpreter that does nothing."""
    version = (agent, "--version")
    cold = f"{folder}/cold"
    taken: dict[str, list[float]] = {name: [] for name in ("warm", "cold", "memory", "interpreter")}
    seconds(version, warm)
    for _ in range(rounds):
        taken["interpreter"].append(1000 * seconds(PASS, warm))
        taken["warm"].append(1000 * seconds(version, warm))
        os.mkdir(cold, 0o700)
        taken["cold"].append(1000 * seconds(version, {**warm, "HOLDFAST_CACHE": cold}))
        shutil.rmtree(cold)
        taken["memory"].append(1000 * seconds(version, {**warm, "HOLDFAST_CACHE": ""}))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    yield ("--version, ms", medians["warm"], 16)
    yield ("--version, x python3 -c pass", medians["warm"] / medians["interpreter"], 1.3)
    yield ("--version with an empty cache, ms", medians["cold"], 100)
    yield ("--version in memory, ms", medians["memory"], 120)


def measure_steps(agent: str, rounds: int, environment: Mapping[str, str]) -> Iterator[Verdict]:
    """Measure steps that pass, with a cache and without: nothing is unpacked for them."""
    caches = {"": environment, ", no cache": {**environment, "HOLDFAST_CACHE": ""}}
    for name, (_, _, limit) in STEPS.items():
        for label, over in over_bare(agent, rounds, name, caches).items():
            yield (f"{name}, ms over bare{label}", over, limit)


def measure_build(agent: str, rounds: int, environment: Mapping[str, str]) -> Verdict:
    """Measure a step that passes with as many variables as a build has."""
    build = {f"CI_VARIABLE_NUMBER_{number}": "of a build that has many" for number in range(VARIABLES)}
    name = "true"
    (over,) = over_bare(agent, rounds, name, {"": {**environment, **build}}).values()
    return (f"{name}, ms over bare, {VARIABLES} variables", over, STEPS[name][2])


def over_bare(
    agent: str, rounds: int, name: str, environments: Mapping[str, Mapping[str, str]]
) -> Mapping[str, float]:
    """Return by how many ms a step takes longer behind `agent run` in each environment than bare in the first."""
    bare, wrapped, _ = STEPS[name]
    taken: dict[str, list[float]] = {label: [] for label in ("bare", *environments)}
    for _ in range(rounds * 10):  # each is over in a moment
        taken["bare"].append(1000 * seconds(bare, next(iter(environments.values()))))
        for label, variables in environments.items():
            taken[label].append(1000 * seconds((agent, "run", *wrapped), variables))
    medians = {label: statistics.median(values) for label, values in taken.items()}
    return {label: medians[label] - medians["bare"] for label in environments}


if __name__ == "__main__":
    sys.exit(main())
