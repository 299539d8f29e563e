"""The results as a table for people."""

from collections.abc import Iterable, Sequence

from bench.peers import SSHD
from bench.results import ROWS, Row, Samples, Verdict

LABELS = {row.figure: row for row in ROWS if row.target}


def figures_table(samples: Samples, peers: Sequence[str]) -> str:
    """One row per statistic, one column per peer; in parentheses the ratio to sshd."""
    rows = [["", *peers]]
    for row in ROWS:
        values = {peer: samples.percentile(row.figure, peer, row.percentile) for peer in peers}
        if any(value is not None for value in values.values()):
            rows.append(
                [f"{row.label}, {row.unit}", *(_cell(row, values[peer], values.get(SSHD)) for peer in peers)]
            )
    return markdown(rows)


def _cell(row: Row, value: float | None, base: float | None) -> str:
    if value is None:
        return "-"
    shown = f"{value:.{row.places}f}"
    return f"{shown} ({value / base:.2f}x)" if row.target and base else shown


def verdicts_table(verdicts: Iterable[Verdict]) -> str:
    """One row per target: what was to be reached, what was, and whether that is enough."""
    rows = [["target", "peer", "to reach", "reached", ""]]
    for verdict in verdicts:
        target, row = verdict.target, LABELS[verdict.target.figure]
        unit = f" x {target.beside}" if target.beside else f" {row.unit}"
        wanted = f"{'≥' if target.at_least else '≤'} {target.limit:g}{unit}"
        rows.append(
            [row.label, target.peer, wanted, f"{verdict.reached:.2f}", "ok" if verdict.met else "MISSED"]
        )
    return markdown(rows)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Write rows as a table, the first of them its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (rows[0], rule, *rows[1:])
    )
