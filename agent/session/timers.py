"""Which timer ends a session, and when: pure, by whatever clock its caller has (seconds)."""

import math
from dataclasses import dataclass

from agent.config import STEP_TIMEOUT_MARGIN, Config
from agent.session.lifecycle import Event

LOOKS_PER_IDLE = 4
LONGEST_LOOK = 15.0
"""How often it is looked whether anything is going on: a session ends at most a quarter, or 15 s, too late."""


@dataclass(frozen=True, slots=True)
class Due:
    """The next thing that the clock brings: an event, or None for a look whether the session is idle."""

    at: float
    event: Event | None


class Timers:
    """The timers of one session. They count from its opening, and anew from the step's failure."""

    def __init__(self, config: Config, step_began: float) -> None:
        self._config = config
        limit = config.step_timeout
        self._step_deadline = None if limit is None else step_began + limit - STEP_TIMEOUT_MARGIN
        self._deadline: float | None = None
        self._first_login: float | None = None
        self._busy_at = 0.0
        self._look_at: float | None = None
        self._heartbeat_at: float | None = None

    def __repr__(self) -> str:
        return f"<Timers {self._deadline}>"

    def renew(self, now: float, *, passed: bool) -> None:
        """Begin to count: for a step that failed or runs, or for one that passed."""
        self._deadline = now + (self._config.linger if passed else self._config.timeout)
        self._heartbeat_at = now + self._config.heartbeat
        if self._config.first_login is not None:
            self._first_login = now + self._config.first_login
        self.busy(now)

    def logged_in(self) -> None:
        """Somebody is in: the wait for the first is over."""
        self._first_login = None

    def busy(self, now: float) -> None:
        """Somebody looks, or something runs."""
        self._busy_at = now
        self._look_at = None if self._config.idle is None else now + self._look_every

    def looked(self, now: float) -> None:
        """Nobody looks and nothing runs: look again later."""
        assert self._config.idle is not None
        idle_at = self._busy_at + self._config.idle
        self._look_at = min(now + self._look_every, idle_at) if now < idle_at else math.inf

    def beaten(self, now: float) -> None:
        """The heartbeat's line was printed."""
        self._heartbeat_at = now + self._config.heartbeat

    @property
    def ends_at(self) -> float:
        """When the session ends by itself, if nobody does anything about it."""
        assert self._deadline is not None
        return self._deadline if self._step_deadline is None else min(self._deadline, self._step_deadline)

    def next(self) -> Due | None:
        """Return what is due first; None before anything counts."""
        idle_at = None if self._config.idle is None else self._busy_at + self._config.idle
        counted: tuple[tuple[float | None, Event | None], ...] = (
            (self._deadline, Event.TIMEOUT),
            (self._step_deadline if self._deadline is not None else None, Event.STEP_TIMEOUT),
            (self._first_login, Event.FIRST_LOGIN),
            (self._heartbeat_at, Event.HEARTBEAT),
            # The look before the end: at the same moment it goes first.
            (self._look_at, None),
            (idle_at if self._look_at is not None else None, Event.IDLE),
        )
        due = [Due(at, event) for at, event in counted if at is not None]
        return min(due, key=lambda each: each.at) if due else None

    @property
    def _look_every(self) -> float:
        assert self._config.idle is not None
        return min(self._config.idle / LOOKS_PER_IDLE, LONGEST_LOOK)
