"""Accounts in an SQL database: SQLite here; statements that Postgres understands as well."""

import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from relay.accounts import Grant, Permission, TokenRecord, check_within, join, split
from relay.errors import AccountError, RelayError, StartFailed, StoreFailed

SCHEMA_VERSION = 1
"""Raised with every change of the tables below, which then also brings the older database up to date."""

BUSY_SECONDS = 5
"""How long SQLite waits for another process, such as `relay token create` beside `relay serve`."""

_metadata = sa.MetaData()

_schema = sa.Table("schema_version", _metadata, sa.Column("version", sa.Integer, primary_key=True))

_accounts = sa.Table(
    "accounts",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
)

_users = sa.Table(
    "users",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("login", sa.String(128), nullable=False),
    sa.Column("permissions", sa.String(64), nullable=False),
    sa.UniqueConstraint("account_id", "login"),
)

_tokens = sa.Table(
    "tokens",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("permissions", sa.String(64), nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("expires", sa.BigInteger),
    sa.Column("revoked", sa.BigInteger),
)

_TOKENS = (
    sa.select(
        _tokens.c.id,
        _tokens.c.permissions,
        _tokens.c.created,
        _tokens.c.expires,
        _tokens.c.revoked,
        _users.c.login.label("user"),
        _users.c.permissions.label("user_permissions"),
        _accounts.c.name.label("account"),
    )
    .join(_users, _tokens.c.user_id == _users.c.id)
    .join(_accounts, _users.c.account_id == _accounts.c.id)
)


class SqlAccounts:
    """`relay.accounts.Accounts` on a database. Made by `open`; `clock` gives seconds since 1970."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    def __repr__(self) -> str:
        return f"<SqlAccounts {_shown(self._engine.url)}>"

    @classmethod
    async def open(cls, url: str, clock: Callable[[], float] = time.time) -> Self:
        """Connect, and make the tables where they are missing; raises StartFailed."""
        accounts = cls(_make_engine(url), clock)
        try:
            await accounts._prepare()
        except RelayError:
            await accounts.close()
            raise
        return accounts

    async def close(self) -> None:
        """Give the connections back."""
        await self._engine.dispose()

    async def find_grant(self, digest: bytes) -> Grant | None:
        """Return what the token with this SHA-256 allows now; None if it is unknown, expired or revoked."""
        async with self._transaction() as connection:
            row = (await connection.execute(_TOKENS.where(_tokens.c.digest == digest))).first()
        if row is None or not _record(row).is_valid(self._clock()):
            return None
        # The user's permissions bound the token's, also those that were taken away after it was made.
        return Grant(row.account, row.user, split(row.permissions) & split(row.user_permissions))

    async def add_account(self, name: str) -> None:
        """Add an account."""
        async with self._transaction(duplicate=f"account {name!r} exists already") as connection:
            await connection.execute(sa.insert(_accounts).values(name=name))

    async def add_user(self, account: str, login: str, permissions: frozenset[Permission]) -> None:
        """Add a user, with the most that a token of theirs may allow."""
        duplicate = f"user {login!r} exists already in account {account!r}"
        async with self._transaction(duplicate) as connection:
            account_id = await _account_id(connection, account)
            row = {"account_id": account_id, "login": login, "permissions": join(permissions)}
            await connection.execute(sa.insert(_users).values(row))

    async def add_token(
        self, account: str, login: str, digest: bytes, permissions: frozenset[Permission], expires: int | None
    ) -> int:
        """Add a token by its SHA-256 and return its number."""
        async with self._transaction() as connection:
            account_id = await _account_id(connection, account)
            is_user = sa.and_(_users.c.account_id == account_id, _users.c.login == login)
            user = (await connection.execute(sa.select(_users).where(is_user))).first()
            if user is None:
                raise AccountError(f"no such user in account {account!r}: {login!r}")
            check_within(permissions, split(user.permissions), login)
            row = {
                "user_id": user.id,
                "digest": digest,
                "permissions": join(permissions),
                "created": int(self._clock()),
                "expires": expires,
            }
            result = await connection.execute(sa.insert(_tokens).values(row).returning(_tokens.c.id))
            return int(result.scalar_one())

    async def list_tokens(self) -> list[TokenRecord]:
        """Return all tokens, the oldest first."""
        async with self._transaction() as connection:
            rows = await connection.execute(_TOKENS.order_by(_tokens.c.id))
            return [_record(row) for row in rows]

    async def revoke_token(self, number: int) -> None:
        """Make a token invalid, for good and at once; one that is revoked already keeps its date."""
        async with self._transaction() as connection:
            if await connection.scalar(sa.select(_tokens.c.id).where(_tokens.c.id == number)) is None:
                raise AccountError(f"no such token: {number}")
            is_current = sa.and_(_tokens.c.id == number, _tokens.c.revoked.is_(None))
            await connection.execute(sa.update(_tokens).where(is_current).values(revoked=int(self._clock())))

    async def _prepare(self) -> None:
        async with self._transaction() as connection:
            await connection.run_sync(_metadata.create_all)
            version = await connection.scalar(sa.select(_schema.c.version))
            if version is None:
                await connection.execute(sa.insert(_schema).values(version=SCHEMA_VERSION))
            elif version != SCHEMA_VERSION:
                raise StartFailed(f"the database has schema {version}, and this relay knows {SCHEMA_VERSION}")

    @asynccontextmanager
    async def _transaction(self, duplicate: str = "") -> AsyncIterator[AsyncConnection]:
        """Give a connection, commit at the end; `duplicate` says what it means that a row exists already."""
        try:
            async with self._engine.begin() as connection:
                yield connection
        except IntegrityError as error:
            raise AccountError(duplicate or "it exists already") from error
        except (SQLAlchemyError, OSError) as error:
            raise StoreFailed(f"database {_shown(self._engine.url)}: {_reason(error)}") from error


async def _account_id(connection: AsyncConnection, name: str) -> int:
    number = await connection.scalar(sa.select(_accounts.c.id).where(_accounts.c.name == name))
    if number is None:
        raise AccountError(f"no such account: {name!r}")
    return int(number)


def _record(row: sa.Row[*tuple[Any, ...]]) -> TokenRecord:
    return TokenRecord(
        id=row.id,
        account=row.account,
        user=row.user,
        permissions=split(row.permissions),
        created=row.created,
        expires=row.expires,
        revoked=row.revoked,
    )


def _make_engine(url: str) -> AsyncEngine:
    """Make the engine of a URL, with an asynchronous driver; raises StartFailed or StoreFailed."""
    try:
        parsed = sa.make_url(url)
        if parsed.drivername == "sqlite":
            parsed = parsed.set(drivername="sqlite+aiosqlite")
        engine = create_async_engine(parsed)
    except (SQLAlchemyError, ImportError, ValueError) as error:
        raise StartFailed(
            f"database URL: {_reason(error)} (a file: sqlite:////var/lib/holdfast/relay.db)"
        ) from error
    if engine.dialect.name == "sqlite":
        _try_sqlite(parsed)
        sa.event.listen(engine.sync_engine, "connect", _set_pragmas)
    return engine


def _try_sqlite(url: sa.URL) -> None:
    """Open the file once without aiosqlite, whose thread outlives a failure and then finds its loop gone."""
    try:
        with closing(sqlite3.connect(url.database or ":memory:", timeout=BUSY_SECONDS)) as connection:
            _set_pragmas(connection, None)
    except sqlite3.Error as error:
        raise StoreFailed(f"database {_shown(url)}: {error}") from error


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")  # logins are looked up while a token is written
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _shown(url: sa.URL) -> str:
    return url.render_as_string(hide_password=True)


def _reason(error: BaseException) -> str:
    """Return the first line of the driver's own words: SQLAlchemy adds the statement and its values below."""
    cause = getattr(error, "orig", None) or error
    return (str(cause).splitlines() or [type(cause).__name__])[0]
