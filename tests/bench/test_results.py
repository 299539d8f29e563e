"""The arithmetic and the drawing of the benchmark."""

import xml.etree.ElementTree as ET

import pytest

from bench.chart import draw
from bench.peers import DIRECT, NAMES, RELAYED, REVERSE, SSHD
from bench.report import figures_table, verdicts_table
from bench.results import ROWS, TARGETS, Samples, judge


def samples_of(figure, **medians):
    samples = Samples()
    for peer, value in medians.items():
        samples.add(
            {"sshd": SSHD, "reverse": REVERSE, "direct": DIRECT, "relayed": RELAYED}[peer], {figure: [value]}
        )
    return samples


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, None),
        ([4.0], 95, 4.0),
        ([3.0, 1.0, 2.0], 50, 2.0),
        ([1.0, 2.0], 50, 1.5),
        ([1.0, 9.0], 100, 9.0),
        ([float(value) for value in range(1, 101)], 95, 95.0),
        ([float(value) for value in range(1, 21)], 95, 19.0),
    ],
)
def test_percentile(values, percent, expected):
    samples = Samples()
    samples.add(SSHD, {"echo_ms": values})
    assert samples.percentile("echo_ms", SSHD, percent) == expected


@pytest.mark.parametrize(("direct", "met"), [(2.2, True), (2.21, False)])
def test_ratio_that_may_not_be_exceeded(direct, met):
    assert [verdict.met for verdict in judge(samples_of("echo_ms", sshd=1.0, direct=direct))] == [met]


@pytest.mark.parametrize(("relayed", "met"), [(2.0, True), (1.99, False)])
def test_ratio_that_is_to_be_reached(relayed, met):
    verdicts = judge(samples_of("exec_up_mb_s", reverse=1.0, relayed=relayed))
    assert [verdict.met for verdict in verdicts] == [met]


def test_limit_in_the_rows_unit():
    verdicts = judge(samples_of("interrupt_ms", direct=60.0, relayed=61.0))
    assert [verdict.met for verdict in verdicts] == [True, False]


def test_target_without_its_figures_is_not_judged():
    assert judge(samples_of("echo_ms", direct=1.0)) == []


def test_every_target_has_a_row():
    assert {target.figure for target in TARGETS} <= {row.figure for row in ROWS if row.target}


def test_tables_and_drawing_show_what_was_measured():
    samples = samples_of("exec_up_mb_s", sshd=400.0, reverse=100.0, relayed=150.0)
    table = figures_table(samples, NAMES)
    assert "400 (1.00x)" in table
    assert "150 (0.38x)" in table
    assert "MISSED" in verdicts_table(judge(samples))
    root = ET.fromstring(draw(samples, NAMES))
    bars = [float(bar.get("width", "")) for bar in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert bars == pytest.approx([bars[0], bars[0] / 4, bars[0] * 0.375], abs=0.1)
