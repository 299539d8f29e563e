"""What is kept until acknowledged, and sent again after a resume."""

import pytest

from tunnel.errors import RemoteProtocolError
from tunnel.replay import ENTRY_OVERHEAD, ReplayBuffer


def filled(*frames: bytes) -> ReplayBuffer:
    buffer = ReplayBuffer(1000)
    for frame in frames:
        buffer.append((frame,), len(frame))
    return buffer


def replayed(buffer: ReplayBuffer) -> list[bytes]:
    frames = []
    while buffer.is_replaying:
        parts, size = buffer.replay()
        frames.append(b"".join(parts))
        assert size == len(frames[-1])
    return frames


def test_it_is_full_at_its_limit_and_empties_by_acknowledgements() -> None:
    buffer = filled(b"x" * (500 - ENTRY_OVERHEAD), b"x" * (500 - ENTRY_OVERHEAD))
    assert buffer.is_full
    buffer.acknowledge(1)
    assert buffer.size == 500
    assert not buffer.is_full
    buffer.acknowledge(2)
    assert buffer.size == 0


def test_after_a_resume_the_rest_is_sent_again_in_order() -> None:
    buffer = filled(b"1", b"2", b"3")
    buffer.rewind(1)
    assert replayed(buffer) == [b"2", b"3"]


def test_a_resume_in_the_middle_of_a_replay_starts_over() -> None:
    buffer = filled(b"1", b"2", b"3")
    buffer.rewind(0)
    buffer.replay()
    buffer.rewind(1)
    assert replayed(buffer) == [b"2", b"3"]


def test_new_frames_come_after_the_replay() -> None:
    buffer = filled(b"1", b"2")
    buffer.rewind(0)
    assert replayed(buffer) == [b"1", b"2"]
    buffer.append((b"3",), 1)
    buffer.acknowledge(2)
    buffer.rewind(2)
    assert replayed(buffer) == [b"3"]


def test_what_was_not_sent_again_yet_cannot_be_acknowledged() -> None:
    buffer = filled(b"1", b"2")
    buffer.rewind(0)
    buffer.replay()
    buffer.acknowledge(1)
    with pytest.raises(RemoteProtocolError):
        buffer.acknowledge(2)


@pytest.mark.parametrize("count", [0, 3, 2**64 - 1])
def test_impossible_counts_are_the_peers_error(count: int) -> None:
    for act in (ReplayBuffer.acknowledge, ReplayBuffer.rewind):
        buffer = filled(b"1", b"2")
        buffer.acknowledge(1)
        with pytest.raises(RemoteProtocolError):
            act(buffer, count)
