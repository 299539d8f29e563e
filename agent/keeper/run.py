"""The keeper: starts the step, waits, holds a failed one, and ends with the verdict."""

import os
import select
import time

from agent import descriptors, kernel, proc
from agent.config import SECRETS, Config, read
from agent.errors import KernelError
from agent.keeper import child, ending, mark, secrets, signals, step, verdict
from agent.keeper.parent import Parent
from agent.output import say

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from typing import NoReturn

GOODBYE_SECONDS = 2.0
"""For the session process to tell its viewers and leave."""

STUCK_SECONDS = 30
"""How long after its deadline a session may go on: then its process is stuck, and must not hold the build."""

_SIGKILL, _SIGCONT, _SIGSTOP = 9, 18, 19
_JOB_CONTROL_STOPS = (20, 21, 22)
"""TSTP, TTIN, TTOU: stops that come from a terminal, and that a calling shell wants to see."""


def main(arguments: list[str]) -> int:
    """Run the step as `arguments` say; UsageError for a bad word.

    Returns only where this process should have become the step and could not: with 126 or 127.
    """
    arrived = signals.take_over()
    config = read(arguments, secrets.arrived())
    secrets.wipe(SECRETS)
    if config.when == "never":
        signals.give_back(arrived)
        return step.become(step.argv(config), config.environment)
    try:
        keeper = Keeper(config, arrived)
    except KernelError as error:
        say(f"no session can open here: {error}")
        signals.give_back(arrived)
        return step.become(step.argv(config), config.environment)
    return verdict.leave(keeper.run())


class Keeper:
    """One run of a step, from its start to the verdict."""

    def __init__(self, config: Config, arrived: signals.Arrived) -> None:
        """Take our place: KernelError where that cannot be."""
        descriptors.occupy_standard()
        self._config = config
        self._arrived = arrived
        self._pid = os.getpid()
        self._terminal = has_terminal()
        self._parent = Parent(watched=not arrived.hangup_ignored)
        self._signals = signals.descriptor()
        self._mark = mark.make()
        kernel.hide_memory()
        kernel.adopt_orphans(wanted=True)
        self._poll = select.poll()
        for descriptor in (self._signals, self._parent.descriptor):
            if descriptor is not None:
                self._poll.register(descriptor, select.POLLIN)
        self._session: child.Child | None = None
        self._step = 0
        self._started = 0.0
        self._status: int | None = None
        self._aborted = ""
        self._verdict: str | None = None

    def __repr__(self) -> str:
        return f"<Keeper of {self._step}, status {self._status}, {self._session!r}>"

    def run(self) -> int:
        """Return the verdict: a code, or minus the signal that the step died of."""
        self._start_session_process()
        self._start_step()
        while self._status is None:
            self._wait()
        status = self._status
        if status != 0 and not self._aborted:
            status = self._hold(status)
        if self._session:
            self._session.reap()
        return status

    # Starting

    def _start_session_process(self) -> None:
        self._session = child.start(self._config, self._mark)
        if self._session:
            self._poll.register(self._session.link.fileno(), select.POLLIN)

    def _start_step(self) -> None:
        """Fork the step, and wait until it has become its program: then it can be sent signals."""
        running, gone = os.pipe()
        self._started = time.monotonic()
        try:
            self._step = os.fork()
        except OSError:
            self._become_step()
        if self._step == 0:
            self._be_step()
        os.close(gone)
        os.read(running, 1)
        os.close(running)
        descriptors.keep_only(self._descriptors())

    def _be_step(self) -> "NoReturn":
        """What the step's process does before it is the step. It must never be there without a guard."""
        status = step.NOT_EXECUTABLE
        try:
            if not self._terminal:
                os.setsid()
            if self._mark:
                self._mark.hand_over()
            kernel.notify_parent_death(_SIGKILL)
            if os.getppid() == self._pid:
                if self._session:
                    self._session.link.send("step", str(os.getpid()))
                kernel.notify_parent_death(0)
                signals.give_back(self._arrived)
                status = step.become(step.argv(self._config), self._config.environment)
        finally:
            os._exit(status)

    def _become_step(self) -> "NoReturn":
        """Without a process for the step there is only ours."""
        if self._session:
            self._session.reap()
        kernel.adopt_orphans(wanted=False)
        signals.give_back(self._arrived)
        os._exit(step.become(step.argv(self._config), self._config.environment))

    def _descriptors(self) -> set[int]:
        """Return what the keeper needs while it waits."""
        wanted = {self._signals}
        if self._parent.descriptor is not None:
            wanted.add(self._parent.descriptor)
        if self._session:
            wanted.add(self._session.link.fileno())
        if self._mark:
            wanted.add(self._mark.reader)
        return wanted

    # Waiting

    def _wait(self, seconds: float | None = None) -> None:
        """Wait for something to happen, at most so long, and take note of it."""
        limit = None if seconds is None else seconds * 1000
        if self._parent.must_be_looked_at:
            limit = self._parent.LOOK_MS if limit is None else min(limit, self._parent.LOOK_MS)
        for descriptor, _ in self._poll.poll(limit):
            if descriptor == self._signals:
                self._take_signals()
            elif descriptor == self._parent.descriptor:
                self._poll.unregister(descriptor)
            else:
                self._take_message()
        if self._parent.gone and not self._aborted:
            self._aborted = "parent ended"

    def _take_signals(self) -> None:
        notices = signals.read(self._signals)
        for notice in notices:
            answer = signals.answer(
                notice,
                terminal=self._terminal,
                from_step=self._terminal and self._is_of_step(notice.sender),
                running=self._status is None,
            )
            if answer.aborts and not self._aborted:
                self._aborted = signals.ABORTS[notice.number]
            self._forward(answer.forward)
            if answer.stops:
                signals.stop_by(_SIGSTOP)
        # Only now: a sender that ended meanwhile can be told from a stranger as long as it is not reaped.
        self._reap()

    def _forward(self, number: int) -> None:
        if number == 0:
            return
        try:
            if not self._terminal:
                os.killpg(self._step, number)
            elif number != _SIGCONT or self._step_is_stopped():
                os.kill(self._step, number)
        except (ProcessLookupError, PermissionError):  # it has ended, or became another user's, as bare
            return

    def _reap(self) -> None:
        while True:
            try:
                pid, raw = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if os.WIFSTOPPED(raw):
                self._stop_with(pid, os.WSTOPSIG(raw))
            elif pid == self._step:
                self._status = os.waitstatus_to_exitcode(raw)
            elif self._session and pid == self._session.pid:
                self._session.status = os.waitstatus_to_exitcode(raw)

    def _stop_with(self, pid: int, number: int) -> None:
        """With a terminal, stop when the step does, so that a calling shell gets its prompt back."""
        if self._terminal and pid == self._step and number in _JOB_CONTROL_STOPS and self._step_is_stopped():
            signals.stop_by(number)

    def _step_is_stopped(self) -> bool:
        process = proc.read(self._step)
        return process is not None and process.stopped

    def _is_of_step(self, sender: int) -> bool:
        """Tell whether a process is below us, and not below the session process."""
        line = proc.lineage(sender)
        return self._pid in line[1:] and not (self._session and self._session.pid in line)

    def _take_message(self) -> None:
        if not self._session:
            return
        message = self._session.link.receive()
        if message is None:
            self._poll.unregister(self._session.link.fileno())
            self._session.connected = False
        elif message[0] == "verdict" and len(message) == 2:
            self._verdict = message[1]

    # Holding

    def _hold(self, status: int) -> int:
        """Hold the failed step until something ends the hold; return the verdict."""
        session = self._open(status)
        if session is None:
            say("no session: out of processes or memory; the step's own result stands")
            return status
        deadline = time.monotonic() + self._config.timeout + STUCK_SECONDS
        while self._verdict is None and session.connected and not self._aborted:
            self._wait(max(deadline - time.monotonic(), 0))
            if time.monotonic() >= deadline:
                say("the session process does not end the session in time: ending it")
                self._aborted = "timeout"
        if self._verdict is None and not self._aborted:
            self._wait_for_end(session)
            say(f"the session process ended ({verdict.describe(session.status)}): the session is over")
        self._dismiss(session)
        ending.end_all(self._wait)
        return verdict.choose(self._verdict, status)

    def _open(self, status: int) -> child.Child | None:
        """Wake the session process; one that died asleep is forked anew."""
        elapsed = round((time.monotonic() - self._started) * 1000)
        if not (self._session and self._session.open(status, elapsed)):
            self._replace_session_process()
            if not (self._session and self._session.open(status, elapsed)):
                return None
        return self._session

    def _replace_session_process(self) -> None:
        if self._session:
            if self._session.connected:
                self._poll.unregister(self._session.link.fileno())
            self._session.reap()
            self._session.link.close()
        self._start_session_process()
        if self._session:
            self._session.link.send("step", str(self._step))

    def _dismiss(self, session: child.Child) -> None:
        """Let the session process say goodbye to its viewers, and see it gone."""
        session.link.send("goodbye", self._aborted or "-")
        self._wait_for_end(session)

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
