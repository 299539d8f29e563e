"""What every test is held to: it leaves no process and no descriptor behind."""

import contextlib
import gc
import os
from collections.abc import Iterator

import psutil
import pytest


def _descriptors() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:  # the one that listed the directory
            continue
    return found


def _children() -> dict[int, str]:
    found = {}
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            found[child.pid] = child.name()
    return found


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Compare descriptors and processes before and after the test with all its fixtures."""
    descriptors, children = _descriptors(), _children()
    yield
    gc.collect()
    left = {fd: what for fd, what in _descriptors().items() if descriptors.get(fd) != what}
    assert not left, f"descriptors left open: {left}"
    stayed = {pid: what for pid, what in _children().items() if pid not in children}
    assert not stayed, f"processes left behind: {stayed}"
