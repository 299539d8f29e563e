"""Tunnels over real WebSockets: handshake, resume, takeover, restart, goodbye."""

import asyncio
import json
import random
from dataclasses import replace

import pytest
from websockets.asyncio.client import connect

import tunnel.connection
from tunnel.connection import CLIENT_OPTIONS, ClientTunnel, ServerTunnel, receive_hello, refuse
from tunnel.errors import (
    LocalProtocolError,
    RemoteProtocolError,
    TunnelClosed,
    TunnelFull,
    TunnelLost,
    TunnelRefused,
)
from tunnel.frames import Kind, encode
from tunnel.messages import Abort, Hello, Login, Refusal, Resume, SessionState, StateReport

LOGIN = Login(kind="bridge")


def frame_of_nonsense() -> bytes:
    return encode(Kind.DATA, 99, b"x")


async def test_the_welcome_tells_of_the_relay_and_what_to_resume_with(rig) -> None:
    assert rig.client.lost_since is not None
    await rig.connect()
    welcome = rig.client._welcome
    assert welcome.reception == rig.reception
    assert (welcome.resumed, welcome.received, welcome.tunnel_id) == (False, 0, rig.server.tunnel_id)
    assert rig.hellos[0].registration == rig.registration
    assert rig.client.lost_since is None
    assert rig.server.lost_since is None


async def test_a_stream_opened_before_the_first_websocket_is_used_at_once(rig, recorder, until) -> None:
    ours = rig.server.open_stream(LOGIN)
    ours.write(b"early")
    await rig.connect()
    await until(lambda: rig.accepted)
    rig.accepted[0].start(protocol := recorder())
    await until(lambda: protocol.received == b"early")


async def test_a_transfer_survives_many_lost_websockets(rig, recorder, until) -> None:
    data = random.Random(1).randbytes(8 * 1024 * 1024)
    await rig.connect()
    left, right = await rig.stream()
    a, b = recorder(keeps_open=True), recorder(keeps_open=True)
    left.start(a)
    right.start(b)
    left.write(data)
    left.write_eof()
    right.write(data)
    right.write_eof()
    for part in (1, 3, 5):
        await until(lambda part=part: len(b.received) > part * len(data) // 8)
        await rig.cut()
        await rig.connect()
        assert rig.client._welcome.resumed
    await until(lambda: "eof" in a.calls and "eof" in b.calls)
    assert a.received == data
    assert b.received == data


async def test_what_is_done_while_the_websocket_is_away_arrives_after_it(rig, recorder, until) -> None:
    await rig.connect()
    left, right = await rig.stream()
    right.start(protocol := recorder(keeps_open=True))
    await rig.cut()
    left.write(b"meanwhile")
    left.close()
    rig.server.open_stream(LOGIN)
    rig.server.send_message(Abort("enough"))
    await rig.connect()
    assert await protocol.lost is None
    assert protocol.received == b"meanwhile"
    await until(lambda: len(rig.accepted) == 2 and rig.messages == [Abort("enough")])


async def test_a_new_websocket_takes_over_from_one_that_only_the_client_gave_up(
    rig, recorder, until, monkeypatch
) -> None:
    await rig.connect()
    left, right = await rig.stream()
    right.start(protocol := recorder())
    left.write(b"one ")
    await until(lambda: protocol.received == b"one ")
    old = rig.ws
    monkeypatch.setattr(old.transport, "abort", lambda: None)  # the network swallows it
    await rig.connect()
    assert rig.client._welcome.resumed
    left.write(b"two")
    await until(lambda: protocol.received == b"one two")
    await old.wait_closed()


async def test_a_relay_that_restarted_resets_the_streams_and_the_tunnel_works_again(
    rig, recorder, until
) -> None:
    await rig.connect()
    left, right = await rig.stream()
    left.start(recorder())
    right.start(protocol := recorder())
    await rig.cut()
    rig.server.forget()
    rig.server = ServerTunnel(rig.registration)
    await rig.connect()
    assert not rig.client._welcome.resumed
    assert isinstance(await protocol.lost, ConnectionResetError)
    left, right = await rig.stream()
    right.start(protocol := recorder())
    left.write(b"again")
    await until(lambda: protocol.received == b"again")


STANDBY, ENABLED, FAILED = SessionState.STANDBY, SessionState.ENABLED, SessionState.FAILED


async def test_a_change_of_state_is_told_at_once_and_in_every_later_hello(rig, until) -> None:
    await rig.connect()
    rig.client.set_state(FAILED)  # as it is already
    rig.client.set_state(ENABLED)
    await until(lambda: rig.reports == [StateReport(ENABLED)])
    await rig.cut()
    rig.client.set_state(STANDBY)
    await rig.connect()
    assert [hello.registration.state for hello in rig.hellos] == [FAILED, STANDBY]
    await until(lambda: rig.reports[1:] == [StateReport(STANDBY)])


async def test_the_last_report_is_of_the_present_state_whatever_was_lost(rig, until, monkeypatch) -> None:
    await rig.connect()
    monkeypatch.setattr(rig.ws, "push", lambda data: None)  # the network swallows it
    rig.client.set_state(ENABLED)
    await rig.cut()
    rig.client.set_state(STANDBY)
    await rig.connect()
    assert rig.hellos[-1].registration.state == STANDBY
    await until(lambda: rig.reports == [StateReport(ENABLED), StateReport(STANDBY)])


async def test_a_state_that_changes_during_the_handshake_is_not_lost_with_the_streams(
    rig, until, monkeypatch
) -> None:
    await rig.connect()
    await rig.cut()
    rig.server.forget()
    rig.server = rig.new_server()
    told = rig.client._make_resume

    def change_meanwhile():
        asyncio.get_running_loop().call_soon(rig.client.set_state, ENABLED)
        return told()

    monkeypatch.setattr(rig.client, "_make_resume", change_meanwhile)
    await rig.connect()
    assert rig.hellos[-1].registration.state == FAILED
    assert not rig.client._welcome.resumed
    await until(lambda: rig.reports == [StateReport(ENABLED)])


async def test_a_closed_tunnel_has_no_state_to_tell(rig) -> None:
    rig.client.close()
    rig.client.set_state(ENABLED)
    assert rig.client.registration.state == FAILED


async def test_an_agent_that_began_afresh_resets_the_streams_at_the_relay(rig, recorder) -> None:
    await rig.connect()
    left, _ = await rig.stream()
    left.start(protocol := recorder())
    old_id = rig.server.tunnel_id
    rig.client.forget()
    await rig.connect()
    assert isinstance(await protocol.lost, ConnectionResetError)
    assert rig.server.tunnel_id != old_id
    await rig.stream()


async def test_close_says_goodbye_and_ends_both_sides(rig, recorder, until) -> None:
    carrying = await rig.connect()
    left, right = await rig.stream()
    left.start(a := recorder())
    right.start(b := recorder())
    rig.server.send_message(Abort("time is up"))
    rig.server.close("time is up")
    await carrying
    assert str(await a.lost) == str(await b.lost) == "time is up"
    assert rig.messages == [Abort("time is up")]
    assert rig.client.is_closed
    assert rig.client.close_reason == "time is up"
    for end in (rig.client, rig.server):
        with pytest.raises(TunnelClosed):
            end.open_stream(LOGIN)
        with pytest.raises(TunnelClosed):
            end.send_message(Abort(""))
    with pytest.raises(TunnelClosed):
        await rig.client.attach(rig.ws)
    await until(lambda: rig.server.lost_since is not None)


async def test_a_closed_tunnel_that_has_no_websocket_just_loses_its_streams(rig, recorder) -> None:
    stream = rig.client.open_stream(LOGIN)
    stream.start(protocol := recorder())
    rig.client.close("never mind")
    rig.client.close("twice is once")
    assert str(await protocol.lost) == "never mind"
    assert rig.client.close_reason == "never mind"


async def test_streams_that_nobody_takes_are_reset(rig, recorder) -> None:
    await rig.connect()
    stream = rig.client.open_stream(LOGIN)  # the server of this rig takes none
    stream.start(protocol := recorder())
    assert isinstance(await protocol.lost, ConnectionResetError)


async def test_streams_are_bounded(rig) -> None:
    for _ in range(64):
        rig.server.open_stream(LOGIN)
    with pytest.raises(TunnelFull):
        rig.server.open_stream(LOGIN)


async def test_a_callback_that_raises_does_not_lose_the_tunnel(rig, until) -> None:
    errors: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    await rig.connect()
    rig.client._on_message = lambda _: 1 / 0
    rig.server.send_message(Abort(""))
    await until(lambda: errors)
    await rig.stream()


async def test_forgetting_in_a_callback_ends_the_websocket(rig, until) -> None:
    carrying = await rig.connect()
    rig.client._on_message = lambda _: rig.client.forget()
    rig.server.send_message(Abort(""))
    rig.server.open_stream(LOGIN)
    await carrying
    assert rig.accepted == []


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("text", id="text"),
        pytest.param(frame_of_nonsense(), id="a frame out of place"),
        pytest.param(encode(Kind.OPEN, 1, b"[]"), id="metadata of no login"),
        pytest.param(encode(Kind.MESSAGE, 0, b"no JSON"), id="a message of no JSON"),
    ],
)
async def test_a_peer_that_breaks_the_protocol_loses_all_streams(rig, recorder, data) -> None:
    broken: asyncio.Future[RemoteProtocolError] = asyncio.get_running_loop().create_future()
    handle = rig.handle

    async def catching(ws) -> None:
        try:
            await handle(ws)
        except RemoteProtocolError as error:
            broken.set_result(error)

    rig.handle = catching
    await rig.connect()
    left, _ = await rig.stream()
    left.start(protocol := recorder())
    await rig.ws.send(data)
    await rig.ws.wait_closed()
    assert str(await broken) in str(await protocol.lost)
    assert len(rig.server._machine.streams) == 0


async def test_a_dead_peer_is_noticed_by_the_clock(rig) -> None:
    now = 0.0
    client = ClientTunnel(rig.registration, clock=lambda: now)
    async with connect(rig.url, proxy=None, **CLIENT_OPTIONS) as ws:
        await client.attach(ws)
        now = 20.0
        await client.carry()
    assert client.lost_since == 20.0
    assert not client.is_closed


# The handshake.


async def test_a_refusal_is_raised_with_its_code(rig) -> None:
    async def handle(ws) -> None:
        await receive_hello(ws)
        await refuse(ws, "taken", "another agent has this session id")

    rig.handle = handle
    with pytest.raises(TunnelRefused) as caught:
        await rig.connect()
    assert caught.value.code == "taken"
    assert not rig.client.is_closed


async def test_a_wrong_resume_secret_is_refused_and_the_tunnel_goes_on(rig) -> None:
    await rig.connect()
    with pytest.raises(TunnelRefused) as caught:
        await imposter(rig, Resume(rig.server.tunnel_id, "00" * 32, 0))
    assert caught.value.code == "forbidden"
    await rig.stream()


async def test_an_impossible_count_ends_the_tunnels_streams(rig, recorder) -> None:
    await rig.connect()
    left, _ = await rig.stream()
    left.start(protocol := recorder())
    with pytest.raises(TunnelLost):
        await imposter(rig, Resume(rig.server.tunnel_id, rig.server._secret, 1000))
    assert isinstance(await protocol.lost, ConnectionResetError)


async def imposter(rig, resume: Resume) -> None:
    """Resume the rig's tunnel from another client."""
    client = rig.new_client()
    client._make_resume = lambda: resume
    handle = rig.handle

    async def quiet(ws) -> None:
        try:
            await handle(ws)
        except (TunnelRefused, RemoteProtocolError):
            await ws.close()

    rig.handle = quiet
    async with connect(rig.url, proxy=None, **CLIENT_OPTIONS) as ws:
        await client.attach(ws)


async def test_another_version_is_refused(rig) -> None:
    refused: asyncio.Future[TunnelRefused] = asyncio.get_running_loop().create_future()

    async def handle(ws) -> None:
        try:
            await receive_hello(ws)
        except TunnelRefused as refusal:
            refused.set_result(refusal)

    rig.handle = handle
    async with connect(rig.url, proxy=None, **CLIENT_OPTIONS) as ws:
        await ws.send(json.dumps({"type": "hello", "version": 2}))
        answer = json.loads(await ws.receive())
    assert (answer["type"], answer["code"]) == ("refusal", "version")
    assert (await refused).code == "version"


async def test_silence_in_the_handshake_is_bounded(rig, monkeypatch) -> None:
    monkeypatch.setattr(tunnel.connection, "HANDSHAKE_TIMEOUT", 0.0)

    async def handle(ws) -> None:
        with pytest.raises(TunnelLost):
            await receive_hello(ws)

    rig.handle = handle
    with pytest.raises(TunnelLost):
        await rig.connect()


async def test_a_websocket_lost_in_the_handshake_is_worth_a_retry(rig) -> None:
    async def handle(ws) -> None:
        await ws.receive()

    rig.handle = handle
    with pytest.raises(TunnelLost):
        await rig.connect()


async def test_a_relay_that_resumes_what_nobody_asked_for_is_wrong(rig) -> None:
    serialize = rig.server.attach

    async def attach(ws, hello: Hello, reception):
        own = Resume(rig.server.tunnel_id, rig.server._secret, 0)
        return await serialize(ws, replace(hello, resume=own), reception)

    rig.server.attach = attach
    with pytest.raises(RemoteProtocolError):
        await rig.connect()


async def test_carrying_twice_or_without_a_websocket_is_our_error(rig) -> None:
    with pytest.raises(LocalProtocolError):
        await rig.client.carry()
    await rig.connect()
    await asyncio.sleep(0)
    with pytest.raises(LocalProtocolError):
        await rig.client.carry()


async def test_refusing_a_client_that_left_is_no_error(rig) -> None:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def handle(ws) -> None:
        await ws.wait_closed()
        await refuse(ws, "full", "come back later")
        done.set_result(None)

    rig.handle = handle
    async with connect(rig.url, proxy=None, **CLIENT_OPTIONS):
        pass
    await done


def test_secrets_are_not_in_the_repr(rig) -> None:
    assert "5e5e" not in repr(rig.client) + repr(rig.server) + repr(Refusal("full", ""))
