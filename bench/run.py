"""The figures of the README: Holdfast beside OpenSSH, on this machine, in one run (`make bench`)."""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType

from bench.chart import draw
from bench.errors import BenchError
from bench.files import Files
from bench.interactive import measure_echo, measure_interrupt, measure_login, measure_text
from bench.lab import Lab, all_peers
from bench.peers import NAMES, Peer
from bench.readiness import measure_memory, measure_memory_after, measure_opening
from bench.report import figures_table, verdicts_table
from bench.results import Samples, Values, judge
from bench.scale import FULL, QUICK, Scale
from bench.transfers import measure_exec, measure_sftp
from examples.programs import ProgramError

Measure = Callable[[Peer, Files, Scale], Values]

MEASURES: dict[str, Measure] = {
    "memory": measure_memory,  # first: of sessions that nothing was done in
    "opening": measure_opening,
    "login": measure_login,
    "echo": measure_echo,
    "text": measure_text,
    "interrupt": measure_interrupt,
    "exec": measure_exec,
    "sftp": measure_sftp,
    "memory-after": measure_memory_after,
}
EXPECTED_ERRORS = (BenchError, ProgramError, OSError, subprocess.SubprocessError)
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "out")


def main() -> int:
    """Measure, print, write; 0 if every figure could be measured."""
    options = parse_arguments()
    signal.signal(signal.SIGTERM, _interrupt)  # ends as ^C does: everything is taken down
    scale = QUICK if options.quick else FULL
    names = [name for name in NAMES if not options.peer or name in options.peer]
    samples, failures = Samples(), list[str]()
    try:
        with all_peers(names) as lab:
            files = Files(lab.directory, scale.transfer_mb)
            for name in options.only or MEASURES:
                failures += measure_in_turns(name, lab, files, scale, samples)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except EXPECTED_ERRORS as error:
        say(f"cannot begin: {error}")
        return 1
    report(samples, names, failures, options.out)
    return 1 if failures else 0


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="one round and less data: a look, not a measurement"
    )
    parser.add_argument(
        "--only", action="append", choices=list(MEASURES), metavar="NAME", help=", ".join(MEASURES)
    )
    parser.add_argument("--peer", action="append", choices=NAMES, metavar="PEER", help=", ".join(NAMES))
    parser.add_argument("--out", default=OUT, metavar="DIR", help="where bench.json and bench.svg go")
    return parser.parse_args()


def measure_in_turns(name: str, lab: Lab, files: Files, scale: Scale, samples: Samples) -> list[str]:
    """All rounds of one measure: A B C D, A B C D, … A peer that fails is left out of the rounds to come."""
    failures: list[str] = []
    peers = list(lab.peers)
    begun = time.monotonic()
    for _ in range(scale.rounds):
        for peer in tuple(peers):
            try:
                samples.add(peer.name, MEASURES[name](peer, files, scale))
            except EXPECTED_ERRORS as error:
                failures.append(f"{name}, {peer.name}: {error}")
                say(failures[-1])
                peers.remove(peer)
    say(f"{name}: {time.monotonic() - begun:.0f} s")
    return failures


def report(samples: Samples, names: list[str], failures: list[str], directory: str) -> None:
    """Print the tables; write the JSON and the drawing."""
    verdicts = judge(samples)
    print(figures_table(samples, names), verdicts_table(verdicts), sep="\n\n")
    os.makedirs(directory, exist_ok=True)
    document = {
        "machine": machine(),
        "samples": samples.as_json(),
        "targets": [
            {**vars(verdict.target), "reached": round(verdict.reached, 3), "met": verdict.met}
            for verdict in verdicts
        ],
        "failures": failures,
    }
    with open(os.path.join(directory, "bench.json"), "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1, ensure_ascii=False)
    with open(os.path.join(directory, "bench.svg"), "w", encoding="utf-8") as file:
        file.write(draw(samples, names))


def machine() -> dict[str, object]:
    """Tell what the figures depend on."""
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False)
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ssh": ssh.stderr.strip(),
    }


def say(line: str) -> None:
    """Tell how far it is, beside the tables."""
    print(f"bench: {line}", file=sys.stderr, flush=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
