import logging

import pytest

from relay.journal import event, failure


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "login"),
        ({"user": "joe", "resumed": False}, "login user=joe resumed=False"),
        ({"user": "", "account": None}, "login"),
        ({"reason": "two words"}, 'login reason="two words"'),
        ({"reason": "a=b"}, 'login reason="a=b"'),
        ({"reason": "forged\nlogin user=root"}, 'login reason="forged\\nlogin user=root"'),
    ],
)
def test_one_line_per_event(caplog, fields: dict[str, object], line: str) -> None:
    with caplog.at_level(logging.INFO, logger="relay"):
        event("login", **fields)
    assert caplog.messages == [line]


def test_failures_are_errors(caplog) -> None:
    failure("accounts-failed", reason="x")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
