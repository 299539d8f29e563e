"""Terminals with a real shell on a real PTY."""

import os

import pytest

from agent.session.errors import NoShell
from agent.session.terminal import Size, Terminal

ENVIRONMENT = {"PATH": os.environ["PATH"], "TERM": "dumb", "PS1": "$ "}
USUAL = Size(80, 24)
SHELL = ["/bin/bash", "--norc", "--noprofile"]


def terminal(*argv: str, size: Size = USUAL, modes: dict[int, int] | None = None) -> Terminal:
    return Terminal(argv or SHELL, ENVIRONMENT, size, modes or {})


async def test_a_shell_answers_and_its_exit_code_arrives(audience) -> None:
    shell = terminal()
    shell.attach(audience)
    shell.type(b"echo $((40 + 2)); exit 7\n")
    assert await audience.ended() == 7
    assert b"42\r\n" in audience.shown
    assert shell.ended


async def test_a_death_by_signal_arrives_as_its_negative(audience) -> None:
    terminal("/bin/sh", "-c", "kill -9 $$").attach(audience)
    assert await audience.ended() == -9


async def test_the_last_words_arrive_before_the_end(audience) -> None:
    terminal("/bin/sh", "-c", "head -c 200000 /dev/zero | tr '\\0' x; echo; echo END").attach(audience)
    assert await audience.ended() == 0
    assert len(audience.shown) == 200000 + len("\r\nEND\r\n")


async def test_it_outlives_its_viewers_and_shows_the_next_what_it_missed(audience, another_audience) -> None:
    shell = terminal()
    shell.attach(audience)
    shell.type(b"export KEPT=still-here; echo fir''st\n")
    await audience.until(lambda: b"first\r\n" in audience.shown)
    shell.detach(audience)
    assert shell.detached
    later = another_audience()
    shell.attach(later)
    assert b"first\r\n" in later.shown
    shell.type(b"echo $KEPT; exit\n")
    assert await later.ended() == 0
    assert b"still-here\r\n" in later.shown
    assert not audience.status.done()


async def test_two_viewers_see_the_same(audience, another_audience) -> None:
    other = another_audience()
    shell = terminal("/bin/sh", "-c", "read line; echo got $line")
    shell.attach(audience)
    shell.attach(other)
    shell.type(b"it\n")
    assert await audience.ended() == await other.ended() == 0
    assert b"got it\r\n" in audience.shown
    assert audience.shown == other.shown


async def test_the_window_of_the_client_is_the_windows_size(audience) -> None:
    shell = terminal("/bin/sh", "-c", "stty size; read go; stty size", size=Size(132, 50))
    shell.attach(audience)
    await audience.until(lambda: b"50 132\r\n" in audience.shown)
    shell.resize(Size(100, 0))
    shell.type(b"\n")
    await audience.ended()
    assert b"24 100\r\n" in audience.shown


async def test_a_viewer_that_does_not_keep_up_makes_the_command_wait(audience) -> None:
    audience.writable = False
    shell = terminal("/bin/sh", "-c", "yes | head -c 1000000; echo done")
    shell.attach(audience)
    await audience.until(lambda: bool(audience.shown))
    shown = len(audience.shown)
    assert shown < 100_000
    audience.writable = True
    shell.pace()
    assert await audience.ended() == 0
    assert audience.shown.endswith(b"done\r\n")


async def test_input_that_nobody_reads_holds_the_sender_back(audience) -> None:
    shell = terminal("/bin/sh", "-c", "stty raw -echo; echo ready; read go; sleep 60")
    shell.attach(audience)
    await audience.until(lambda: b"ready" in audience.shown)
    shell.type(b"x" * 300_000)
    await audience.until(lambda: audience.congestion == [True])
    shell.hang_up()
    assert await audience.ended() == -1


async def test_the_clients_modes_are_applied(audience) -> None:
    terminal("/bin/sh", "-c", "stty -a", modes={3: 0x08, 53: 0, 200: 1}).attach(audience)
    await audience.ended()
    assert b"erase = ^H" in audience.shown
    assert b" -echo " in audience.shown


async def test_hanging_up_ends_the_shell_as_a_lost_line_does(audience) -> None:
    shell = terminal()
    shell.attach(audience)
    await audience.until(lambda: bool(audience.shown))
    shell.hang_up()
    assert await audience.ended() == -1


async def test_a_shell_starts_with_the_dispositions_of_a_login(audience) -> None:
    terminal("/bin/sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status").attach(audience)
    await audience.ended()
    masks = [int(line.split()[1], 16) for line in audience.shown.splitlines()]
    # The C library keeps 32 and 33 to itself: nobody can set those, whatever a CI runner hands down.
    assert [mask & ~(0b11 << 31) for mask in masks] == [0, 0]


async def test_what_cannot_be_started_says_so() -> None:
    with pytest.raises(NoShell, match="/nowhere"):
        terminal("/nowhere")
