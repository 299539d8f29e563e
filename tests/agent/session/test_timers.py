"""Which timer comes first, by a clock that is only a number."""

import pytest

from agent.config import read
from agent.session.lifecycle import Event
from agent.session.timers import Due, Timers


def timers(words="", *, began=0.0, now=0.0, passed=False):
    counted = Timers(read([*words.split(), "true"], {}), began)
    counted.renew(now, passed=passed)
    return counted


def test_nothing_is_due_before_the_session_opens():
    assert Timers(read(["--step-timeout", "1h", "--idle", "1m", "true"], {}), 0).next() is None


@pytest.mark.parametrize(
    ("words", "due"),
    [
        ("", Due(240, Event.HEARTBEAT)),
        ("--timeout 3m", Due(180, Event.TIMEOUT)),
        ("--timeout 3m --first-login 30s", Due(30, Event.FIRST_LOGIN)),
        ("--step-timeout 2m", Due(105, Event.STEP_TIMEOUT)),
        ("--heartbeat 5s", Due(5, Event.HEARTBEAT)),
        ("--idle 40s", Due(10, None)),
        ("--idle 30m", Due(15, None)),
    ],
)
def test_the_first(words, due):
    assert timers(words).next() == due


def test_the_steps_limit_counts_from_the_steps_start():
    counted = timers("--step-timeout 2m", began=-100)
    assert counted.next() == Due(5, Event.STEP_TIMEOUT)
    assert counted.ends_at == 5
    assert timers("--timeout 1m --step-timeout 2m", began=0).ends_at == 60


def test_a_step_that_passed_lingers():
    assert timers("--linger 2m", passed=True).next() == Due(120, Event.TIMEOUT)


def test_a_login_ends_the_wait_for_the_first():
    counted = timers("--first-login 30s --timeout 1m")
    counted.logged_in()
    assert counted.next() == Due(60, Event.TIMEOUT)


def test_idleness_is_looked_for_and_then_an_end():
    counted = timers("--idle 40s --heartbeat 1h")
    for now in (10, 20, 30, 40):
        assert counted.next() == Due(now, None)
        counted.looked(now)
    assert counted.next() == Due(40, Event.IDLE)


def test_what_goes_on_puts_the_end_off():
    counted = timers("--idle 40s --heartbeat 1h")
    counted.looked(10)
    counted.busy(20)
    for now in (30, 40, 50, 60):
        assert counted.next() == Due(now, None)
        counted.looked(now)
    assert counted.next() == Due(60, Event.IDLE)


def test_heartbeats_go_on():
    counted = timers("--heartbeat 1m")
    counted.beaten(60)
    assert counted.next() == Due(120, Event.HEARTBEAT)
