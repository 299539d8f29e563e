import sqlite3

import pytest

from relay.accounts import Grant, Permission, mint_token, token_digest
from relay.accounts_sql import SCHEMA_VERSION, SqlAccounts
from relay.errors import AccountError, StartFailed, StoreFailed

EXECUTE = frozenset({Permission.EXECUTE})
BOTH = frozenset({Permission.EXECUTE, Permission.VIEW})


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/relay.db"


@pytest.fixture
async def accounts(url, clock):
    opened = await SqlAccounts.open(url, clock)
    yield opened
    await opened.close()


@pytest.fixture
async def joe(accounts) -> SqlAccounts:
    await accounts.add_account("acme")
    await accounts.add_user("acme", "joe", BOTH)
    return accounts


async def test_a_token_grants_what_it_carries_until_it_expires(joe, clock) -> None:
    digest = token_digest(mint_token())
    await joe.add_token("acme", "joe", digest, EXECUTE, expires=1100)
    assert await joe.find_grant(digest) == Grant("acme", "joe", EXECUTE)
    clock.now = 1100
    assert await joe.find_grant(digest) is None


async def test_a_revoked_token_grants_nothing_and_keeps_its_date(joe, clock) -> None:
    digest = token_digest(mint_token())
    number = await joe.add_token("acme", "joe", digest, EXECUTE, expires=None)
    await joe.revoke_token(number)
    clock.now = 2000
    await joe.revoke_token(number)
    assert await joe.find_grant(digest) is None
    assert [token.revoked for token in await joe.list_tokens()] == [1000]


async def test_unknown_things_are_named(joe) -> None:
    with pytest.raises(AccountError, match="no such account: 'globex'"):
        await joe.add_user("globex", "joe", EXECUTE)
    with pytest.raises(AccountError, match="no such user in account 'acme': 'ann'"):
        await joe.add_token("acme", "ann", b"", EXECUTE, None)
    with pytest.raises(AccountError, match="no such token: 9"):
        await joe.revoke_token(9)
    assert await joe.find_grant(token_digest("hf_unknown")) is None


async def test_what_exists_already_is_named(joe) -> None:
    with pytest.raises(AccountError, match="account 'acme' exists already"):
        await joe.add_account("acme")
    with pytest.raises(AccountError, match="user 'joe' exists already in account 'acme'"):
        await joe.add_user("acme", "joe", EXECUTE)


async def test_the_same_login_in_two_accounts_is_two_users(joe) -> None:
    await joe.add_account("globex")
    await joe.add_user("globex", "joe", EXECUTE)
    digest = token_digest(mint_token())
    await joe.add_token("globex", "joe", digest, EXECUTE, None)
    assert await joe.find_grant(digest) == Grant("globex", "joe", EXECUTE)


async def test_a_user_bounds_tokens_also_those_made_before(joe, tmp_path) -> None:
    digest = token_digest(mint_token())
    await joe.add_token("acme", "joe", digest, BOTH, None)
    with sqlite3.connect(tmp_path / "relay.db") as connection:
        connection.execute("UPDATE users SET permissions = 'view'")
    connection.close()
    assert await joe.find_grant(digest) == Grant("acme", "joe", frozenset({Permission.VIEW}))
    with pytest.raises(AccountError, match="has no permission execute"):
        await joe.add_token("acme", "joe", b"", EXECUTE, None)


async def test_only_the_digest_is_kept(joe, tmp_path) -> None:
    token = mint_token()
    await joe.add_token("acme", "joe", token_digest(token), EXECUTE, None)
    await joe.close()
    assert token.encode() not in (tmp_path / "relay.db").read_bytes()


async def test_what_was_written_is_there_after_a_restart(joe, url, clock) -> None:
    digest = token_digest(mint_token())
    await joe.add_token("acme", "joe", digest, EXECUTE, None)
    again = await SqlAccounts.open(url, clock)
    assert await again.find_grant(digest) is not None
    await again.close()


async def test_a_database_of_another_version_is_refused(accounts, url, tmp_path) -> None:
    with sqlite3.connect(tmp_path / "relay.db") as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()
    with pytest.raises(StartFailed, match=f"schema 99, and this relay knows {SCHEMA_VERSION}"):
        await SqlAccounts.open(url)


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("nonsense", StartFailed, "database URL"),
        ("postgresql+nodriver://host/db", StartFailed, "database URL"),
        ("sqlite:////nowhere/at/all/relay.db", StoreFailed, "unable to open database file"),
    ],
)
async def test_a_database_that_cannot_be_used_is_named_in_one_line(url, error, words) -> None:
    with pytest.raises(error, match=words) as raised:
        await SqlAccounts.open(url)
    assert "\n" not in str(raised.value)


async def test_a_file_that_is_no_database(tmp_path) -> None:
    (tmp_path / "relay.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreFailed, match="not a database"):
        await SqlAccounts.open(f"sqlite:///{tmp_path}/relay.db")
