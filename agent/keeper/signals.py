"""Signals: how they arrived, how the keeper reads them, and what it does about each.

They stay blocked in the keeper for its whole life and are read from a descriptor, which tells who sent them.
"""

import os

from agent import kernel, launched

TYPE_CHECKING = False  # `signal` imports enum: 3 ms
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal

SI_KERNEL = 0x80
"""si_code of what the kernel itself sent: ^C, ^\\ and ^Z of a terminal, its hang-up (sigaction(2))."""

_RECORD_BYTES = 128
"""One signalfd_siginfo."""

_JOB_CONTROL = {_signal.SIGTTIN, _signal.SIGTTOU}
"""The kernel sends them to a whole background group: the step's copy stops it, ours must stop us."""
_OF_PYTHON = {_signal.SIGPIPE, _signal.SIGXFSZ}
"""Ignored by the interpreter itself, whatever arrived; only `launched.IGNORED` knows what did."""
_OF_LIBC = {32, 33}
"""The C library's own, which it shows nobody, and leaves ignored in what it spawns unless they are set to default."""
_NEVER_OURS = {_signal.SIGKILL, _signal.SIGSTOP, _signal.SIGWINCH} | _JOB_CONTROL | _OF_PYTHON

ABORTS: dict[int, str] = {_signal.SIGTERM: "SIGTERM", _signal.SIGINT: "SIGINT", _signal.SIGHUP: "SIGHUP"}
"""After one of these no session opens; in a hold it ends it. The names are for the log."""


class Arrived:
    """The signal state that the runner started us with, for the step to have."""

    __slots__ = ("children_ignored", "hangup_ignored", "mask")

    def __init__(self, mask: set[int], *, children_ignored: bool, hangup_ignored: bool) -> None:
        self.mask = mask
        self.children_ignored = children_ignored
        self.hangup_ignored = hangup_ignored

    def __repr__(self) -> str:
        return f"<Arrived mask={sorted(self.mask)} children_ignored={self.children_ignored}>"


class Notice:
    """One signal as it was read: its number, who or what sent it."""

    __slots__ = ("code", "number", "sender")

    def __init__(self, number: int, code: int, sender: int) -> None:
        self.number = number
        self.code = code
        self.sender = sender

    def __repr__(self) -> str:
        return f"<Notice {self.number} code={self.code} from {self.sender}>"


class Answer:
    """What to do about a signal: send `forward` to the step (0: nothing), stop ourselves, abort, open a session."""

    __slots__ = ("aborts", "enables", "forward", "stops")

    def __init__(
        self, forward: int, *, aborts: bool = False, stops: bool = False, enables: bool = False
    ) -> None:
        self.forward = forward
        self.aborts = aborts
        self.stops = stops
        self.enables = enables

    def __repr__(self) -> str:
        words = [name for name in ("aborts", "enables", "stops") if getattr(self, name)]
        return f"<Answer forward={self.forward} {' '.join(words)}>"


def take_over() -> Arrived:
    """Block every signal that is ours to read, and return how they arrived.

    What arrived ignored stays so for all of us: left unblocked, the kernel drops it. An ignored SIGCHLD is
    put right, or the kernel would reap the step and lose its status.
    """
    arrived = Arrived(
        set(_signal.pthread_sigmask(_signal.SIG_BLOCK, _watched())),
        children_ignored=_signal.getsignal(_signal.SIGCHLD) == _signal.SIG_IGN,
        hangup_ignored=_signal.getsignal(_signal.SIGHUP) == _signal.SIG_IGN,
    )
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    return arrived


def give_back(arrived: Arrived) -> None:
    """Restore, in a process that is about to become the step, what arrived: dispositions, then the mask."""
    for number in _OF_PYTHON:
        _signal.signal(number, _signal.SIG_IGN if number in launched.IGNORED else _signal.SIG_DFL)
    if arrived.children_ignored:
        _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)
    forget_handlers()
    _signal.pthread_sigmask(_signal.SIG_SETMASK, arrived.mask)


def defaults() -> set[int]:
    """Return what a step that is spawned is to have at its default, though it is not so in us or on the way."""
    numbers = _OF_PYTHON | _OF_LIBC
    return numbers - launched.IGNORED - {n for n in _OF_LIBC if _ignored() >> (n - 1) & 1}


def forget_handlers() -> None:
    """Set to default what Python handles by itself (SIGINT), before anything is unblocked in a child."""
    if callable(_signal.getsignal(_signal.SIGINT)):
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def unblock_all() -> None:
    """Let every signal through, in a process that is neither the keeper nor the step."""
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def descriptor() -> int:
    """Return the descriptor that the blocked signals are read from."""
    return kernel.signal_descriptor(_watched())


def read(descriptor: int) -> list[Notice]:
    """Read all signals that are pending, each once."""
    notices: list[Notice] = []
    while True:
        try:
            data = os.read(descriptor, 16 * _RECORD_BYTES)
        except BlockingIOError:
            return notices
        records = (data[at : at + _RECORD_BYTES] for at in range(0, len(data), _RECORD_BYTES))
        notices.extend(_parse(record) for record in records)


def answer(notice: Notice, *, terminal: bool, from_step: bool, running: bool) -> Answer:
    """Decide about a signal; `from_step`: a process of the step's own tree sent it.

    With a terminal the step is in our own group: what the kernel or `kill 0` sends has reached it already.
    Without, it leads a session of its own, where the default of SIGTSTP is nothing: so STOP.
    """
    number = notice.number
    if number == _signal.SIGCHLD or (terminal and from_step):
        return Answer(0)
    aborts = number in ABORTS
    if not running:
        return Answer(0, aborts=aborts, stops=number == _signal.SIGTSTP)
    if number == _signal.SIGUSR1:
        return Answer(0, enables=True)
    if terminal and notice.code == SI_KERNEL:
        return Answer(0, aborts=aborts)
    if number == _signal.SIGTSTP and not terminal:
        return Answer(_signal.SIGSTOP, stops=True)
    return Answer(number, aborts=aborts)


def stop_by(number: int) -> None:
    """Stop this process as the step was stopped, for the caller's job control to see; returns on CONT.

    Sent while blocked, it melts into one that the terminal sent us as well: unblocked, they stop us once.
    """
    os.kill(os.getpid(), number)
    if number != _signal.SIGSTOP:
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, {number})
        _signal.pthread_sigmask(_signal.SIG_BLOCK, {number} - _JOB_CONTROL)


def die_of(number: int) -> None:
    """End this process by a signal; returns where that cannot be (as PID 1 of a container)."""
    if number not in (_signal.SIGKILL, _signal.SIGSTOP):
        _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)


def _watched() -> set[int]:
    ours = set(_signal.valid_signals()) - _NEVER_OURS
    return {n for n in ours if n == _signal.SIGCHLD or _signal.getsignal(n) != _signal.SIG_IGN}


def _ignored() -> int:
    """Return the signals that we ignore, as bits."""
    with open("/proc/self/status", "rb") as file:
        return int(file.read().partition(b"SigIgn:")[2].split()[0], 16)


def _parse(record: bytes) -> Notice:
    """Parse signalfd_siginfo: number, errno, code and pid are its first four words."""
    number, _, code, pid = (
        int.from_bytes(record[at : at + 4], "little", signed=True) for at in (0, 4, 8, 12)
    )
    return Notice(number, code, pid)
