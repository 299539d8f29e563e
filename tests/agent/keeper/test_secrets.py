"""The environment as it arrived, and what is overwritten in it."""

import os

import pytest

from agent import launched
from agent.keeper import secrets

NAMES = ("HOLDFAST_TOKEN", "HOLDFAST_TOKEN_FILE")


@pytest.mark.parametrize(
    ("block", "environment"),
    [
        (b"A=1\0B=2=3\0", {"A": "1", "B": "2=3"}),
        (b"A=1\0A=2\0", {"A": "1"}),
        (b"odd\0=x\0E=\0\0\0", {"E": ""}),
        (b"N\xff=\xfe\0", {"N\udcff": "\udcfe"}),
        (b"", {}),
    ],
)
def test_arrived(monkeypatch, block, environment):
    """Of a repeated name the first, as getenv(3) has it; bytes that are no text survive."""
    monkeypatch.setattr(launched, "environment", lambda: block)
    assert secrets.arrived() == environment
    assert all(os.fsencode(os.fsdecode(name)) == name for name in (b"N\xff", b"\xfe"))


def test_places_are_exact():
    block = b"A=1\0HOLDFAST_TOKEN=s\0HOLDFAST_TOKENS=t\0XHOLDFAST_TOKEN=u\0HOLDFAST_TOKEN=v\0"
    found = secrets._places(block, NAMES)
    assert [block[offset : offset + length] for offset, length in found] == [
        b"HOLDFAST_TOKEN=s",
        b"HOLDFAST_TOKEN=v",
    ]
