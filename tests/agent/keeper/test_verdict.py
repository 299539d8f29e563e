"""The verdict: the step's own, unless a user said otherwise."""

import pytest

from agent.keeper import verdict


@pytest.mark.parametrize(
    ("said", "status", "chosen"),
    [
        (None, 7, 7),
        ("-", 7, 7),
        ("-", -9, -9),
        ("0", 7, 0),
        ("255", 7, 255),
        ("256", 7, 7),
        ("-1", 7, 7),
        ("", 7, 7),
        ("³", 7, 7),
        ("9" * 500, 7, 7),
    ],
)
def test_choose(said, status, chosen):
    assert verdict.choose(said, status) == chosen


@pytest.mark.parametrize(
    ("status", "words"), [(0, "exit code 0"), (70, "exit code 70"), (-9, "signal 9"), (None, "not ended")]
)
def test_describe(status, words):
    assert verdict.describe(status) == words
