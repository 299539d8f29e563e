"""What the keeper waits for, and what it has noted: of signals, its parent, its children, the hook, the session."""

import os
import select
import time

from agent import proc
from agent.keeper import child, running, signals
from agent.keeper.parent import Parent
from agent.keeper.stand import Stand

GOODBYE_SECONDS = 2.0
"""For the session process to tell its viewers, or to leave."""
FAREWELL_SECONDS = 10.0
"""The same where nobody aborts: a relay that is not told waits for us two minutes, and its users with it."""

_JOB_CONTROL_STOPS = (20, 21, 22)
"""TSTP, TTIN, TTOU: stops that come from a terminal, and that a calling shell wants to see."""
_SIGSTOP = 19

_FROM_RELAY = "the relay"


class Watch:
    """One `poll` over all of it; the attributes say what has happened, and what is wanted.

    `step` and `session` are our children; None before they are there, or where they cannot be. `aborted` is why no
    session opens any more, and why a hold ends; `ends_step`: a step that still runs is to end as well.
    `asked_for_session`: SIGUSR1 came. `holding` is set by the keeper: then signals are for us, not for the step.
    """

    __slots__ = (
        "_parent",
        "_pid",
        "_pipes",
        "_poll",
        "_signals",
        "_terminal",
        "aborted",
        "asked_for_session",
        "ends_step",
        "holding",
        "session",
        "step",
    )

    def __init__(self, stand: Stand, *, drop_in: bool) -> None:
        """Begin with signals and parent."""
        self._pid = os.getpid()
        self._terminal = stand.terminal
        self._pipes = stand.pipes
        self._parent = Parent(0 if stand.arrived.hangup_ignored else stand.parent, grandparent=drop_in)
        self._signals = stand.signals
        self._poll = select.poll()
        for descriptor in (self._signals, *self._parent.descriptors):
            self._poll.register(descriptor, select.POLLIN)
        self.step: running.Step | None = None
        self.session: child.Child | None = None
        self.aborted = ""
        self.asked_for_session = False
        self.ends_step = False
        self.holding = False

    def __repr__(self) -> str:
        return f"<Watch over {self.step!r}, {self.session!r}{' aborted' if self.aborted else ''}>"

    @property
    def descriptors(self) -> set[int]:
        """What we need while we wait."""
        wanted = {self._signals, *self._parent.descriptors}
        if self.session and self.session.connected:
            wanted.add(self.session.link.fileno())
        return wanted | (self._pipes.ours if self._pipes else set())

    def follow_step(self, step: running.Step) -> None:
        """Wait also for the step's end, and for the report of its hook if it has one."""
        self.step = step
        if self._pipes and step.armed:
            self._poll.register(self._pipes.reports, select.POLLIN)

    def follow_session(self, session: child.Child | None) -> None:
        """Wait also for the words and the end of this session process, in place of the one before."""
        if self.session:
            self._forget_link(self.session)
            self.session.link.close()
        self.session = session
        if session:
            self._poll.register(session.link.fileno(), select.POLLIN)

    # Waiting

    def wait(self, seconds: float | None = None) -> None:
        """Wait for something to happen, at most so long, and take note of it."""
        limit = None if seconds is None else max(seconds, 0) * 1000
        if self._parent.must_be_looked_at:
            limit = self._parent.LOOK_MS if limit is None else min(limit, self._parent.LOOK_MS)
        for descriptor, _ in self._poll.poll(limit):
            if descriptor == self._signals:
                self._take_signals()
            elif descriptor in self._parent.descriptors:
                self._poll.unregister(descriptor)
            elif self._pipes and descriptor == self._pipes.reports:
                self._take_report()
            else:
                self._take_message()
        if self._parent.gone and not self.aborted:
            self.aborted = "parent ended"

    def wait_for_end(self, session: child.Child) -> None:
        """Wait until a session process has left by itself, or KILL it."""
        deadline = time.monotonic() + GOODBYE_SECONDS
        while session.alive and (left := deadline - time.monotonic()) > 0:
            self.wait(left)
        session.reap()

    def wait_for_farewell(self, session: child.Child) -> None:
        """Wait until a session process has told all, and stands guard, or KILL it."""
        deadline = time.monotonic() + (GOODBYE_SECONDS if self.aborted else FAREWELL_SECONDS)
        while session.connected and not session.left and (left := deadline - time.monotonic()) > 0:
            self.wait(left)
        if not session.left:
            session.reap()

    def release(self) -> None:
        """Let an interpreter that waits, or comes to wait later, go on dying."""
        if self.step:
            self.step.released = self.step.released or self.step.waits
        if self._pipes:
            self._pipes.release()
        if self.session:
            self.session.link.send("release")

    # Signals and children

    def _take_signals(self) -> None:
        step = self.step
        for notice in signals.read(self._signals):
            answer = signals.answer(
                notice,
                terminal=self._terminal,
                from_step=self._terminal and self._is_of_step(notice.sender, notice.number),
                running=step is not None and not self.holding and step.takes_signals,
            )
            if answer.aborts and not self.aborted:
                self.aborted = signals.ABORTS[notice.number]
                if step and self._terminal and self.holding:
                    step.struck = -notice.number
            if answer.enables and not self.aborted:
                self.asked_for_session = True
            if step:
                step.forward(answer.forward)
            if answer.stops:
                signals.stop_by(_SIGSTOP)
        # Only now: a sender that ended meanwhile can be told from a stranger as long as it is not reaped.
        self._reap()

    def _reap(self) -> None:
        while True:
            try:
                pid, raw = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            ours = self.step if self.step and pid == self.step.pid else self.session
            if ours is None or pid != ours.pid:
                continue
            if not os.WIFSTOPPED(raw):
                ours.status = os.waitstatus_to_exitcode(raw)
            elif ours is self.step and self._terminal and os.WSTOPSIG(raw) in _JOB_CONTROL_STOPS:
                self._stop_with_step(os.WSTOPSIG(raw))

    def _stop_with_step(self, number: int) -> None:
        """With a terminal, stop when the step does, so that a calling shell gets its prompt back."""
        if self.step and self.step.is_stopped():
            signals.stop_by(number)

    def _is_of_step(self, sender: int, number: int) -> bool:
        """Tell whether a process is below us, and not below the session process.

        One that is gone already was, if the step died of its signal, too: what is sent to us alone does not reach it.
        """
        line = proc.lineage(sender)
        if not line and sender and self.step:
            return self.step.dies_of(number)
        return self._pid in line[1:] and not (self.session and self.session.pid in line)

    # The hook and the session process

    def _take_report(self) -> None:
        """The hook says that the step has failed. A second word of it is not for us.

        After an end of file, or somebody else's bytes, no report can come: then nobody may wait for an answer.
        """
        assert self._pipes and self.step
        self._poll.unregister(self._pipes.reports)
        self.step.reported = self._pipes.report()
        if self.aborted or self.step.reported is None:
            self.release()

    def _take_message(self) -> None:
        session = self.session
        if not session:
            return
        match session.link.receive():
            case None:
                self._forget_link(session)
            case ("opened",) | ("enabled",):
                session.opened = True
            case ("named", name):
                session.name = name
            case ("verdict", status):
                session.verdict = status
            case ("left",):
                session.left = True
            case ("over",):
                session.over = True
            case ("abort",):
                self.aborted = self.aborted or _FROM_RELAY
                self.ends_step = True

    def _forget_link(self, session: child.Child) -> None:
        if session.connected:
            self._poll.unregister(session.link.fileno())
            session.connected = False
