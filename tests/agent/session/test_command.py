"""Commands without a terminal: three pipes that carry every byte."""

import os

import pytest

from agent.session.command import Command
from agent.session.errors import NoShell


def command(text: str, audience) -> Command:
    return Command(["/bin/sh", "-c", text], dict(os.environ), audience)


async def test_output_error_output_and_status_are_kept_apart(audience) -> None:
    command("echo out; echo err >&2; exit 9", audience)
    assert await audience.ended() == 9
    assert (audience.shown, audience.errors) == (b"out\n", b"err\n")


async def test_every_byte_goes_both_ways_and_the_end_of_input_arrives(audience) -> None:
    data = bytes(range(256)) * 4000
    copy = command("cat", audience)
    copy.type(data)
    copy.end_input()
    assert await audience.ended() == 0
    assert audience.shown == data


async def test_output_after_the_end_of_input(audience) -> None:
    copy = command("cat >/dev/null; echo later", audience)
    copy.type(b"first")
    copy.end_input()
    assert await audience.ended() == 0
    assert audience.shown == b"later\n"


async def test_input_that_nobody_takes_is_no_error(audience) -> None:
    deaf = command("exec 0<&-; echo closed; read go </dev/tty 2>/dev/null; exit 3", audience)
    await audience.until(lambda: b"closed" in audience.shown)
    deaf.type(b"x" * 1000)
    assert await audience.ended() == 3


async def test_a_signal_reaches_its_children_too(audience) -> None:
    running = command("sleep 60 & echo started; wait", audience)
    await audience.until(lambda: b"started" in audience.shown)
    running.signal(15)
    assert await audience.ended() == -15


async def test_output_waits_while_the_caller_does_not_keep_up(audience) -> None:
    running = command("head -c 1000000 /dev/zero", audience)
    running.pace(writable=False)
    assert not audience.shown
    running.pace(writable=True)
    assert await audience.ended() == 0
    assert len(audience.shown) == 1_000_000


async def test_what_cannot_be_started_says_so(audience) -> None:
    with pytest.raises(NoShell, match="/nowhere"):
        Command(["/nowhere"], {}, audience)
