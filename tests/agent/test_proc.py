"""Processes as /proc shows them."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import proc

STAT = "{pid} ({name}) {state} 7 8 9 1025 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 {start} 8192 1\n"


def process(pid, parent, session=0, state="S", start=1):
    return proc.Process(pid, state, parent=parent, group=session, session=session, start=start)


@pytest.mark.parametrize("name", ["sh", "a b", ") S 1 1", "((", ""])
def test_names_cannot_confuse(name):
    found = proc.parse(5, STAT.format(pid=5, name=name, state="T", start=77).encode())
    assert (found.pid, found.state, found.parent, found.group, found.session, found.start) == (
        5,
        "T",
        7,
        8,
        9,
        77,
    )
    assert found.stopped
    assert found.alive


def test_a_zombie_is_not_alive():
    assert not proc.parse(5, STAT.format(pid=5, name="x", state="Z", start=1).encode()).alive


def test_ourselves():
    found = proc.read(os.getpid())
    assert found is not None
    assert (found.parent, found.group, found.session) == (os.getppid(), os.getpgrp(), os.getsid(0))
    assert proc.snapshot()[os.getpid()].start == found.start
    assert proc.lineage(os.getpid())[:2] == [os.getpid(), os.getppid()]


def test_nobody():
    assert proc.read(2**22 + 1) is None
    assert proc.lineage(2**22 + 1) == []


def test_below():
    tree = {pid: process(pid, parent) for pid, parent in [(1, 0), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5)]}
    assert proc.below({2}, tree) == {3, 4}
    assert proc.below({2, 3}, tree) == {4}
    assert proc.below({99}, tree) == set()
    assert proc.below({1}, tree) == {2, 3, 4, 5, 6}


@given(st.dictionaries(st.integers(1, 30), st.integers(0, 30)), st.sets(st.integers(0, 30)))
def test_below_ends_whatever_the_links(parents, roots):
    """A snapshot is not taken at one moment: with pids used again it may even hold a circle."""
    tree = {pid: process(pid, parent) for pid, parent in parents.items()}
    found = proc.below(roots, tree)
    assert not found & roots
    assert all(tree[pid].parent in found | roots for pid in found)


def test_holders():
    reader, writer = os.pipe()
    inode = os.fstat(reader).st_ino
    assert proc.holders(inode, {os.getpid(), 2**22 + 1}) == {os.getpid()}
    os.close(reader)
    os.close(writer)
    assert proc.holders(inode, {os.getpid()}) == set()
