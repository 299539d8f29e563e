"""The keeper: starts the step, waits, holds a failed one, and ends with the verdict. Its rules: `RULES.md`."""

import os
import select
import time

from agent import descriptors, kernel, proc
from agent.config import STEP_TIMEOUT_MARGIN, Config
from agent.keeper import child, ending, pipes, running, signals, verdict
from agent.keeper.parent import Parent
from agent.output import say

GOODBYE_SECONDS = 2.0
"""For the session process to tell its viewers and leave."""

STUCK_SECONDS = 30
"""How long after its deadline a session may go on: then its process is stuck, and must not hold the build."""

_JOB_CONTROL_STOPS = (20, 21, 22)
"""TSTP, TTIN, TTOU: stops that come from a terminal, and that a calling shell wants to see."""
_SIGSTOP = 19

_NOT_OURS = ("unknown", "-", "0")
"""State, status and age of a step that somebody else has run (`link.py`)."""


class Keeper:
    """One run of a step, from its start to the verdict; in drop-in mode one hold, with no step of ours."""

    def __init__(self, config: Config, arrived: signals.Arrived) -> None:
        """Take our place: KernelError where that cannot be."""
        descriptors.occupy_standard()
        self._config = config
        self._arrived = arrived
        self._pid = os.getpid()
        self._terminal = has_terminal()
        self._parent = Parent(watched=not arrived.hangup_ignored, grandparent=config.drop_in)
        self._signals = signals.descriptor()
        self._pipes = pipes.make()
        kernel.hide_memory()
        kernel.adopt_orphans()
        self._poll = select.poll()
        for descriptor in (self._signals, *self._parent.descriptors):
            self._poll.register(descriptor, select.POLLIN)
        self._session: child.Child | None = None
        self._step: running.Step | None = None
        self._aborted = ""
        self._asked_for_session = False
        self._asked_for_end = ""
        self._verdict: str | None = None

    def __repr__(self) -> str:
        return f"<Keeper of {self._step!r}, {self._session!r}>"

    def run(self) -> int:
        """Run the step, and return the verdict: a code, or minus the signal that the step died of."""
        self._start_session_process()
        step = self._start_step()
        while step.running:
            self._wait(self._step_time_left())
            self._serve_running(step)
        if self._is_to_be_held(step):
            self._hold()
        self._finish(step)
        return verdict.choose(self._verdict, step.outcome)

    def hold_for_another(self) -> None:
        """Hold the container for a step that was not ours (drop-in mode)."""
        self._start_session_process()
        descriptors.keep_only(self._descriptors())
        self._hold()
        self._dismiss()
        ending.end_all(self._wait)

    # Starting

    def _start_session_process(self) -> None:
        self._session = child.start(self._config, self._pipes)
        if self._session:
            self._poll.register(self._session.link.fileno(), select.POLLIN)

    def _start_step(self) -> running.Step:
        session = self._session
        step = running.start(
            self._config,
            self._pipes,
            self._arrived,
            terminal=self._terminal,
            tell=lambda pid: bool(session and session.link.send("step", str(pid))),
        )
        if step is None:
            if session:
                session.reap()
            os._exit(running.become(self._config, self._arrived))
        self._step = step
        descriptors.keep_only(self._descriptors())
        if self._pipes and step.armed:
            self._poll.register(self._pipes.reports, select.POLLIN)
        return step

    def _replace_session_process(self) -> None:
        """End what there is, and fork one anew, for a step that runs or has ended."""
        if self._session:
            self._session.reap()
            self._forget_link(self._session)
            self._session.link.close()
        self._start_session_process()
        if self._session and self._step:
            self._session.link.send("step", str(self._step.pid))

    def _descriptors(self) -> set[int]:
        """Return what the keeper needs while it waits."""
        wanted = {self._signals, *self._parent.descriptors}
        if self._session:
            wanted.add(self._session.link.fileno())
        return wanted | (self._pipes.ours if self._pipes else set())

    # Waiting

    def _wait(self, seconds: float | None = None) -> None:
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
        if self._parent.gone and not self._aborted:
            self._aborted = "parent ended"

    def _take_signals(self) -> None:
        step = self._step
        for notice in signals.read(self._signals):
            answer = signals.answer(
                notice,
                terminal=self._terminal,
                from_step=self._terminal and self._is_of_step(notice.sender),
                running=step is not None and step.running,
            )
            if answer.aborts and not self._aborted:
                self._aborted = signals.ABORTS[notice.number]
            if answer.enables and not self._aborted:
                self._asked_for_session = True
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
            ours = self._step if self._step and pid == self._step.pid else self._session
            if ours is None or pid != ours.pid:
                continue
            if not os.WIFSTOPPED(raw):
                ours.status = os.waitstatus_to_exitcode(raw)
            elif ours is self._step and self._terminal and os.WSTOPSIG(raw) in _JOB_CONTROL_STOPS:
                self._stop_with_step(os.WSTOPSIG(raw))

    def _stop_with_step(self, number: int) -> None:
        """With a terminal, stop when the step does, so that a calling shell gets its prompt back."""
        if self._step and self._step.is_stopped():
            signals.stop_by(number)

    def _is_of_step(self, sender: int) -> bool:
        """Tell whether a process is below us, and not below the session process."""
        line = proc.lineage(sender)
        return self._pid in line[1:] and not (self._session and self._session.pid in line)

    def _take_report(self) -> None:
        """The hook says that the step has failed. A second word of it is not for us."""
        assert self._pipes and self._step
        self._poll.unregister(self._pipes.reports)
        self._step.reported = self._pipes.report()
        if self._aborted or self._step.reported is None:  # what is no report must not make a step wait
            self._release()

    def _take_message(self) -> None:
        session = self._session
        if not session:
            return
        match session.link.receive():
            case None:
                self._forget_link(session)
            case ("verdict", status):
                self._verdict = status
            case ("over",):
                session.over = True
            case ("enabled",):
                session.opened = True
            case ("abort",) if self._step and self._step.running:
                self._asked_for_end = "the relay"
            case ("abort",):
                self._verdict = "-"

    def _forget_link(self, session: child.Child) -> None:
        if session.connected:
            self._poll.unregister(session.link.fileno())
            session.connected = False

    # While the step runs

    def _step_time_left(self) -> float | None:
        if self._config.step_timeout is None or self._step is None:
            return None
        return self._config.step_timeout - self._step.elapsed

    def _serve_running(self, step: running.Step) -> None:
        """Open, close and replace the session of a running step; end the step if it must be."""
        left = self._step_time_left()
        if left is not None and left <= 0:
            say(f"the step has run for its --step-timeout, {self._config.step_timeout} s: ending it")
            self._asked_for_end = "step-timeout"
        if self._asked_for_end and step.running:
            self._aborted = self._aborted or self._asked_for_end
            ending.end_all(self._wait, spare=self._session.pid if self._session else 0)
            return
        session = self._session
        if session and session.opened and (session.over or not session.connected):
            self._close_session(session)
        if self._asked_for_session and step.running:
            self._asked_for_session = False
            if not (self._session and self._session.opened) and self._open() is None:
                say("no session: out of processes or memory; the step goes on")

    def _close_session(self, session: child.Child) -> None:
        """End the session, and leave a guard that sleeps in its place."""
        if session.over:
            self._dismiss()
        else:
            self._tell_death(session)
        self._replace_session_process()

    # Holding

    def _is_to_be_held(self, step: running.Step) -> bool:
        if self._aborted:
            return False
        left = self._step_time_left()
        if left is not None and left <= STEP_TIMEOUT_MARGIN and step.outcome:
            say(f"no session: the step failed within the last {STEP_TIMEOUT_MARGIN} s of its --step-timeout")
            return False
        opened = self._session is not None and self._session.opened
        return step.outcome != 0 or self._config.when == "always" or opened

    def _hold(self) -> None:
        """Hold until something ends the hold."""
        session = self._open()
        deadline = time.monotonic() + max(self._config.max_timeout, self._config.linger) + STUCK_SECONDS
        while session and session.connected and self._verdict is None and not self._aborted:
            self._wait(deadline - time.monotonic())
            if time.monotonic() >= deadline:
                say("the session process does not end the session in time: ending it")
                self._aborted = "timeout"
            if session.over:  # it ended with the step still running, and the step failed meanwhile
                self._close_session(session)
                session = self._open()
        if session is None:
            say("no session: out of processes or memory; the step's own result stands")
        elif self._verdict is None and not self._aborted:
            self._tell_death(session)

    def _open(self) -> child.Child | None:
        """Tell the session process what became of the step, and so wake it; one that died asleep is forked anew."""
        words = self._step.words() if self._step else _NOT_OURS
        if self._session and self._session.opened:
            self._session.link.send("became", *words)
            return self._session
        if not (self._session and self._session.open(words)):
            self._replace_session_process()
            if not (self._session and self._session.open(words)):
                return None
        return self._session

    def _tell_death(self, session: child.Child) -> None:
        self._wait_for_end(session)
        say(f"the session process ended ({verdict.describe(session.status)}): the session is over")

    # Letting go

    def _finish(self, step: running.Step) -> None:
        """Let the interpreter die, and end what is left of a hold; without one the step's own pace counts."""
        self._release()
        held = self._session is not None and self._session.opened
        if held:
            self._dismiss()
        grace = time.monotonic() + step.grace
        while step.status is None and not (held and time.monotonic() >= grace):
            self._wait(grace - time.monotonic() if held else None)
        if step.status is None:  # how we are about to end it does not count
            step.released = False
        if held:
            ending.end_all(self._wait)
        elif self._config.standby:
            self._dismiss()
        if self._session:
            self._session.reap()

    def _release(self) -> None:
        """Let a waiting interpreter go on dying."""
        if self._step:
            self._step.released = self._step.released or self._step.waits
        if self._pipes:
            self._pipes.release()
        if self._session:
            self._session.link.send("release")

    def _dismiss(self) -> None:
        """Let the session process say goodbye to its viewers, and see it gone."""
        if self._session:
            self._session.link.send("goodbye", "-".join(self._aborted.split()) or "-")
            self._wait_for_end(self._session)

    def _wait_for_end(self, session: child.Child) -> None:
        deadline = time.monotonic() + GOODBYE_SECONDS
        while session.alive and (left := deadline - time.monotonic()) > 0:
            self._wait(left)
        session.reap()


def has_terminal() -> bool:
    """Tell whether one of our standard descriptors is our controlling terminal."""
    return any(_is_controlling(descriptor) for descriptor in descriptors.STANDARD)


def _is_controlling(descriptor: int) -> bool:
    try:
        os.tcgetpgrp(descriptor)
    except OSError:
        return False
    return True
