"""One line, one write, and nothing in it that a terminal obeys."""

import os

import pytest

from agent.output import LINE_LIMIT, offer, packet, plain


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("exit code 7, é", "exit code 7, é"),
        ("\x1b]0;owned\x07\x1b[2J", "?]0;owned??[2J"),
        ("two\nlines\r\n", "two lines"),
        ("\u202eelif\u200b\x9b1m\udcff", "?elif??1m?"),
    ],
)
def test_control_characters_do_not_reach_a_terminal(text, line):
    assert plain(text) == line
    assert packet(text) == line.encode() + b"\n"


def test_a_line_is_one_packet_of_a_pipe():
    assert len(packet("é" * 10_000)) == LINE_LIMIT + 1


def test_a_log_that_is_gone_takes_everything():
    reading, writing = os.pipe()
    os.close(reading)
    assert offer(b"line\n", writing, 0)
    os.close(writing)
    assert offer(b"line\n", writing, 0)
