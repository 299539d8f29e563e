"""Log lines: the name of an event and its fields, one line each, on the logger `relay`.

Fields hold no secret, and nothing that a stranger sent and nobody checked: no user name, no token, no header.
"""

import json
import logging
import os
import traceback

_LOGGER = logging.getLogger("relay")

_FORMAT = "%(asctime)s %(levelname)s %(message)s"


def event(name: str, **fields: object) -> None:
    """Log an event; fields without a value are left out."""
    _LOGGER.info("%s", _line(name, fields))


def failure(name: str, **fields: object) -> None:
    """Log an event that should not have happened."""
    _LOGGER.error("%s", _line(name, fields))


def surprise(name: str, error: Exception, **fields: object) -> None:
    """Log an exception that nobody expected: what it is and where it was, for its text may hold anything."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in place)
    failure(name, **fields, error=type(error).__name__, at=where)


def start() -> None:
    """Write to standard error, without the libraries' own records, which hold user names and headers."""
    logging.basicConfig(level=logging.INFO, format=_FORMAT)
    for library in ("asyncssh", "websockets", "sqlalchemy", "aiosqlite"):
        logging.getLogger(library).setLevel(logging.CRITICAL)


def _line(name: str, fields: dict[str, object]) -> str:
    return " ".join(
        [name, *(f"{key}={_value(value)}" for key, value in fields.items() if value not in (None, ""))]
    )


def _value(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and not set(text) & set(' "=') else json.dumps(text)
