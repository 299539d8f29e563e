"""Accounts, their users, and the tokens that users hand out: records and rules. `accounts_sql` keeps them."""

import hashlib
import re
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from relay.errors import AccountError

ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Safe in URLs and in SSH user names: no `:`, no `+`, nothing that a shell would look at."""

LOGIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")
"""As an account's name, and an e-mail address is one too."""

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""What may stand where a token is expected: wider than what `mint_token` makes, so that a wrong token is
unknown, not malformed."""

TOKEN_PREFIX = "hf_"  # noqa: S105
"""By which secret scanners know it. A token has no dots, so that no runner takes it for a JWT."""

TOKEN_LENGTH = 28
"""Characters after the prefix: 28 of 62 symbols are 166 random bits, which nobody can guess."""

_TOKEN_SYMBOLS = string.ascii_letters + string.digits


class Permission(StrEnum):
    """What a token allows. None of them includes another."""

    VIEW = "view"
    EXECUTE = "execute"
    """Log in to the sessions of the account."""
    AGENT = "agent"
    """Register sessions in the account."""
    ADMIN = "admin"


DEFAULT_USER_PERMISSIONS = frozenset({Permission.VIEW, Permission.EXECUTE, Permission.AGENT})
"""A member of a team runs builds and debugs them; administration is given by name."""

DEFAULT_TOKEN_PERMISSIONS = frozenset({Permission.EXECUTE})
"""To log in, which is what a token is for most of the time."""


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token as it is kept: never the token itself. Times are seconds since 1970; None: never."""

    id: int
    account: str
    user: str
    permissions: frozenset[Permission]
    created: int
    expires: int | None = None
    revoked: int | None = None

    def is_valid(self, now: float) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked is None and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True)
class Grant:
    """What the bearer of a valid token may do, and as whom."""

    account: str
    user: str
    permissions: frozenset[Permission] = field(default_factory=frozenset)

    def allows(self, permission: Permission) -> bool:
        """Whether it carries a permission."""
        return permission in self.permissions


class Accounts(Protocol):
    """Where accounts, users and tokens are kept. Methods that change something raise AccountError."""

    async def find_grant(self, digest: bytes) -> Grant | None:
        """Return what the token with this SHA-256 allows now; None if it is unknown, expired or revoked."""

    async def add_account(self, name: str) -> None:
        """Add an account."""

    async def add_user(self, account: str, login: str, permissions: frozenset[Permission]) -> None:
        """Add a user, with the most that a token of theirs may allow."""

    async def add_token(
        self, account: str, login: str, digest: bytes, permissions: frozenset[Permission], expires: int | None
    ) -> int:
        """Add a token by its SHA-256 and return its number."""

    async def list_tokens(self) -> list[TokenRecord]:
        """Return all tokens, the oldest first."""

    async def revoke_token(self, number: int) -> None:
        """Make a token invalid, for good and at once."""


def mint_token() -> str:
    """Make a new token."""
    return TOKEN_PREFIX + "".join(secrets.choice(_TOKEN_SYMBOLS) for _ in range(TOKEN_LENGTH))


def token_digest(token: str) -> bytes:
    """Return what is kept of a token: a plain SHA-256, for 166 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def check_account_name(name: str) -> str:
    """Return the name, or raise AccountError."""
    if not ACCOUNT_NAME.fullmatch(name):
        raise AccountError(
            f"account name {name!r}: letters, digits, '.', '_' and '-', at most 64, no sign first"
        )
    return name


def check_login_name(name: str) -> str:
    """Return the name, or raise AccountError."""
    if not LOGIN_NAME.fullmatch(name):
        raise AccountError(
            f"user name {name!r}: letters, digits, '.', '_', '@' and '-', at most 128, no sign first"
        )
    return name


def check_within(wanted: frozenset[Permission], allowed: frozenset[Permission], login: str) -> None:
    """Raise AccountError if a token would allow more than its user may."""
    if beyond := wanted - allowed:
        raise AccountError(
            f"user {login!r} has no permission {join(beyond)} (has: {join(allowed) or 'none'})"
        )


def join(permissions: Iterable[Permission]) -> str:
    """Write permissions as text, in one order."""
    return ",".join(sorted(permissions))


def split(text: str) -> frozenset[Permission]:
    """Read what `join` wrote; raises ValueError for an unknown one."""
    return frozenset(Permission(word) for word in text.split(",") if word)
