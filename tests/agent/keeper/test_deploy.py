"""A step that deploys is skipped in a build that is being debugged, and in no other."""

import pytest

from agent.config import read
from agent.keeper.deploy import reason_to_skip


@pytest.mark.parametrize(
    ("words", "environment", "skipped"),
    [
        ("--deploy", {}, False),
        ("--deploy --when failure", {"RUNNER_DEBUG": "0"}, False),
        ("--deploy --when debug", {}, False),
        ("--deploy --when never", {}, False),
        ("--deploy --when always", {}, True),
        ("--deploy --when debug", {"CI_REMOTE_DEBUG": "true"}, True),
        ("--deploy", {"CI_DEBUG_TRACE": "true"}, True),
        ("--deploy --when never", {"HOLDFAST_DEBUG": "1"}, True),
        ("", {"HOLDFAST_DEPLOY": "1", "RUNNER_DEBUG": "1"}, True),
        ("--when always", {"RUNNER_DEBUG": "1"}, False),
        # Debugging off wins: the build is as any other.
        ("--deploy --when always", {"HOLDFAST_DEBUG": "0", "RUNNER_DEBUG": "1"}, False),
    ],
)
def test_reason_to_skip(words, environment, skipped):
    config = read([*words.split(), "--", "deploy"], environment)
    assert (reason_to_skip(config) is not None) is skipped


def test_the_line_names_the_step():
    config = read(["--deploy", "--when", "always", "--step", "to production", "--", "x"], {})
    assert reason_to_skip(config) == (
        "step 'to production' deploys, and debugging was asked for in this build: skipped"
    )
