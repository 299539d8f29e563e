"""Descriptors that one of our processes holds, and those that it must not."""

import os

STANDARD = (0, 1, 2)

WITHOUT_PROC_LIMIT = 4096
"""Descriptors tried one by one where they cannot be listed: 1 ms."""


def occupy_standard() -> None:
    """Fill closed ones of 0, 1 and 2, so that nothing of ours lands there; an `exec` closes them again."""
    try:
        while (descriptor := os.open(os.devnull, os.O_RDWR)) in STANDARD:
            pass
        os.close(descriptor)
    except (
        OSError
    ):  # a container without /dev/null; then ours may lie there, and are closed by `exec` as well
        pass


def keep_only(wanted: set[int]) -> None:
    """Close all descriptors but `wanted` and standard error; input and output become /dev/null.

    A runner reads a step's pipes until nobody holds them, and so may the step's own children.
    """
    _silence(tuple({0, 1} - wanted))
    for descriptor in _open_descriptors() - wanted - set(STANDARD):
        _close(descriptor)


def _silence(numbers: tuple[int, ...]) -> None:
    try:
        null = os.open(os.devnull, os.O_RDWR)
    except OSError:
        for number in numbers:
            os.close(number)
        return
    for number in numbers:
        os.dup2(null, number, inheritable=False)
    os.close(null)


def _open_descriptors() -> set[int]:
    try:
        return {int(name) for name in os.listdir("/proc/self/fd")}
    except OSError:  # no /proc: whatever the limit allows
        return set(range(min(os.sysconf("SC_OPEN_MAX"), WITHOUT_PROC_LIMIT)))


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:  # the one by which the list was read
        return
