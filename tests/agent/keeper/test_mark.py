"""The pipe that marks all that a step starts."""

import os

import pytest

from agent.keeper import mark


@pytest.mark.parametrize(("limit", "number"), [(20000, 1000), (1001, 1000), (1000, 999), (30, 29)])
def test_the_number_is_just_below_the_limit(limit, number):
    assert mark.free_number(limit) == number


def test_taken_numbers_are_left_alone():
    os.dup2(2, 999)
    try:
        assert mark.free_number(1000) == 998
    finally:
        os.close(999)


def test_low_numbers_are_the_scripts():
    """Below 10 none is taken, whatever the limit."""
    assert mark.free_number(mark.LOWEST) is None
    assert mark.free_number(0) is None


def test_make_and_hand_over():
    made = mark.make()
    assert made is not None
    try:
        made.hand_over()
        assert os.get_inheritable(made.number)
        assert os.fstat(made.number).st_ino == os.fstat(made.reader).st_ino == made.inode
        assert not os.get_inheritable(made.reader)
        assert not os.get_inheritable(made.writer)
    finally:
        for descriptor in (made.reader, made.writer, made.number):
            os.close(descriptor)
