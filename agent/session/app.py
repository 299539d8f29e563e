"""The composition root of a session: wires its parts, and runs the one loop that owns its clock.

Longer than the others, for how the parts hang together is best read in one place.
"""

import asyncio
import os
import sys
import time

import agent.session.forkless  # isort: skip  # noqa: F401  (before asyncssh)
import asyncssh

from agent.config import Config
from agent.keeper.pipes import Pipes
from agent.link import Link
from agent.session import guard, words
from agent.session.announce import announcement
from agent.session.asleep import StepState, parse_state
from agent.session.children import gone
from agent.session.desk import Desk
from agent.session.doors import Doors
from agent.session.identity import new_session_id
from agent.session.inspect.interpreter import Interpreter
from agent.session.inspect.questions import ask_state
from agent.session.inspect.records import Report
from agent.session.lifecycle import Action, End, Event, Lifecycle, State
from agent.session.log import Log
from agent.session.loop import OncePerKind, ThreadlessLoop
from agent.session.section import duration, section
from agent.session.server import Door, Host, Login, listen
from agent.session.timers import Timers
from agent.session.workshop import Workshop
from tunnel.messages import Abort, ControlMessage, Enable, SessionState
from tunnel.tuning import provide_user

LAST_WORDS_SECONDS = 0.2
"""Between our asking for the end and the end: exit statuses are on their way, that of `agent resume` among them."""

ASKER_SECONDS = 1.0
"""Time for the command that asked for the end to end by itself; on a busy machine it takes a while."""

FLUSH_SECONDS = 0.5
"""Time for a log that takes nothing to take our last lines."""

RELEASE_SECONDS = 1.0
"""Time for a released interpreter to be gone before its terminal is: that would be a hang-up."""

_SESSION_STATES = {
    "running": SessionState.ENABLED,
    "passed": SessionState.PASSED,
}


def run(link: Link, config: Config, step: StepState, pipes: Pipes | None, asked: bool | None) -> None:
    """Serve one session until the keeper says goodbye.

    `asked`: whether a failed interpreter could be asked for its state; None: it has not been tried.
    """
    provide_user()  # for us; shells get the step's own environment
    with asyncio.Runner(loop_factory=ThreadlessLoop) as runner:
        runner.run(Session(link, config, step, pipes, asked).serve())


class Session:
    """One session: events come in by `post`, `serve` moves the life cycle and carries its actions out."""

    def __init__(
        self, link: Link, config: Config, step: StepState, pipes: Pipes | None, asked: bool | None
    ) -> None:
        self._link = link
        self._config = config
        self._pipes = pipes
        self._step = step
        self._standby = config.standby and step.running
        self._id = new_session_id()
        self._host_key = asyncssh.generate_private_key("ssh-ed25519")
        self._log = Log()
        self._lifecycle = Lifecycle(State.STANDBY if self._standby else State.CONNECTING)
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._started = time.monotonic()
        self._timers = Timers(config, self._started - step.elapsed_ms / 1000)
        self._verdict = "-"
        self._asker = 0
        self._end_detail = ""
        self._logged_in_at: dict[int, float] = {}
        self._program = os.path.abspath(sys.argv[0])
        self._workshop = Workshop(self._id, config.environment, os.path.dirname(self._program))
        self._host = Host(self._door(), self._workshop, self)
        self._asked = asked
        self._interpreter: Interpreter | None = None
        self._doors: Doors

    # The loop.

    async def serve(self) -> None:
        """Open the doors, then follow the life cycle to its end."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(OncePerKind())
        acceptor = await listen(self._host, self._host_key)
        self._doors = Doors(
            self._config,
            acceptor,
            post=self._events.put_nowait,
            say=self._say_if_open,
            hear_relay=self._hear_relay,
        )
        guard.watch_users(self._id)
        self._link.send("named", self._id)
        loop.add_reader(self._link.fileno(), self._hear_keeper)  # what it says may concern the doors
        try:
            await self._meet_interpreter()
            await self._open_doors()
            if not self._standby:
                self._renew()
            event = None
            while event is not Event.GOODBYE:
                event = await self._next_event()
                for action in self._lifecycle.handle(event):
                    await self._do(action)
            if self._lifecycle.end is not End.ABORTED:
                await gone(self._asker, ASKER_SECONDS)
                await asyncio.sleep(LAST_WORDS_SECONDS)
            self._workshop.hang_up()
            self._host.close("the session is over")
        finally:
            # At once: a relay that is not told waits for us, and its users with it.
            await self._doors.close(hurried=self._lifecycle.end is End.ABORTED)
        await self._log.flush(FLUSH_SECONDS)
        if self._interpreter:
            self._interpreter.dismiss()
            await self._interpreter.wait_for_end(RELEASE_SECONDS)
            self._interpreter.close()
        loop.remove_reader(self._link.fileno())

    async def _next_event(self) -> Event:
        """Wait for the next event, or for the first of the timers."""
        while True:
            due = None if self._lifecycle.state is State.ENDING else self._timers.next()
            try:
                async with asyncio.timeout_at(None if due is None else self._loop_time(due.at)):
                    return await self._events.get()
            except TimeoutError:
                assert due
                if due.event:
                    return due.event
                self._look_for_work()

    def _loop_time(self, moment: float) -> float:
        return asyncio.get_running_loop().time() + max(moment - time.monotonic(), 0)

    def _look_for_work(self) -> None:
        busy = (
            self._workshop.busy or self._host.busy or bool(self._interpreter and self._interpreter.inspected)
        )
        if busy:
            self._timers.busy(time.monotonic())
        else:
            self._timers.looked(time.monotonic())

    async def _do(self, action: Action) -> None:
        match action:
            case Action.RENEW:
                await self._meet_interpreter()
                self._renew()
            case Action.ANNOUNCE:
                self._announce()
            case Action.TELL_PASSED:
                self._tell(words.step_passed(len(self._host.logins), self._left))
            case Action.HEARTBEAT:
                self._timers.beaten(time.monotonic())
                self._log.say(words.heartbeat(len(self._host.logins), self._left))
            case Action.REPORT:
                self._report_end()
            case Action.ABORT_STEP:
                self._link.send("abort")
            case Action.VERDICT if self._step.running:
                self._link.send("over")
            case Action.VERDICT:
                self._link.send("verdict", self._verdict)

    # Opening.

    def _door(self) -> Door:
        keys = self._config.authorized_keys
        return Door(self._id, asyncssh.import_authorized_keys(keys) if keys is not None else None)

    async def _open_doors(self) -> None:
        desk = Desk(
            self._id,
            self._config,
            self._lifecycle,
            self._host,
            self._workshop,
            look=self._look,
            end=self._resume,
        )
        await self._doors.open_control(desk)
        if self._config.relay is None:
            await self._doors.open_port()
        else:
            self._doors.open_relay(
                self._id,
                self._host_key,
                self._session_state(),
                patience=None if self._standby else self._config.connect_timeout,
            )

    def _session_state(self) -> SessionState:
        if self._standby:
            return SessionState.STANDBY
        return _SESSION_STATES.get(self._step.name, SessionState.FAILED)

    async def _meet_interpreter(self) -> None:
        """Learn from a failed interpreter that waits where it failed, and what shells are to inherit."""
        if self._step.name != "reported" or self._interpreter or self._pipes is None:
            return
        pid, asked = guard.step(), self._asked
        if asked is None:  # it has failed only now
            asked = ask_state(self._config, self._pipes, self._program, pid)
        self._interpreter = Interpreter(self._config, self._pipes, pid, self._program, asked=asked)
        await self._interpreter.settle()
        if state := self._interpreter.known_state:
            self._workshop.adopt(state, self._interpreter.pid)

    def _renew(self) -> None:
        """Count the timers from now on, and tell the relay what the session is."""
        self._timers.renew(time.monotonic(), passed=self._step.name == "passed")
        if self._host.logins:
            self._timers.logged_in()
        self._doors.tell_state(self._session_state())

    # What we hear.

    def _hear_keeper(self) -> None:
        match self._link.receive():
            case None:
                guard.keeper_died()
            case ("step", pid):
                guard.watch_step(int(pid))
            case ("open", *said):
                self._link.send("opened")
                self._step = parse_state(*said)
                if self._standby:
                    self._open_from_standby()
                elif not self._step.running:  # the relay has opened it in the moment when the step ended
                    self._events.put_nowait(self._what_became())
            case ("became", *said):
                self._step = parse_state(*said)
                self._events.put_nowait(self._what_became())
            case ("release",):
                if self._pipes:
                    self._pipes.release()
            case ("goodbye", *reason):
                if reason != ["-"]:
                    self._end_detail = " ".join(reason)
                self._events.put_nowait(Event.GOODBYE)

    def _what_became(self) -> Event:
        if self._step.name == "passed":
            return Event.STEP_PASSED_HELD if self._config.when == "always" else Event.STEP_PASSED
        return Event.STEP_FAILED

    def _open_from_standby(self) -> None:
        self._standby = False
        self._doors.hurry()
        self._events.put_nowait(Event.OPENED)

    def _hear_relay(self, message: ControlMessage) -> None:
        match message:
            case Abort(reason=reason):
                self._end_detail = f"by the relay: {reason}"
                self._events.put_nowait(Event.RELAY_ABORT)
            case Enable(user=user) if self._standby:
                self._log.say(f"{user or 'somebody'} opens a session through the relay")
                self._link.send("enabled")
                self._open_from_standby()

    def login(self, login: Login) -> None:
        """Somebody has logged in."""
        self._logged_in_at[login.number] = time.monotonic()
        self._timers.logged_in()
        self._say_if_open(
            f"login {login.number}: {login.guest.user or 'session id'} from {login.guest.address}"
        )
        self._events.put_nowait(Event.LOGIN)

    def logout(self, login: Login) -> None:
        """Somebody has left."""
        stayed = duration(time.monotonic() - self._logged_in_at.pop(login.number))
        self._say_if_open(f"logout {login.number}: {login.guest.user or 'session id'} after {stayed}")
        self._timers.busy(time.monotonic())
        if not self._host.logins:
            self._events.put_nowait(Event.LAST_LOGOUT)

    # What we say.

    def _say_if_open(self, line: str) -> None:
        """In standby nothing is said: the log is the step's."""
        if not self._standby:
            self._log.say(line)

    def _announce(self) -> None:
        assert self._doors.way
        lines = section(
            announcement(
                self._config,
                self._step,
                self._interpreter.known_report if self._interpreter else Report(),
                way=self._doors.way,
                session=self._id,
                program=self._program,
                host_key=self._host_key,
                timeout=self._left,
                ends_at=time.time() + self._left,
            )
        )
        for line in lines:
            self._log.show(line)
        if self._host.logins:
            self._events.put_nowait(Event.LOGIN)

    def _tell(self, line: str) -> None:
        """Say it in the log, and to those who look at a terminal."""
        self._log.say(line)
        self._host.tell(f"holdfast: {line}")

    def _report_end(self) -> None:
        end = self._lifecycle.end
        assert end
        result = words.result(
            self._step,
            self._verdict,
            drop_in=self._config.drop_in,
            spared=self._lifecycle.end_spares_step,
        )
        self._tell(words.end(time.monotonic() - self._started, end.value, self._end_detail, result))

    @property
    def _left(self) -> float:
        return max(self._timers.ends_at - time.monotonic(), 0)

    # What the desk asks.

    def _look(self) -> tuple[StepState, float | None, Interpreter | None]:
        return self._step, None if self._standby else self._left, self._interpreter

    def _resume(self, verdict: str, asker: int) -> None:
        self._verdict = verdict
        self._asker = asker
        self._events.put_nowait(Event.RESUMED)
