"""The life of a session: a pure table of states, events and what follows."""

from enum import Enum

from agent.session.errors import LifecycleError


class State(Enum):
    """Where a session is."""

    CONNECTING = "connecting"
    WAITING = "waiting"
    ATTACHED = "attached"
    ENDING = "ending"


class Event(Enum):
    """What can happen to it."""

    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
    NO_PORT = "no-port"
    LOGIN = "login"
    LAST_LOGOUT = "last-logout"
    HEARTBEAT = "heartbeat"
    TIMEOUT = "timeout"
    RESUMED = "resumed"
    RELAY_ABORT = "relay-abort"
    GOODBYE = "goodbye"


class Action(Enum):
    """What the session does about it."""

    ANNOUNCE = "announce"
    """Print the section that says how to log in."""
    HEARTBEAT = "heartbeat"
    """Print a line, so that no-output watchdogs stay quiet."""
    REPORT = "report"
    """Print why the hold ends, and tell the viewers."""
    VERDICT = "verdict"
    """Ask the keeper to end the hold."""


class End(Enum):
    """Why a hold ended, as the log and the audit name it."""

    TIMEOUT = "timeout"
    RESUMED = "resumed"
    ABORTED = "aborted"
    RELAY_UNREACHABLE = "relay-unreachable"
    CANNOT_LISTEN = "cannot-listen"


_LIVE = (State.CONNECTING, State.WAITING, State.ATTACHED)
_ASK = (Action.REPORT, Action.VERDICT)

_TABLE: dict[tuple[State, Event], tuple[State, tuple[Action, ...]]] = {
    (State.CONNECTING, Event.REACHABLE): (State.WAITING, (Action.ANNOUNCE,)),
    (State.CONNECTING, Event.UNREACHABLE): (State.ENDING, _ASK),
    (State.CONNECTING, Event.NO_PORT): (State.ENDING, _ASK),
    # `agent connect` reaches a session whose relay does not answer yet.
    (State.CONNECTING, Event.LOGIN): (State.CONNECTING, ()),
    (State.CONNECTING, Event.LAST_LOGOUT): (State.CONNECTING, ()),
    # A login that came before the announcement and leaves with it.
    (State.WAITING, Event.LAST_LOGOUT): (State.WAITING, ()),
    (State.WAITING, Event.LOGIN): (State.ATTACHED, ()),
    (State.ATTACHED, Event.LOGIN): (State.ATTACHED, ()),
    (State.ATTACHED, Event.LAST_LOGOUT): (State.WAITING, ()),
    # The relay said welcome again after an outage: nothing to announce twice, the line is the same.
    (State.WAITING, Event.REACHABLE): (State.WAITING, ()),
    (State.ATTACHED, Event.REACHABLE): (State.ATTACHED, ()),
    **{(state, Event.HEARTBEAT): (state, (Action.HEARTBEAT,)) for state in _LIVE},
    **{
        (state, event): (State.ENDING, _ASK)
        for state in _LIVE
        for event in (Event.TIMEOUT, Event.RESUMED, Event.RELAY_ABORT)
    },
    # The keeper ends the hold by itself (a signal, its parent's death): it needs no asking.
    **{(state, Event.GOODBYE): (State.ENDING, (Action.REPORT,)) for state in _LIVE},
    # Once ending, nothing changes the reason; stragglers are expected.
    **{(State.ENDING, event): (State.ENDING, ()) for event in Event},
}

_ENDS = {
    Event.TIMEOUT: End.TIMEOUT,
    Event.RESUMED: End.RESUMED,
    Event.RELAY_ABORT: End.ABORTED,
    Event.GOODBYE: End.ABORTED,
    Event.UNREACHABLE: End.RELAY_UNREACHABLE,
    Event.NO_PORT: End.CANNOT_LISTEN,
}


class Lifecycle:
    """The state of one session; `handle` moves it by the table."""

    def __init__(self) -> None:
        self.state = State.CONNECTING
        self.end: End | None = None

    def __repr__(self) -> str:
        return f"<Lifecycle {self.state.value}{f' {self.end.value}' if self.end else ''}>"

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
