"""The table: every pair is known to be possible or impossible, and the reason of an end never changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.session.errors import LifecycleError
from agent.session.lifecycle import Action, End, Event, Lifecycle, State

ASK = (Action.VERDICT, Action.REPORT)
ANEW = (Action.RENEW, Action.ANNOUNCE)


def history(*events: Event) -> tuple[Lifecycle, list[tuple[Action, ...]]]:
    life = Lifecycle()
    return life, [life.handle(event) for event in events]


@pytest.mark.parametrize(
    ("events", "state", "last"),
    [
        ([Event.REACHABLE], State.WAITING, (Action.ANNOUNCE,)),
        ([Event.REACHABLE, Event.LOGIN], State.ATTACHED, ()),
        ([Event.REACHABLE, Event.LOGIN, Event.LOGIN], State.ATTACHED, ()),
        ([Event.REACHABLE, Event.LOGIN, Event.LAST_LOGOUT], State.WAITING, ()),
        ([Event.REACHABLE, Event.LOGIN, Event.REACHABLE], State.ATTACHED, ()),
        ([Event.LOGIN, Event.REACHABLE], State.WAITING, (Action.ANNOUNCE,)),
        ([Event.LOGIN, Event.REACHABLE, Event.LAST_LOGOUT], State.WAITING, ()),
        ([Event.REACHABLE, Event.HEARTBEAT], State.WAITING, (Action.HEARTBEAT,)),
        ([Event.HEARTBEAT], State.CONNECTING, (Action.HEARTBEAT,)),
        ([Event.UNREACHABLE], State.ENDING, ASK),
        ([Event.REACHABLE, Event.TIMEOUT], State.ENDING, ASK),
        ([Event.REACHABLE, Event.LOGIN, Event.RESUMED], State.ENDING, ASK),
        ([Event.REACHABLE, Event.FIRST_LOGIN], State.ENDING, ASK),
        ([Event.REACHABLE, Event.LOGIN, Event.IDLE], State.ENDING, ASK),
        ([Event.STEP_TIMEOUT], State.ENDING, ASK),
        ([Event.REACHABLE, Event.RELAY_ABORT], State.ENDING, (Action.ABORT_STEP, Action.REPORT)),
        # A session of a step that ran, and then failed.
        ([Event.STEP_FAILED], State.CONNECTING, (Action.RENEW,)),
        ([Event.REACHABLE, Event.STEP_FAILED], State.WAITING, ANEW),
        ([Event.REACHABLE, Event.LOGIN, Event.STEP_FAILED], State.ATTACHED, ANEW),
        # And then passed: it ends with its last login.
        ([Event.STEP_PASSED], State.ENDING, ASK),
        ([Event.REACHABLE, Event.STEP_PASSED], State.ENDING, ASK),
        (
            [Event.REACHABLE, Event.LOGIN, Event.STEP_PASSED],
            State.LEAVING,
            (Action.RENEW, Action.TELL_PASSED),
        ),
        ([Event.REACHABLE, Event.LOGIN, Event.STEP_PASSED, Event.LOGIN], State.LEAVING, ()),
        ([Event.REACHABLE, Event.LOGIN, Event.STEP_PASSED, Event.LAST_LOGOUT], State.ENDING, ASK),
        ([Event.REACHABLE, Event.LOGIN, Event.STEP_PASSED, Event.TIMEOUT], State.ENDING, ASK),
        ([Event.REACHABLE, Event.LOGIN, Event.STEP_PASSED_HELD], State.ATTACHED, ANEW),
        ([Event.GOODBYE], State.ENDING, (Action.REPORT,)),
    ],
)
def test_history(events: list[Event], state: State, last: tuple[Action, ...]) -> None:
    life, actions = history(*events)
    assert life.state is state
    assert actions[-1] == last


@pytest.mark.parametrize(
    ("event", "end"),
    [
        (Event.TIMEOUT, End.TIMEOUT),
        (Event.RESUMED, End.RESUMED),
        (Event.RELAY_ABORT, End.ABORTED),
        (Event.GOODBYE, End.ABORTED),
        (Event.UNREACHABLE, End.RELAY_UNREACHABLE),
        (Event.NO_PORT, End.CANNOT_LISTEN),
        (Event.STEP_TIMEOUT, End.STEP_TIMEOUT),
        (Event.FIRST_LOGIN, End.FIRST_LOGIN),
        (Event.IDLE, End.IDLE),
        (Event.STEP_PASSED, End.PASSED),
    ],
)
def test_each_end_has_its_name(event: Event, end: End) -> None:
    life, _ = history(event)
    assert life.end is end


@pytest.mark.parametrize(
    ("events", "state", "last"),
    [
        ([Event.REACHABLE], State.READY, ()),
        ([Event.REACHABLE, Event.REACHABLE], State.READY, ()),
        ([Event.UNREACHABLE], State.STANDBY, ()),
        ([Event.LOGIN, Event.LAST_LOGOUT], State.STANDBY, ()),
        ([Event.OPENED], State.CONNECTING, (Action.RENEW,)),
        ([Event.REACHABLE, Event.OPENED], State.WAITING, ANEW),
        ([Event.GOODBYE], State.ENDING, ()),
        ([Event.REACHABLE, Event.GOODBYE], State.ENDING, ()),
    ],
)
def test_standby_says_nothing_until_it_is_opened(
    events: list[Event], state: State, last: tuple[Action, ...]
) -> None:
    life = Lifecycle(State.STANDBY)
    actions = [life.handle(event) for event in events]
    assert life.state is state
    assert actions[-1] == last
    assert life.is_open is (Event.OPENED in events)


def test_the_impossible_raises_and_names_the_pair() -> None:
    life, _ = history(Event.REACHABLE)
    with pytest.raises(LifecycleError, match="unreachable cannot happen while waiting"):
        life.handle(Event.UNREACHABLE)


@given(st.sampled_from((State.CONNECTING, State.STANDBY)), st.lists(st.sampled_from(Event), max_size=30))
def test_an_end_is_final_and_asked_for_once(start: State, events: list[Event]) -> None:
    life, asked, end = Lifecycle(start), 0, None
    for event in events:
        try:
            actions = life.handle(event)
        except LifecycleError:
            continue
        asked += Action.VERDICT in actions or Action.ABORT_STEP in actions
        assert end is None or life.end is end
        end = life.end
    assert asked <= 1
    assert (life.state is State.ENDING) == (end is not None)
