"""Durations as people write them: `90s`, `15m`, `1h30m`."""

import re

SECONDS = {"h": 360, "m": 60, "s": 1}

_PART = re.compile(r"(\d+)([hms])")
_WHOLE = re.compile(r"(?:\d+[hms])+")


def seconds(text: str) -> int:
    """Return a duration in seconds; ValueError if it is none."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"not a duration: {text!r}")
    return sum(int(count) * SECONDS[unit] for count, unit in _PART.findall(text))
