"""The life of a session: a pure table of states, events and what follows."""

from enum import Enum

from agent.session.errors import LifecycleError


class State(Enum):
    """Where a session is."""

    STANDBY = "standby"
    """Known to nobody but the relay, or not even to that: the step runs."""
    READY = "ready"
    """The same, and the relay has said welcome."""
    CONNECTING = "connecting"
    WAITING = "waiting"
    ATTACHED = "attached"
    LEAVING = "leaving"
    """Somebody is in, and the step has passed: the last logout is the end."""
    ENDING = "ending"


class Event(Enum):
    """What can happen to it."""

    OPENED = "opened"
    """By the keeper or the relay; only of a session in standby."""
    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
    NO_PORT = "no-port"
    LOGIN = "login"
    LAST_LOGOUT = "last-logout"
    STEP_FAILED = "step-failed"
    STEP_PASSED = "step-passed"
    STEP_PASSED_HELD = "step-passed-held"
    """It passed, and `--when always` holds it nevertheless."""
    HEARTBEAT = "heartbeat"
    TIMEOUT = "timeout"
    STEP_TIMEOUT = "step-timeout"
    FIRST_LOGIN = "first-login"
    IDLE = "idle"
    RESUMED = "resumed"
    RELAY_ABORT = "relay-abort"
    GOODBYE = "goodbye"


class Action(Enum):
    """What the session does about it."""

    ANNOUNCE = "announce"
    """Print the section that says how to log in."""
    RENEW = "renew"
    """Count the timers anew: the hold begins now."""
    TELL_PASSED = "tell-passed"
    """Say that the step has passed, and who keeps the session open."""
    HEARTBEAT = "heartbeat"
    """Print a line, so that no-output watchdogs stay quiet."""
    REPORT = "report"
    """Print why the hold ends, and tell the viewers."""
    ABORT_STEP = "abort-step"
    """Ask the keeper to end also a step that still runs."""
    VERDICT = "verdict"
    """Ask the keeper to end the hold, or the session of a step that still runs."""


class End(Enum):
    """Why a session ended, as the log and the audit name it."""

    TIMEOUT = "timeout"
    STEP_TIMEOUT = "step-timeout"
    FIRST_LOGIN = "first-login"
    IDLE = "idle"
    RESUMED = "resumed"
    PASSED = "step-passed"
    ABORTED = "aborted"
    RELAY_UNREACHABLE = "relay-unreachable"
    CANNOT_LISTEN = "cannot-listen"


_BEFORE = (State.STANDBY, State.READY)
_OPEN = (State.CONNECTING, State.WAITING, State.ATTACHED, State.LEAVING)
# The keeper first: whoever reads the line may ask for another session at once.
_ASK = (Action.VERDICT, Action.REPORT)

_TABLE: dict[tuple[State, Event], tuple[State, tuple[Action, ...]]] = {
    # Standby: nobody is told anything.
    (State.STANDBY, Event.REACHABLE): (State.READY, ()),
    (State.READY, Event.REACHABLE): (State.READY, ()),
    (State.STANDBY, Event.OPENED): (State.CONNECTING, (Action.RENEW,)),
    (State.READY, Event.OPENED): (State.WAITING, (Action.RENEW, Action.ANNOUNCE)),
    **{(state, Event.GOODBYE): (State.ENDING, ()) for state in _BEFORE},
    # The relay refused an agent that nobody waits for yet, or ends it for good.
    (State.STANDBY, Event.UNREACHABLE): (State.STANDBY, ()),
    **{(state, Event.RELAY_ABORT): (State.ENDING, (Action.ABORT_STEP, Action.REPORT)) for state in _BEFORE},
    # `agent connect` reaches a session that is not open to the relay's users (yet).
    **{(state, event): (state, ()) for state in _BEFORE for event in (Event.LOGIN, Event.LAST_LOGOUT)},
    (State.CONNECTING, Event.REACHABLE): (State.WAITING, (Action.ANNOUNCE,)),
    (State.CONNECTING, Event.UNREACHABLE): (State.ENDING, _ASK),
    (State.CONNECTING, Event.NO_PORT): (State.ENDING, _ASK),
    (State.CONNECTING, Event.LOGIN): (State.CONNECTING, ()),
    (State.CONNECTING, Event.LAST_LOGOUT): (State.CONNECTING, ()),
    # A login that came before the announcement and leaves with it.
    (State.WAITING, Event.LAST_LOGOUT): (State.WAITING, ()),
    (State.WAITING, Event.LOGIN): (State.ATTACHED, ()),
    (State.ATTACHED, Event.LOGIN): (State.ATTACHED, ()),
    (State.ATTACHED, Event.LAST_LOGOUT): (State.WAITING, ()),
    (State.LEAVING, Event.LOGIN): (State.LEAVING, ()),
    (State.LEAVING, Event.LAST_LOGOUT): (State.ENDING, _ASK),
    # The relay said welcome again after an outage: nothing to announce twice, the line is the same.
    **{(state, Event.REACHABLE): (state, ()) for state in (State.WAITING, State.ATTACHED, State.LEAVING)},
    # What becomes of the step of a session that was opened while it ran.
    (State.CONNECTING, Event.STEP_FAILED): (State.CONNECTING, (Action.RENEW,)),
    **{
        (state, Event.STEP_FAILED): (state, (Action.RENEW, Action.ANNOUNCE))
        for state in (State.WAITING, State.ATTACHED)
    },
    (State.CONNECTING, Event.STEP_PASSED): (State.ENDING, _ASK),
    (State.WAITING, Event.STEP_PASSED): (State.ENDING, _ASK),
    (State.ATTACHED, Event.STEP_PASSED): (State.LEAVING, (Action.RENEW, Action.TELL_PASSED)),
    (State.CONNECTING, Event.STEP_PASSED_HELD): (State.CONNECTING, (Action.RENEW,)),
    **{
        (state, Event.STEP_PASSED_HELD): (state, (Action.RENEW, Action.ANNOUNCE))
        for state in (State.WAITING, State.ATTACHED)
    },
    # Timers, users, the relay.
    **{(state, Event.HEARTBEAT): (state, (Action.HEARTBEAT,)) for state in _OPEN},
    **{
        (state, event): (State.ENDING, _ASK)
        for state in _OPEN
        for event in (Event.TIMEOUT, Event.STEP_TIMEOUT, Event.FIRST_LOGIN, Event.IDLE, Event.RESUMED)
    },
    **{(state, Event.RELAY_ABORT): (State.ENDING, (Action.ABORT_STEP, Action.REPORT)) for state in _OPEN},
    # The keeper ends the hold by itself (a signal, its parent's death): it needs no asking.
    **{(state, Event.GOODBYE): (State.ENDING, (Action.REPORT,)) for state in _OPEN},
    # Once ending, nothing changes the reason; stragglers are expected.
    **{(State.ENDING, event): (State.ENDING, ()) for event in Event},
}

_ENDS = {
    Event.TIMEOUT: End.TIMEOUT,
    Event.STEP_TIMEOUT: End.STEP_TIMEOUT,
    Event.FIRST_LOGIN: End.FIRST_LOGIN,
    Event.IDLE: End.IDLE,
    Event.RESUMED: End.RESUMED,
    Event.STEP_PASSED: End.PASSED,
    Event.LAST_LOGOUT: End.PASSED,
    Event.RELAY_ABORT: End.ABORTED,
    Event.GOODBYE: End.ABORTED,
    Event.UNREACHABLE: End.RELAY_UNREACHABLE,
    Event.NO_PORT: End.CANNOT_LISTEN,
}


class Lifecycle:
    """The state of one session; `handle` moves it by the table."""

    def __init__(self, state: State = State.CONNECTING) -> None:
        self.state = state
        self.end: End | None = None

    def __repr__(self) -> str:
        return f"<Lifecycle {self.state.value}{f' {self.end.value}' if self.end else ''}>"

    @property
    def is_open(self) -> bool:
        """Whether people may come in: neither in standby nor ending."""
        return self.state in _OPEN

    @property
    def end_spares_step(self) -> bool:
        """Whether a step that still ran at the session's end runs on."""
        return self.end is not End.ABORTED

    def handle(self, event: Event) -> tuple[Action, ...]:
        """Move to the next state and return what is to be done; LifecycleError for an impossible pair."""
        try:
            state, actions = _TABLE[self.state, event]
        except KeyError:
            raise LifecycleError(f"{event.value} cannot happen while {self.state.value}") from None
        if state is State.ENDING and self.state is not State.ENDING:
            self.end = _ENDS[event]
        self.state = state
        return actions
