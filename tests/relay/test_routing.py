import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.accounts import mint_token
from relay.routing import LONGEST_USER_NAME, SEPARATORS, Route, format_user_name, parse_user_name

SESSION = "abcdefghjkmnpqrstuvwxyz23"
TOKEN = "hf_0123456789"


@pytest.mark.parametrize(
    ("name", "route"),
    [
        (f"{TOKEN}:acme:{SESSION}", Route(TOKEN, "acme", SESSION)),
        (f"{TOKEN}+acme+{SESSION}", Route(TOKEN, "acme", SESSION)),
        (f"{TOKEN}:kmpySmUISimoRrJL6NL73w:{SESSION}", Route(TOKEN, "kmpySmUISimoRrJL6NL73w", SESSION)),
        ("", None),
        ("root", None),
        (f"{TOKEN}:acme+{SESSION}", None),
        (f"{TOKEN}:acme", None),
        (f"{TOKEN}:acme:{SESSION}:", None),
        (f"{TOKEN}::{SESSION}", None),
        (f":acme:{SESSION}", None),
        (f"{TOKEN}:-acme:{SESSION}", None),
        (f"{TOKEN}:acme:{SESSION[:-1]}", None),
        (f"{TOKEN}:acme:{SESSION[:-1]}l", None),  # l, i and o look like others
        (f"{TOKEN}:acme:{SESSION.upper()}", None),
        (f"{TOKEN}:acme:{SESSION}\n", None),
        (f"{'t' * 129}:acme:{SESSION}", None),
        (f"{TOKEN}:{'a' * 65}:{SESSION}", None),
        (f"{TOKEN}:ac me:{SESSION}", None),
        (f"tökén:acme:{SESSION}", None),
    ],
)
def test_table(name: str, route: Route | None) -> None:
    assert parse_user_name(name) == route


@given(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True).filter(str.isascii),
    st.text("abcdefghjkmnpqrstuvwxyz23456789", min_size=25, max_size=25),
    st.sampled_from(SEPARATORS),
)
def test_what_is_written_is_read(account: str, session: str, separator: str) -> None:
    route = Route(mint_token(), account, session)
    name = format_user_name(route, separator)
    assert parse_user_name(name) == route
    assert len(name) <= LONGEST_USER_NAME


@given(st.text(max_size=300))
def test_any_text_is_a_route_or_none(name: str) -> None:
    route = parse_user_name(name)
    assert route is None or format_user_name(route, ":") == name or format_user_name(route, "+") == name


def test_a_route_hides_its_token() -> None:
    assert TOKEN not in repr(Route(TOKEN, "acme", SESSION))
