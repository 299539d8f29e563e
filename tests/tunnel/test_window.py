"""Credit: never more than the window, in either direction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunnel.errors import LocalProtocolError, RemoteProtocolError
from tunnel.window import ReceiveWindow, SendWindow


def test_sending_spends_credit_and_credit_comes_back() -> None:
    window = SendWindow(10)
    window.take(10)
    window.add(4)
    assert window.available == 4


def test_sending_beyond_the_credit_is_our_error() -> None:
    with pytest.raises(LocalProtocolError):
        SendWindow(10).take(11)


def test_credit_beyond_the_window_is_the_peers_error() -> None:
    with pytest.raises(RemoteProtocolError):
        SendWindow(10).add(1)


def test_receiving_beyond_the_credit_is_the_peers_error() -> None:
    window = ReceiveWindow(10)
    window.receive(6)
    with pytest.raises(RemoteProtocolError):
        window.receive(5)


def test_taking_more_than_came_is_our_error() -> None:
    window = ReceiveWindow(10)
    window.receive(3)
    with pytest.raises(LocalProtocolError):
        window.consume(4)


def test_credit_is_due_when_a_quarter_was_taken() -> None:
    window = ReceiveWindow(8)
    window.receive(8)
    window.consume(1)
    assert not window.is_due
    window.consume(1)
    assert window.is_due
    assert window.grant() == 2
    assert not window.is_due


@given(st.lists(st.tuples(st.sampled_from("rcg"), st.integers(0, 12)), max_size=50))
def test_both_ends_agree_on_the_credit_and_never_hold_more_than_the_window(
    steps: list[tuple[str, int]],
) -> None:
    sender, receiver, owed = SendWindow(20), ReceiveWindow(20), 0
    for step, count in steps:
        if step == "r" and count <= sender.available:
            sender.take(count)
            receiver.receive(count)
        elif step == "c" and count <= receiver.held:
            receiver.consume(count)
            owed += count
        elif step == "g":
            sender.add(receiver.grant())
            owed = 0
        assert sender.available + receiver.held + owed == 20
