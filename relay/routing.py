"""SSH user names ↔ routes. Nothing else knows how the three parts are written.

Two spellings (design §3.11): `TOKEN:ACCOUNT:SESSION` as Harness prints it, and the same with `+`, because
scp, sftp, rsync and git cut a user name at its first colon. No part can hold either sign, so one pattern
reads both.
"""

import re
from dataclasses import dataclass, field

from relay.accounts import ACCOUNT_NAME, TOKEN
from tunnel.messages import SESSION_ID

SEPARATORS = (":", "+")

LONGEST_USER_NAME = 128 + 1 + 64 + 1 + 25
"""Characters: a token, an account, a session id, and what stands between them."""

_USER_NAME = re.compile(
    rf"(?P<token>{TOKEN.pattern})(?P<separator>[:+])"
    rf"(?P<account>{ACCOUNT_NAME.pattern})(?P=separator)(?P<session>{SESSION_ID.pattern})"
)


@dataclass(frozen=True, slots=True)
class Route:
    """Who wants to get where: a token, the account it should belong to, and a session of that account."""

    token: str = field(repr=False)
    account: str
    session: str


def parse_user_name(name: str) -> Route | None:
    """Read an SSH user name; None if it is not one of the two spellings."""
    match = _USER_NAME.fullmatch(name) if len(name) <= LONGEST_USER_NAME else None
    return Route(match["token"], match["account"], match["session"]) if match else None


def format_user_name(route: Route, separator: str = SEPARATORS[0]) -> str:
    """Write an SSH user name in one of the two spellings."""
    return separator.join((route.token, route.account, route.session))
