"""The commands that change or show accounts, users and tokens."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from relay.accounts import (
    DEFAULT_TOKEN_PERMISSIONS,
    DEFAULT_USER_PERMISSIONS,
    Accounts,
    Permission,
    TokenRecord,
    check_account_name,
    check_login_name,
    join,
    mint_token,
    token_digest,
)
from relay.accounts_sql import SqlAccounts
from relay.errors import UsageError
from relay.table import table

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

_DURATION = re.compile(r"(?:[0-9]{1,6}[smhd])+")

_PART = re.compile(r"([0-9]+)([smhd])")

_TABLE_HEAD = ("ID", "ACCOUNT", "USER", "PERMISSIONS", "CREATED", "EXPIRES", "STATE")


async def add_account(database: str, name: str) -> None:
    """Add an account; raises AccountError."""
    check_account_name(name)
    async with _opened(database) as accounts:
        await accounts.add_account(name)


async def add_user(database: str, account: str, login: str, permissions: frozenset[Permission]) -> None:
    """Add a user to an account; raises AccountError."""
    check_login_name(login)
    async with _opened(database) as accounts:
        await accounts.add_user(account, login, permissions or DEFAULT_USER_PERMISSIONS)


async def create_token(
    database: str, account: str, login: str, permissions: frozenset[Permission], lifetime: int | None
) -> tuple[str, TokenRecord]:
    """Make a token that lives for so many seconds, or for ever; returns both. Raises AccountError."""
    token, now = mint_token(), int(time.time())
    permissions = permissions or DEFAULT_TOKEN_PERMISSIONS
    expires = None if lifetime is None else now + lifetime
    async with _opened(database) as accounts:
        number = await accounts.add_token(account, login, token_digest(token), permissions, expires)
    return token, TokenRecord(number, account, login, permissions, created=now, expires=expires)


async def list_tokens(database: str) -> str:
    """Return a table of all tokens, with its head, a line each."""
    async with _opened(database) as accounts:
        tokens = await accounts.list_tokens()
    now = time.time()
    return table([_TABLE_HEAD, *(_row(token, now) for token in tokens)])


async def revoke_token(database: str, number: int) -> None:
    """Make a token invalid; raises AccountError."""
    async with _opened(database) as accounts:
        await accounts.revoke_token(number)


def parse_lifetime(text: str) -> int:
    """Read `30d`, `12h`, `1h30m` as seconds; raises UsageError."""
    seconds = (
        sum(int(n) * _SECONDS[unit] for n, unit in _PART.findall(text)) if _DURATION.fullmatch(text) else 0
    )
    if not seconds:
        raise UsageError(f"--expires {text!r}: not a duration such as 30d, 12h or 1h30m")
    return seconds


@asynccontextmanager
async def _opened(database: str) -> AsyncIterator[Accounts]:
    accounts = await SqlAccounts.open(database)
    try:
        yield accounts
    finally:
        await accounts.close()


def _row(token: TokenRecord, now: float) -> tuple[str, ...]:
    return (
        str(token.id),
        token.account,
        token.user,
        join(token.permissions),
        _moment(token.created),
        "never" if token.expires is None else _moment(token.expires),
        "valid" if token.is_valid(now) else "expired" if token.revoked is None else "revoked",
    )


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%MZ")
