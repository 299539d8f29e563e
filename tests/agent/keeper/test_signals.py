"""What the keeper does about each signal: a table."""

import signal

import pytest

from agent.keeper.signals import SI_KERNEL, Notice, _parse, answer

SI_USER, SI_TKILL = 0, -6
NOTHING = (0, False, False)


def decide(number, code=SI_USER, *, terminal=False, from_step=False, running=True):
    decided = answer(Notice(number, code, 42), terminal=terminal, from_step=from_step, running=running)
    assert decided.enables is False
    return decided.forward, decided.aborts, decided.stops


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_aborts(number):
    assert decide(number) == (number, True, False)
    assert decide(number, terminal=True) == (number, True, False)
    assert decide(number, SI_KERNEL, terminal=True) == (0, True, False)
    assert decide(number, SI_KERNEL) == (number, True, False)
    assert decide(number, terminal=True, from_step=True) == NOTHING
    assert decide(number, running=False) == (0, True, False)


@pytest.mark.parametrize(
    "number",
    [signal.SIGQUIT, signal.SIGUSR2, signal.SIGALRM, signal.SIGCONT, signal.SIGRTMIN],
)
def test_others(number):
    assert decide(number) == (number, False, False)
    assert decide(number, SI_TKILL, terminal=True) == (number, False, False)
    assert decide(number, SI_KERNEL, terminal=True) == NOTHING
    assert decide(number, terminal=True, from_step=True) == NOTHING
    assert decide(number, running=False) == NOTHING


@pytest.mark.parametrize("terminal", [False, True])
def test_usr1_opens_a_session_and_the_step_does_not_see_it(terminal):
    notice = Notice(signal.SIGUSR1, SI_USER, 42)
    decided = answer(notice, terminal=terminal, from_step=False, running=True)
    assert (decided.forward, decided.enables) == (0, True)
    assert not answer(notice, terminal=terminal, from_step=False, running=False).enables


def test_stop():
    assert decide(signal.SIGTSTP) == (signal.SIGSTOP, False, True)
    assert decide(signal.SIGTSTP, terminal=True) == (signal.SIGTSTP, False, False)
    assert decide(signal.SIGTSTP, SI_KERNEL, terminal=True) == NOTHING
    assert decide(signal.SIGTSTP, running=False) == (0, False, True)


def test_a_childs_end_is_for_waitpid():
    assert decide(signal.SIGCHLD) == NOTHING


def test_the_numbers_of_a_record():
    """Fields of signalfd_siginfo at their offsets; a sender in another PID namespace is 0."""
    record = bytearray(128)
    record[0:4] = (15).to_bytes(4, "little")
    record[8:12] = (-6).to_bytes(4, "little", signed=True)
    record[12:16] = (4711).to_bytes(4, "little")
    notice = _parse(bytes(record))
    assert (notice.number, notice.code, notice.sender) == (15, -6, 4711)
