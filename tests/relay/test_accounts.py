import pytest

from relay.accounts import (
    TOKEN,
    Permission,
    TokenRecord,
    check_account_name,
    check_login_name,
    check_within,
    join,
    mint_token,
    split,
    token_digest,
)
from relay.errors import AccountError

ALL = frozenset(Permission)


def test_tokens_differ_are_long_and_are_not_kept() -> None:
    tokens = {mint_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(TOKEN.fullmatch(token) and token.startswith("hf_") and "." not in token for token in tokens)
    assert all(62 ** (len(token) - 3) >= 2**160 for token in tokens)
    assert len(token_digest(tokens.pop())) == 32


@pytest.mark.parametrize(
    ("expires", "revoked", "now", "valid"),
    [
        (None, None, 10**12, True),
        (100, None, 99.9, True),
        (100, None, 100, False),
        (None, 5, 6, False),
        (9, 5, 1, False),
    ],
)
def test_validity(expires: int | None, revoked: int | None, now: float, *, valid: bool) -> None:
    token = TokenRecord(1, "acme", "joe", ALL, created=0, expires=expires, revoked=revoked)
    assert token.is_valid(now) is valid


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a+b", "-a", ".a", "a\n", "ä", "a" * 65])
def test_account_names_that_no_user_name_could_hold(name: str) -> None:
    with pytest.raises(AccountError, match="account name"):
        check_account_name(name)


def test_login_names_may_be_addresses() -> None:
    assert check_login_name("joe.doe@example.com") == "joe.doe@example.com"
    with pytest.raises(AccountError, match="user name"):
        check_login_name("joe doe")


def test_permissions_as_text() -> None:
    assert join(split("view,admin")) == "admin,view"
    assert split("") == frozenset()
    with pytest.raises(ValueError, match="root"):
        split("root")


def test_a_token_may_not_exceed_its_user() -> None:
    check_within(frozenset({Permission.VIEW}), ALL, "joe")
    with pytest.raises(AccountError, match=r"user 'joe' has no permission agent,execute \(has: view\)"):
        check_within(frozenset({Permission.EXECUTE, Permission.AGENT}), frozenset({Permission.VIEW}), "joe")
