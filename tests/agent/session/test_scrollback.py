"""What a login that comes back is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.session.scrollback import Scrollback


@given(st.lists(st.binary(max_size=50)), st.integers(1, 100))
def test_it_is_the_end_of_what_was_shown(chunks: list[bytes], limit: int) -> None:
    scrollback = Scrollback(limit)
    for chunk in chunks:
        scrollback.append(chunk.replace(b"\x1b", b"").replace(b"\x05", b""))
    shown = b"".join(chunks).replace(b"\x1b", b"").replace(b"\x05", b"")
    replay = scrollback.replay()
    assert shown.endswith(replay)
    assert len(replay) <= limit
    if len(shown) <= limit:
        assert replay == shown


def test_it_begins_with_a_whole_line() -> None:
    scrollback = Scrollback(16)
    scrollback.append(b"first line\r\nsecond line\r\nthird")
    assert scrollback.replay() == b"third"


@pytest.mark.parametrize(
    "question",
    [
        b"\x1b[6n",
        b"\x1b[c",
        b"\x1b[>c",
        b"\x1b[=0c",
        b"\x1b[?6n",
        b"\x1b]11;?\x07",
        b"\x1b]4;1;?\x1b\\",
        b"\x1b[?25$p",
        b"\x1bZ",
    ],
)
def test_questions_to_the_terminal_are_not_asked_again(question: bytes) -> None:
    scrollback = Scrollback()
    scrollback.append(b"before" + question + b"after")
    assert scrollback.replay() == b"beforeafter"


@pytest.mark.parametrize(
    "kept", [b"\x1b[1;31mred\x1b[0m", b"\x1b[2J\x1b[H", b"\x1b]0;title\x07", b"\x1b[?1049h"]
)
def test_what_draws_is_kept(kept: bytes) -> None:
    scrollback = Scrollback()
    scrollback.append(kept)
    assert scrollback.replay() == kept


def test_many_small_writes_cost_few_objects() -> None:
    scrollback = Scrollback()
    for _ in range(100_000):
        scrollback.append(b"ab")
    assert len(scrollback._chunks) < 100
    assert len(scrollback.replay()) == 200_000
