"""JSON objects from outside, every field checked: lengths, types, characters."""

import json
import re
import unicodedata
from typing import Any

from tunnel.errors import LocalProtocolError, RemoteProtocolError

LABEL_LIMIT = 256
"""Characters in a label: what still fits into one line of a log."""


class Fields:
    """A decoded JSON object whose fields are checked; absent labels are empty, absent flags false."""

    def __init__(self, what: str, value: object) -> None:
        if not isinstance(value, dict):
            raise RemoteProtocolError(f"{what}: not an object")
        self._what = what
        self._fields: dict[str, Any] = value

    def get(self, name: str) -> object:
        """Return a field as it is, None if absent."""
        return self._fields.get(name)

    def label(self, name: str, *, limit: int = LABEL_LIMIT) -> str:
        """Read text of at most `limit` characters, none of them a control character."""
        value = self._fields.get(name, "")
        if not isinstance(value, str) or len(value) > limit or any(is_control(c) for c in value):
            raise self._wrong(name)
        return value

    def match(self, name: str, pattern: re.Pattern[str]) -> str:
        """Read text that matches the pattern as a whole."""
        value = self._fields.get(name)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self._wrong(name)
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """Read one of these words."""
        value = self._fields.get(name)
        if not isinstance(value, str) or value not in choices:
            raise self._wrong(name)
        return value

    def count(self, name: str, *, limit: int = 2**53) -> int:
        """Read a whole number from 0 to `limit`."""
        # 2**53: the integers that every JSON implementation keeps exactly.
        value = self._fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limit:
            raise self._wrong(name)
        return value

    def flag(self, name: str) -> bool:
        """Read true or false."""
        value = self._fields.get(name, False)
        if not isinstance(value, bool):
            raise self._wrong(name)
        return value

    def _wrong(self, name: str) -> RemoteProtocolError:
        # The value stays out of the text: it may be a secret, and it is the peer's.
        return RemoteProtocolError(f"{self._what}: bad or missing {name!r}")


def is_control(character: str) -> bool:
    """Say whether it could move a terminal's cursor (Cc) or could not be written as UTF-8 (Cs)."""
    return unicodedata.category(character) in {"Cc", "Cs"}


def decode(data: str | bytes, limit: int) -> object:
    """Read JSON of at most `limit` bytes; raises RemoteProtocolError."""
    if len(data) > limit:
        raise RemoteProtocolError(f"message of {len(data)} bytes: more than {limit}")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:  # RecursionError: thousands of opening brackets
        raise RemoteProtocolError("message is not JSON") from error


def encode(kind: str, fields: dict[str, Any]) -> str:
    """Write a message of this type as JSON; LocalProtocolError for text that UTF-8 cannot hold."""
    text = json.dumps({"type": kind} | fields, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as error:  # a byte of the environment that is not UTF-8: see `label`
        raise LocalProtocolError(f"{kind}: text that is not Unicode") from error
    return text
