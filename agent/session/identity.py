"""Session ids: unguessable, and fit for every place where one is written."""

import secrets

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""31 symbols that nobody confuses: no i, l, o, 0 or 1. Lower case, for OpenSSH lower-cases host names."""

LENGTH = 25
"""25 of 31 symbols are 123 random bits."""


def new_session_id() -> str:
    """Return a fresh session id."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def new_owner_secret() -> str:
    """Return the secret, 64 hexadecimal digits, by which a relay knows the session's agent again."""
    return secrets.token_hex(32)
