"""What a step that passes pays for being wrapped: time, memory, throughput (`make bench`).

Beside it in the same rounds: the bare step, and an interpreter that starts and does nothing.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.processes import memory_mib, processor_group, server_side
from bench.report import markdown
from examples.loopback import relay
from examples.programs import installed, running

ROUNDS = 60
"""Each starts every command once: the medians of so many are steady to a few per cent on a quiet machine."""

LOOK_SECONDS = 0.2
"""Between two looks at the memory: the session process begins in that of the keeper, where it would count twice."""

BULK_BYTES = 4 << 30
"""So many that the agent's start, which has rows of its own, is no per cent of the time."""
BULK_ROUNDS = 3

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "out")

TIME_LIMIT = 1.6
"""Times `python3 -c pass`, over the bare step."""
MEMORY_LIMIT_MIB = 12.0
BULK_LIMIT = 1.02
"""Times the bare step's time."""

_TO_NOWHERE = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]

PASS = (sys.executable, "-c", "pass")
STEPS: Mapping[str, tuple[str, ...]] = {
    "true": ("true",),
    "bash -c :": ("bash", "-c", ":"),
    "sh -c :": ("sh", "-c", ":"),
    "python3 -c pass": PASS,
}
WRAPPED: Mapping[str, tuple[str, ...]] = {
    "true": ("--", "true"),
    "bash -c :": ("--shell", "bash", "-c", ":"),
    "sh -c :": ("--shell", "sh", "-c", ":"),
    "python3 -c pass": ("--shell", "python", "-c", "pass"),
}
WAITING = ("--", "sh", "-c", "echo running; exec sleep 600")


@dataclass(frozen=True)
class Cost:
    """One row: medians in ms, and what wrapping adds as a multiple of a bare interpreter's start."""

    step: str
    bare: float
    wrapped: float
    standby: float
    interpreter: float

    def ratio(self, wrapped: float) -> float:
        """Return what wrapping adds, in starts of an interpreter that does nothing."""
        return (wrapped - self.bare) / self.interpreter


def main() -> int:
    """Measure, print, write; 1 if a target was missed."""
    parser = argparse.ArgumentParser(prog="bench/wrapping.py", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", default=OUT, metavar="DIR", help="where wrapping.json goes")
    options = parser.parse_args()
    # Compiling our modules at each start would be most of the time, and no installation does it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    # One and the same interpreter in every row: what lies first in PATH elsewhere may be a script.
    environment["PATH"] = f"{os.path.dirname(sys.executable)}:{environment['PATH']}"
    with relay() as served:
        standby = (*served.agent_options(), "--standby")
        costs = list(measure_time(options.rounds, standby, environment))
        agent = installed("agent")
        memory = {
            "direct": measure_memory(agent, (), environment),
            "standby": measure_memory(agent, standby, environment),
        }
    bulk = {"here": measure_bulk(environment)}
    with processor_group() as is_own:
        if is_own:
            bulk["as in a container"] = measure_bulk(environment)
    verdicts = [
        *(
            (f"{cost.step}: over bare, x python3 -c pass", cost.ratio(cost.wrapped), TIME_LIMIT)
            for cost in costs
        ),
        ("memory while the step runs, MiB", memory["direct"], MEMORY_LIMIT_MIB),
        *(
            (
                f"{BULK_BYTES >> 30} GiB through agent run -- cat {place}, x {name}",
                seconds_of["wrapped"] / seconds_of[name],
                BULK_LIMIT,
            )
            for place, seconds_of in bulk.items()
            for name in ("bare", "setsid")
        ),
    ]
    print(_table(costs), verdicts_table(verdicts), f"standby: {memory['standby']:.1f} MiB", sep="\n\n")
    os.makedirs(options.out, exist_ok=True)
    with open(os.path.join(options.out, "wrapping.json"), "w", encoding="utf-8") as file:
        document = {"ms": [vars(cost) for cost in costs], "memory_mib": memory, "bulk_s": bulk}
        json.dump(document, file, indent=1, ensure_ascii=False)
    return 0 if all(reached <= limit for _, reached, limit in verdicts) else 1


def measure_time(rounds: int, standby: Sequence[str], environment: Mapping[str, str]) -> Iterator[Cost]:
    """Start everything in turns, so that a machine whose speed drifts treats all alike."""
    agent = installed("agent")
    commands: dict[tuple[str, str], Sequence[str]] = {("", "interpreter"): PASS}
    for name, words in STEPS.items():
        commands[name, "bare"] = words
        commands[name, "wrapped"] = (agent, "run", *WRAPPED[name])
        commands[name, "standby"] = (agent, "run", *standby, *WRAPPED[name])
    taken: dict[tuple[str, str], list[float]] = {key: [] for key in commands}
    for _ in range(rounds):
        for key, argv in commands.items():
            taken[key].append(seconds(argv, environment) * 1000)
    medians = {key: statistics.median(values) for key, values in taken.items()}
    for name in STEPS:
        kinds = {kind: medians[name, kind] for kind in ("bare", "wrapped", "standby")}
        yield Cost(name, **kinds, interpreter=medians["", "interpreter"])


def measure_memory(agent: str, options: Sequence[str], environment: Mapping[str, str]) -> float:
    """Return the sum of Pss, in MiB, of what waits beside a running step, once two looks show the same."""
    with running([agent, "run", *options, *WAITING], env=environment) as program:
        program.wait_for("^running$")
        before, now = None, memory_mib(server_side([program.pid]))
        while now != before:
            time.sleep(LOOK_SECONDS)
            before, now = now, memory_mib(server_side([program.pid]))
        return now


def measure_bulk(environment: Mapping[str, str]) -> dict[str, float]:
    """Return the best seconds in which the bulk goes through `cat`, from a pipe into a pipe: bare, alone, wrapped.

    All on one processor: on several it is the scheduler that is measured, which puts the ends of a pipe together or
    apart, and the figure swings by half. Alone is in a session of its own (`setsid`), as a step of ours: outside of
    containers the kernel shares processors out by session, and that alone may take a fifth more.
    """
    source = f"head -c {BULK_BYTES} /dev/zero"
    commands = {"bare": "cat", "setsid": "setsid --wait cat", "wrapped": f"{installed('agent')} run -- cat"}
    taken: dict[str, list[float]] = {name: [] for name in commands}
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    for _ in range(BULK_ROUNDS):
        for name, command in commands.items():
            line = f"{source} | {command} | cat >/dev/null"
            taken[name].append(seconds(("sh", "-c", line), environment))
    os.sched_setaffinity(0, processors)
    return {name: min(values) for name, values in taken.items()}


def seconds(argv: Sequence[str], environment: Mapping[str, str]) -> float:
    """Return how long a command takes, from its start to its end; SystemExit if it fails. Nobody sees its output."""
    begun = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, environment, file_actions=_TO_NOWHERE)
    _, status = os.waitpid(pid, 0)
    if status:
        raise SystemExit(f"{' '.join(argv)}: ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - begun


def _table(costs: Sequence[Cost]) -> str:
    rows = [["step", "bare, ms", "wrapped, ms", "x python3 -c pass", "standby, ms", "python3 -c pass, ms"]]
    for cost in costs:
        figures = (cost.bare, cost.wrapped, cost.ratio(cost.wrapped), cost.standby, cost.interpreter)
        rows.append([cost.step, *(f"{figure:.2f}" for figure in figures)])
    return markdown(rows)


def verdicts_table(verdicts: Sequence[tuple[str, float, float]]) -> str:
    """Write targets as a table, each by its name, what was reached, and the most that it may be."""
    rows = [["target", "at most", "reached", ""]]
    for name, reached, limit in verdicts:
        rows.append([name, f"{limit:g}", f"{reached:.2f}", "ok" if reached <= limit else "MISSED"])
    return markdown(rows)


if __name__ == "__main__":
    sys.exit(main())
