"""The messages between the two processes."""

import select

from agent import link


def test_messages_both_ways():
    keeper, session = link.pair()
    assert session.send("ready")
    assert keeper.send("open", "failed", "-9", "1234")
    assert keeper.receive() == ("ready",)
    assert session.receive() == ("open", "failed", "-9", "1234")
    keeper.close()
    session.close()


def test_packets_are_not_joined():
    keeper, session = link.pair()
    for number in range(3):
        keeper.send("step", str(number))
    assert [session.receive() for _ in range(3)] == [("step", "0"), ("step", "1"), ("step", "2")]
    keeper.close()
    session.close()


def test_the_other_end_is_gone():
    """What it said before can still be read; then the end, for `poll` too; sending says no."""
    keeper, session = link.pair()
    keeper.send("goodbye", "-")
    keeper.close()
    poll = select.poll()
    poll.register(session.fileno(), select.POLLIN)
    assert session.receive() == ("goodbye", "-")
    assert poll.poll(0)
    assert session.receive() is None
    assert session.send("verdict", "-") is False
    session.close()


def test_unread_messages_at_the_others_death():
    keeper, session = link.pair()
    keeper.send("open")
    session.close()
    assert keeper.receive() is None
    assert keeper.send("open") is False
    keeper.close()
