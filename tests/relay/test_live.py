import pytest

from relay.errors import SessionGone
from relay.live import LiveTunnels
from tunnel.connection import ServerTunnel
from tunnel.messages import Abort, Login, Registration

SESSIONS = ["a" * 25, "b" * 25, "c" * 25, "d" * 25]
LOGIN = Login(kind="bridge", user="joe")


def make(session: str, now: float = 0.0) -> ServerTunnel:
    return ServerTunnel(Registration(session, "ab" * 32), clock=lambda: now)


def test_found_by_session_until_removed() -> None:
    live = LiveTunnels()
    tunnel = make(SESSIONS[0])
    live.add("acme", tunnel)
    assert live.find(SESSIONS[0]) is tunnel
    assert live.remove(tunnel)
    assert live.find(SESSIONS[0]) is None
    assert not live.remove(tunnel)


def test_a_tunnel_that_was_replaced_does_not_remove_its_successor() -> None:
    live = LiveTunnels()
    old, new = make(SESSIONS[0]), make(SESSIONS[0])
    live.add("acme", old)
    live.remove(old)
    live.add("acme", new)
    assert not live.remove(old)
    assert live.find(SESSIONS[0]) is new


def test_room_in_all_and_for_an_account() -> None:
    live = LiveTunnels(limit=3, account_limit=2)
    first = make(SESSIONS[0])
    live.add("acme", first)
    assert live.has_room("acme")
    live.add("acme", make(SESSIONS[1]))
    assert not live.has_room("acme")
    assert live.has_room("globex")
    live.add("globex", make(SESSIONS[2]))
    assert not live.has_room("initech")
    live.remove(first)
    assert live.has_room("acme")


def test_which_were_lost_before_a_moment() -> None:
    live = LiveTunnels()
    for session, now in zip(SESSIONS, (1.0, 2.0, 3.0), strict=False):
        live.add("acme", make(session, now))
    assert [tunnel.registration.session[0] for tunnel in live.lost_before(2.0)] == ["a", "b"]


async def test_messages_to_sessions_that_are_not_here_or_closed_or_take_no_more() -> None:
    live = LiveTunnels()
    tunnel = make(SESSIONS[0])
    live.add("acme", tunnel)
    with pytest.raises(SessionGone, match="no tunnel"):
        await live.send_message(SESSIONS[1], Abort("enough"))
    for _ in range(64):
        await live.send_message(SESSIONS[0], Abort("enough"))
    with pytest.raises(SessionGone, match="64 messages wait"):
        await live.send_message(SESSIONS[0], Abort("enough"))
    tunnel.close("over")
    with pytest.raises(SessionGone, match="over"):
        await live.send_message(SESSIONS[0], Abort("enough"))


async def test_streams_of_sessions_that_are_not_here_or_closed() -> None:
    live = LiveTunnels()
    tunnel = make(SESSIONS[0])
    live.add("acme", tunnel)
    assert (await live.open_stream(SESSIONS[0], LOGIN)).get_extra_info("login") == LOGIN
    with pytest.raises(SessionGone, match="no tunnel"):
        await live.open_stream(SESSIONS[1], LOGIN)
    tunnel.close("over")
    with pytest.raises(SessionGone, match="over"):
        await live.open_stream(SESSIONS[0], LOGIN)
