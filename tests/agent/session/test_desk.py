"""What a session allows to those who ask at its control socket."""

from types import SimpleNamespace

import pytest

from agent.session.asleep import StepState
from agent.session.desk import Desk
from agent.session.errors import NotAllowed
from agent.session.lifecycle import Event, Lifecycle, State

FAILED = StepState("failed", 7, 1000)
RUNNING = StepState("running", None, 1000)


@pytest.fixture
def desk():
    """Make a desk for a step of this state; `ends` gathers what was asked of it."""
    ends = []

    def make(step=FAILED, *, drop_in=False, state=State.WAITING, interpreter=None):
        return Desk(
            "a-session",
            SimpleNamespace(drop_in=drop_in),
            Lifecycle(state),
            SimpleNamespace(logins={}),
            SimpleNamespace(terminals=()),
            look=lambda: (step, 60.0, interpreter),
            end=lambda verdict, asker: ends.append((verdict, asker)),
        )

    make.ends = ends
    return make


def test_status(desk):
    said = desk().status()
    assert (said["session"], said["state"], said["step"]) == ("a-session", "waiting", "exit code 7")
    assert (said["ends_in"], said["interpreter"]) == ("1 min", "")
    assert desk(RUNNING).status()["step"] == "running"
    assert desk(StepState("unknown", None, 0), drop_in=True).status()["step"] == "failed"


def test_resume(desk):
    desk().resume(None, 42)
    desk().resume(0, 43)
    desk(RUNNING).resume(None, 44)
    assert desk.ends == [("-", 42), ("0", 43), ("-", 44)]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"drop_in": True}, "takes no --pass and no --fail here"),
        ({"step": RUNNING}, "the step still runs"),
        ({"state": State.STANDBY}, "no session is open yet"),
    ],
)
def test_a_verdict_that_cannot_be(desk, options, why):
    with pytest.raises(NotAllowed, match=why):
        desk(**options).resume(3, 42)
    assert desk.ends == []


def test_an_end_is_asked_for_once(desk):
    lifecycle = Lifecycle(State.WAITING)
    lifecycle.handle(Event.RESUMED)
    over = desk()
    over._lifecycle = lifecycle
    with pytest.raises(NotAllowed, match="ending already"):
        over.resume(None, 42)


def test_the_interpreter(desk):
    assert desk(interpreter="one").interpreter == "one"
    with pytest.raises(NotAllowed, match="no failed interpreter waits here"):
        _ = desk().interpreter
