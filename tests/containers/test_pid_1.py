"""The agent as PID 1 of a real container, and below an init."""

import pytest

QUICKLY = ("--timeout", "1s")
"""A hold that ends by itself."""
UNDER_INIT = ("--init",)


@pytest.mark.parametrize(
    ("options", "code"), [((), 0), ((), 1), ((), 255), (UNDER_INIT, 0), (UNDER_INIT, 126)]
)
def test_exit_codes(container, options, code):
    assert container("busybox", *QUICKLY, "--", "sh", "-c", f"exit {code}", options=options).wait() == code


@pytest.mark.parametrize(
    ("options", "number"), [((), 1), ((), 9), ((), 11), (UNDER_INIT, 9), (UNDER_INIT, 15)]
)
def test_a_death_by_signal_is_128_more(container, options, number):
    one = container("busybox", *QUICKLY, "--", "sh", "-c", f"kill -{number} $$", options=options)
    assert one.wait() == 128 + number
