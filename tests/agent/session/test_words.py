"""The single lines of a session."""

import pytest

from agent.session import words
from agent.session.asleep import StepState

RUNNING = StepState("running", None, 1000)
FAILED = StepState("failed", 7, 1000)
UNKNOWN = StepState("unknown", None, 0)


@pytest.mark.parametrize(("logins", "text"), [(0, "nobody is logged in"), (1, "1 login"), (2, "2 logins")])
def test_presence(logins, text):
    assert words.presence(logins) == text
    assert words.heartbeat(logins, 90) == f"the session is open: {text}; it ends in 1 min 30 s"


def test_step_passed():
    assert words.step_passed(1, 60) == (
        "the step passed; the session stays open for 1 login, until the last one leaves, at most for 1 min"
    )


@pytest.mark.parametrize(
    ("step", "verdict", "options", "text"),
    [
        (RUNNING, "-", {}, "the step goes on"),
        (RUNNING, "-", {"spared": False}, "so is the step"),
        (UNKNOWN, "-", {"drop_in": True}, "the step ends with its own exit code"),
        (FAILED, "-", {}, "the step's own verdict: exit code 7"),
        (FAILED, "0", {}, "exit code 0, the step's own: exit code 7"),
    ],
)
def test_result(step, verdict, options, text):
    assert words.result(step, verdict, **{"drop_in": False, "spared": True, **options}) == text


@pytest.mark.parametrize(("detail", "why"), [("", "aborted"), ("SIGTERM", "aborted (SIGTERM)")])
def test_end(detail, why):
    assert words.end(3, "aborted", detail, "so is the step") == (
        f"the session is over after 3.0 s: {why}; so is the step"
    )
