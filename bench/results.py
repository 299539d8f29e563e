"""From samples to medians, ratios and verdicts. Pure."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.peers import DIRECT, RELAYED, REVERSE, SSHD

Values = Mapping[str, Sequence[float]]
"""Figure → what one round gave."""


@dataclass(frozen=True)
class Row:
    """One line of the table: a statistic of a figure."""

    figure: str
    percentile: int
    """50 is the median, 100 the worst of a time."""
    label: str
    unit: str
    places: int
    target: bool = False
    """Whether a target speaks of it: only then ratios are shown."""


ROWS = (
    Row("opening_ms", 50, "failure → way in known, p50", "ms", 0, target=True),
    Row("opening_ms", 100, "failure → way in known, worst", "ms", 0),
    Row("login_ms", 50, "login → prompt, p50", "ms", 0, target=True),
    Row("login_ms", 95, "login → prompt, p95", "ms", 0),
    Row("echo_ms", 50, "echo, p50", "ms", 2, target=True),
    Row("echo_ms", 95, "echo, p95", "ms", 2),
    Row("text_mb_s", 50, "50 MB of text to the terminal", "MB/s", 1, target=True),
    Row("text_cpu_s", 50, "... CPU time of the servers", "s", 2),
    Row("interrupt_ms", 50, "^C in a flood, p50", "ms", 1, target=True),
    Row("interrupt_ms", 100, "^C in a flood, worst", "ms", 1),
    Row("exec_down_mb_s", 50, "exec, down", "MB/s", 0, target=True),
    Row("exec_up_mb_s", 50, "exec, up", "MB/s", 0, target=True),
    Row("sftp_get_mb_s", 50, "sftp get", "MB/s", 0, target=True),
    Row("sftp_put_mb_s", 50, "sftp put", "MB/s", 0, target=True),
    Row("sftp_internal_get_mb_s", 50, "sftp get, internal-sftp", "MB/s", 0),
    Row("sftp_internal_put_mb_s", 50, "sftp put, internal-sftp", "MB/s", 0),
    Row("running_mib", 50, "memory while the step runs", "MiB", 1, target=True),
    Row("session_mib", 50, "memory in a session", "MiB", 1, target=True),
    Row("session_after_mib", 50, "memory in it, after all the transfers", "MiB", 1),
)


@dataclass(frozen=True)
class Target:
    """What a figure is to reach: at most, or at least, LIMIT."""

    figure: str
    peer: str
    at_least: bool
    limit: float
    beside: str | None = None
    """The peer to which the figure is a ratio; without one, the limit is in the row's unit."""


def _at_most(figure: str, peer: str, limit: float, beside: str | None = None) -> Target:
    return Target(figure, peer, at_least=False, limit=limit, beside=beside)


def _at_least(figure: str, peer: str, limit: float, beside: str) -> Target:
    return Target(figure, peer, at_least=True, limit=limit, beside=beside)


TRANSFERS = ("exec_down_mb_s", "exec_up_mb_s", "sftp_get_mb_s", "sftp_put_mb_s")
TARGETS = (
    _at_most("opening_ms", RELAYED, 600),
    *(_at_most("login_ms", peer, 1.0, SSHD) for peer in (DIRECT, RELAYED)),
    _at_most("echo_ms", DIRECT, 2.2, SSHD),
    _at_most("echo_ms", RELAYED, 3.0, SSHD),
    _at_least("text_mb_s", DIRECT, 0.75, SSHD),
    _at_least("text_mb_s", RELAYED, 0.6, SSHD),
    *(_at_most("interrupt_ms", peer, 60) for peer in (DIRECT, RELAYED)),
    *(_at_least(figure, DIRECT, 0.75, SSHD) for figure in TRANSFERS),
    *(_at_least(figure, RELAYED, 2.0, REVERSE) for figure in TRANSFERS),
    *(_at_most("running_mib", peer, 12) for peer in (DIRECT, RELAYED)),
    *(_at_most("session_mib", peer, 60) for peer in (DIRECT, RELAYED)),
)
"""What the project set out to reach; every target speaks of a median."""


class Samples:
    """All that was measured: figure by peer → values."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, list[float]]] = {}

    def add(self, peer: str, values: Values) -> None:
        """Add what one round gave."""
        for figure, some in values.items():
            self._values.setdefault(figure, {}).setdefault(peer, []).extend(some)

    def percentile(self, figure: str, peer: str, percent: int = 50) -> float | None:
        """Give the value at or below which PERCENT of the samples are; None if nothing was measured."""
        values = sorted(self._values.get(figure, {}).get(peer, ()))
        if not values:
            return None
        if percent == 50:
            return statistics.median(values)
        return values[max(0, -(-len(values) * percent // 100) - 1)]

    def as_json(self) -> dict[str, dict[str, list[float]]]:
        """All values, rounded to what the clocks can tell."""
        return {
            figure: {peer: [round(value, 4) for value in values] for peer, values in by_peer.items()}
            for figure, by_peer in self._values.items()
        }


@dataclass(frozen=True)
class Verdict:
    """Whether a target was reached."""

    target: Target
    reached: float
    met: bool


def judge(samples: Samples) -> list[Verdict]:
    """Hold the samples against every target whose figures were measured."""
    verdicts = []
    for target in TARGETS:
        value = samples.percentile(target.figure, target.peer)
        base = samples.percentile(target.figure, target.beside) if target.beside else 1.0
        if value is None or not base:
            continue
        reached = value / base
        met = reached >= target.limit if target.at_least else reached <= target.limit
        verdicts.append(Verdict(target, reached, met))
    return verdicts
