"""The step as a process: started, sent signals, reported, ended."""

import os
import time

from agent import kernel, launched
from agent.keeper import signals, step
from agent.keeper.hooks.launch import GRACE_SECONDS, Launch, find

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from typing import NoReturn

    from agent.config import Config
    from agent.keeper.child import Child
    from agent.keeper.pipes import Handed, Pipes
    from agent.keeper.stand import Stand

_SIGKILL, _SIGCONT = 9, 18

_DYING_SECONDS = 0.02
_LOOK_SECONDS = 0.001
"""For a step to die of a signal that has hit it: all that it takes is to be scheduled."""

_ALONE = b"!"
"""What the step's process says if it has no guard."""


class Step:
    """The step's process. `status` is None until `waitpid` has it, `reported` until the hook has said a code.

    `released`: the interpreter that had reported may go on dying; `overdue`: it had its time for that; `struck`: the
    status by which it did not end by itself, for with a terminal what ends a hold may have hit it as well.
    """

    __slots__ = (
        "_begun",
        "armed",
        "grace",
        "overdue",
        "pid",
        "released",
        "reported",
        "status",
        "struck",
        "terminal",
    )

    def __init__(
        self, pid: int, *, terminal: bool, armed: bool = False, grace: float = GRACE_SECONDS
    ) -> None:
        """Take a process that has just become the step."""
        self._begun = time.monotonic()
        self.pid = pid
        self.terminal = terminal
        self.armed = armed
        self.grace = grace
        self.status: int | None = None
        self.reported: int | None = None
        self.released = False
        self.overdue = False
        self.struck: int | None = None

    def __repr__(self) -> str:
        return f"<Step {self.pid} status={self.status} reported={self.reported}>"

    @property
    def running(self) -> bool:
        """It has neither ended nor reported that it failed."""
        return self.status is None and self.reported is None

    @property
    def waits(self) -> bool:
        """Its interpreter waits for its release."""
        return self.status is None and self.reported is not None

    @property
    def takes_signals(self) -> bool:
        """It goes its own way: it runs, or dies at its own pace. One that waits would die of them as it never would."""
        return self.status is None and (self.reported is None or self.released)

    @property
    def elapsed(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self._begun

    @property
    def outcome(self) -> int:
        """What it ended with: what it reported, unless it has ended by itself after its release, and in time."""
        if self.reported is not None and (
            self.status in (None, self.struck) or self.overdue or not self.released
        ):
            return self.reported
        assert self.status is not None
        return self.status

    def words(self) -> tuple[str, str, str]:
        """Return state, status and milliseconds as `link.py` has them."""
        if self.running:
            state, status = "running", "-"
        elif self.waits:
            state, status = "reported", str(self.outcome)
        else:
            state, status = "failed" if self.outcome else "passed", str(self.outcome)
        return state, status, str(round(self.elapsed * 1000))

    def forward(self, number: int) -> None:
        """Send a signal on: to the group that the step leads, or with a terminal to itself."""
        if number == 0:
            return
        try:
            if not self.terminal:
                os.killpg(self.pid, number)
            elif number != _SIGCONT or self.is_stopped():
                os.kill(self.pid, number)
        except (ProcessLookupError, PermissionError):  # it has ended, or became another user's, as bare
            return

    def dies_of(self, number: int) -> bool:
        """Tell whether a signal kills it, now or in a moment; it stays to be reaped."""
        deadline = time.monotonic() + _DYING_SECONDS
        while self.status is None:
            end = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if end:
                return end.si_code in (os.CLD_KILLED, os.CLD_DUMPED) and end.si_status == number
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK_SECONDS)
        return False

    def is_stopped(self) -> bool:
        """Tell whether a signal has stopped it."""
        from agent import proc  # noqa: PLC0415  (which is not needed before the step has started)

        process = proc.read(self.pid)
        return process is not None and process.stopped


def prepare(config: "Config", pipes: "Pipes | None") -> "tuple[Launch, Handed]":
    """Return how the step is to start, and which of our descriptors it has: with its hook where that can be."""
    if pipes and pipes.numbers and _has_paths():
        launch = step.arm(config, pipes.numbers)
        handed = pipes.load(launch)
        if handed is not None:
            return launch, handed
    return step.plain(config), pipes.marked if pipes else []


def start(
    config: "Config", stand: "Stand", session: "Child | None", launch: Launch, handed: "Handed"
) -> Step | None:
    """Start the step, and return when it has become its program: then it can be sent signals. None: no process for it.

    A session process that does not get ready to guard it is ended.
    """
    if session and not session.wait_until_ready():
        session.reap()
        session = None
    pid = _spawn(launch, handed, stand, session) if session and stand.pipes else None
    if pid is None:
        pid = _fork(config, launch, handed, stand, session)
    return Step(pid, terminal=stand.terminal, armed=launch.armed, grace=launch.grace) if pid else None


def _spawn(launch: Launch, handed: "Handed", stand: "Stand", session: "Child") -> int | None:
    """Start the step with no copy of our memory, which takes longer to make than all else; None where that cannot be.

    Then a process of ours tries, which can tell what is wrong. An emulator, of which the binary alone is sure to meet
    some, makes a copy all the same, and so cannot tell that a start failed. If we are killed before the session process
    knows the pid, it finds the step by the mark that it holds.
    """
    path = find(launch)
    if path is None or launched.BINARY or stand.arrived.children_ignored:
        return None
    try:
        pid = kernel.spawn(
            path,
            launch.argv,
            launch.environment,
            handed=handed,
            defaults=signals.defaults(),
            mask=stand.arrived.mask,
            leads_session=not stand.terminal,
        )
    except OSError:
        return None
    session.link.send("step", str(pid))
    return pid


def _fork(
    config: "Config", launch: Launch, handed: "Handed", stand: "Stand", session: "Child | None"
) -> int | None:
    """Fork the process that becomes the step, and wait until it has; None where there can be none."""
    keeper = os.getpid()
    start, started = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(start)
        os.close(started)
        return None
    if pid == 0:
        _be(config, launch, handed, stand, session, keeper=keeper, started=started)
    os.close(started)
    while os.read(start, 1) == _ALONE:
        if session:
            session.reap()
    os.close(start)
    return pid


def _be(
    config: "Config",
    launch: Launch,
    handed: "Handed",
    stand: "Stand",
    session: "Child | None",
    *,
    keeper: int,
    started: int,
) -> "NoReturn":
    """What the step's process does before it is the step.

    It must never be there without a guard: until the session process knows it, it dies with the keeper.
    """
    status = step.NOT_EXECUTABLE
    try:
        if not stand.terminal:
            os.setsid()
        for ours, number in handed:
            os.dup2(ours, number, inheritable=True)
        kernel.notify_parent_death(_SIGKILL)
        if os.getppid() == keeper:
            if session and session.link.send("step", str(os.getpid())):
                kernel.notify_parent_death(0)
            else:  # killed with our group, and the keeper with it, maybe later: it still dies with the keeper
                os.write(started, _ALONE)
            signals.give_back(stand.arrived)
            status = step.become(launch, step.plain(config))
    finally:
        os._exit(status)


def become(config: "Config", arrived: signals.Arrived) -> int:
    """Replace this process by the step, with nothing of ours left; returns 126 or 127 if that fails."""
    kernel.disown_orphans()
    signals.give_back(arrived)
    launch = step.plain(config)
    return step.become(launch, launch)


def _has_paths() -> bool:
    """Tell whether descriptors can be named by path here, as the hooks of shells need it."""
    return os.access("/proc/self/fd", os.X_OK)
