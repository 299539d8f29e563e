"""What every test is held to: it leaves no process and no descriptor behind."""

import gc
import glob
import os
from collections.abc import Iterator

import pytest


def _descriptors() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:  # the one that listed the directory
            continue
    return found


def _text(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return ""


def _family(pid: str) -> dict[str, str]:
    """A process and all that descend from it, by name. The kernel is asked: to look at every process takes longer."""
    name = _text(f"/proc/{pid}/comm").strip()
    found = {pid: name} if name else {}
    for listed in glob.glob(f"/proc/{pid}/task/*/children"):
        for child in _text(listed).split():
            found |= _family(child)
    return found


def pytest_collection_finish() -> None:
    """Spare the collector what stays until the end: it looks once a test, and modules and items are most of it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Compare descriptors and processes before and after the test with all its fixtures."""
    descriptors, family = _descriptors(), _family("self")
    yield
    gc.collect()
    left = {fd: what for fd, what in _descriptors().items() if descriptors.get(fd) != what}
    assert not left, f"descriptors left open: {left}"
    stayed = {pid: what for pid, what in _family("self").items() if pid not in family}
    assert not stayed, f"processes left behind: {stayed}"
