"""The keeper: starts the step, waits, holds a failed one, and ends with the verdict. Its rules: `RULES.md`."""

import time

from agent import descriptors, kernel
from agent.config import STEP_TIMEOUT_MARGIN, Config
from agent.keeper import child, ending, running, verdict
from agent.keeper.stand import Stand
from agent.keeper.watch import Watch
from agent.output import say

OPEN_SECONDS = 30.0
"""For the session process to answer `open`: 0.4 ms asleep, a second where it imports for standby."""

STUCK_SECONDS = 30
"""How long after its deadline a session may go on: then its process is stuck, and must not hold the build."""

_NOT_OURS = ("unknown", "-")
"""State and status of a step that somebody else has run (`link.py`)."""


class Keeper:
    """One run of a step, from its start to the verdict; in drop-in mode one hold, with no step of ours."""

    def __init__(self, config: Config, stand: Stand, session: child.Child | None) -> None:
        self._config = config
        self._pipes = stand.pipes
        self._age = 0.0
        self._watch = Watch(stand, drop_in=config.drop_in)
        self._watch.follow_session(session)

    def __repr__(self) -> str:
        return f"<Keeper {self._watch!r}>"

    def run(self, step: running.Step) -> int:
        """Run a step that has started, and return the verdict: a code, or minus the signal that the step died of."""
        self._watch.follow_step(step)
        descriptors.keep_only(self._watch.descriptors)
        self._run(step)
        if self._is_to_be_held(step):
            self._hold()
        self._finish(step)
        session = self._watch.session
        return verdict.choose(session.verdict if session else None, step.outcome)

    def hold_for_another(self, age: float) -> None:
        """Hold the container for a step that was not ours, and began so many seconds ago (drop-in mode)."""
        self._age = age
        descriptors.keep_only(self._watch.descriptors)
        self._hold()
        self._dismiss()
        self._end_rest()

    def _replace_session_process(self) -> None:
        """End what there is, and fork one anew, for a step that runs or has ended."""
        if self._watch.session:
            self._watch.session.reap()
        self._watch.follow_session(child.start(self._config, self._pipes))
        if self._watch.session and self._watch.step:
            self._watch.session.link.send("step", str(self._watch.step.pid))

    # While the step runs

    def _run(self, step: running.Step) -> None:
        """Wait until the step has ended, or has reported that it failed; open and close the sessions meanwhile."""
        limit, settled = self._config.step_timeout, False
        while step.running:
            left = None if limit is None else limit - step.elapsed
            self._watch.wait(left if settled else child.SETTLED_MS / 1000)
            if step.running and not settled:
                kernel.let_go_of_text()
                settled = True
            if limit is not None and step.running and step.elapsed >= limit:
                say(f"the step has run for its --step-timeout, {limit} s: ending it")
                self._watch.aborted = self._watch.aborted or "step-timeout"
                self._watch.ends_step = True
            if self._watch.ends_step and step.running:
                ending.end_all(self._watch.wait, self._session_pid, users=False)
                self._watch.ends_step = False
                limit = None  # what has become another user's cannot be ended, and would be told for ever
            self._serve_sessions(step)

    def _serve_sessions(self, step: running.Step) -> None:
        session = self._watch.session
        if session and session.opened and (session.over or not session.connected):
            self._close_session(session)
        if not (self._watch.asked_for_session and step.running):
            return
        self._watch.asked_for_session = False
        session = self._watch.session
        if self._is_late(step):
            say(f"no session: it would end {STEP_TIMEOUT_MARGIN} s before the --step-timeout, which is now")
        elif not (session and session.opened) and self._open() is None:
            say("no session: out of processes or memory; the step goes on")

    def _close_session(self, session: child.Child) -> None:
        """End the session of a step that ran, with all that its users have started; leave a guard in its place."""
        started = ending.started_by(session.pid)
        if session.over:
            self._dismiss()
        else:
            self._tell_death(session)
        ending.end_users(session.name, started, self._watch.wait)
        self._replace_session_process()

    # Holding

    def _is_to_be_held(self, step: running.Step) -> bool:
        if self._watch.aborted:
            return False
        session = self._watch.session
        wanted = (
            step.outcome != 0
            or self._config.when == "always"
            or bool(session and session.opened and not session.over)
        )
        if wanted and self._is_late(step):
            say(f"no session: the step ended within the last {STEP_TIMEOUT_MARGIN} s of its --step-timeout")
            return False
        return wanted

    def _is_late(self, step: running.Step) -> bool:
        limit = self._config.step_timeout
        return limit is not None and step.elapsed >= limit - STEP_TIMEOUT_MARGIN

    def _hold(self) -> None:
        """Hold until something ends the hold."""
        watch = self._watch
        watch.holding = True
        session = self._open()
        deadline = time.monotonic() + max(self._config.max_timeout, self._config.linger) + STUCK_SECONDS
        while session and session.connected and session.verdict is None and not watch.aborted:
            watch.wait(deadline - time.monotonic())
            if time.monotonic() >= deadline:
                say("the session process does not end the session in time: ending it")
                watch.aborted = "timeout"
            if session.over:  # the session of the running step: it ended just before the step did
                self._close_session(session)
                if not (watch.step and self._is_to_be_held(watch.step)):
                    return
                session = self._open()
        if session is None:
            say("no session: out of processes or memory; the step's own result stands")
        elif session.verdict is None and not watch.aborted:
            self._tell_death(session)

    def _open(self) -> child.Child | None:
        """Tell the session process what became of the step, and so wake it; one that died asleep is forked anew."""
        words = self._watch.step.words() if self._watch.step else (*_NOT_OURS, str(round(self._age * 1000)))
        if self._watch.session and self._watch.session.opened:
            self._watch.session.link.send("became", *words)
            return self._watch.session
        if not self._wake(words):
            self._replace_session_process()
            if not self._wake(words):
                return None
        return self._watch.session

    def _wake(self, words: tuple[str, str, str]) -> bool:
        """Have the session process open a session; False: it died asleep, or there is none."""
        session = self._watch.session
        if not (session and session.connected and session.link.send("open", *words)):
            return False
        deadline = time.monotonic() + OPEN_SECONDS
        while session.connected and not session.opened and (left := deadline - time.monotonic()) > 0:
            self._watch.wait(left)
        return session.opened

    def _tell_death(self, session: child.Child) -> None:
        self._watch.wait_for_end(session)
        say(f"the session process ended ({verdict.describe(session.status)}): the session is over")

    # Letting go

    def _finish(self, step: running.Step) -> None:
        """Let the interpreter die, and end what is left of a hold; without one the step's own pace counts."""
        session = self._watch.session
        held = session is not None and session.opened
        if held or step.status is None:  # else nobody waits, and the session process need not wake for it
            self._watch.release()
        if held:
            self._dismiss()
        grace = time.monotonic() + step.grace
        while step.status is None and not (held and time.monotonic() >= grace):
            self._watch.wait(grace - time.monotonic() if held else None)
        if held:
            step.overdue = step.status is None
            self._end_rest()
        elif session:
            if session.name:  # in standby: the relay may know it, and is to forget it
                self._dismiss()
            session.reap()

    def _dismiss(self) -> None:
        """Let the session process say goodbye to its viewers; from then on it is but our guard."""
        if self._watch.session:
            self._watch.session.link.send("goodbye", "-".join(self._watch.aborted.split()) or "-")
            self._watch.wait_for_farewell(self._watch.session)

    def _end_rest(self) -> None:
        """End all but the session process, and that at last: if we are killed meanwhile, it ends the others."""
        ending.end_all(self._watch.wait, self._session_pid, users=True)
        if self._watch.session:
            self._watch.session.reap()

    @property
    def _session_pid(self) -> int:
        session = self._watch.session
        return session.pid if session and session.alive else 0
