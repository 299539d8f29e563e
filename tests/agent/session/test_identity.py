"""Session ids are what the tunnel's protocol takes them for."""

from agent.session.identity import ALPHABET, LENGTH, new_owner_secret, new_session_id
from tunnel.messages import SECRET, SESSION_ID


def test_the_alphabet_has_31_symbols_that_survive_lower_casing() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET) == 31
    assert ALPHABET.lower() == ALPHABET
    assert not set("ilo01") & set(ALPHABET)


def test_ids_and_secrets_have_the_form_that_the_relay_checks() -> None:
    found = {new_session_id() for _ in range(500)}
    assert len(found) == 500
    assert all(len(name) == LENGTH and SESSION_ID.fullmatch(name) for name in found)
    assert SECRET.fullmatch(new_owner_secret())
