from contextlib import suppress
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.questions import AbortSession, EnableSession, ListSessions, LookAtBuild, Refused, parse_question

SESSION = "abcdefghjkmnpqrstuvwxyz23"
BUILDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100)
QUESTIONS = st.one_of(
    st.builds(ListSessions, st.none() | BUILDS),
    st.builds(LookAtBuild, BUILDS),
    st.sampled_from([EnableSession(SESSION), AbortSession(SESSION)]),
)


@given(QUESTIONS)
def test_questions_come_back(question) -> None:
    assert question.target.isascii()
    assert parse_question(question.method, question.target) == question


@pytest.mark.parametrize(
    ("method", "target", "question"),
    [
        ("GET", "/api/sessions", ListSessions()),
        ("GET", "/api/sessions?build=7&colour=blue", ListSessions("7")),
        ("GET", "/api/sessions?build=a%20b%2Fc+d", ListSessions("a b/c d")),
        ("POST", f"/api/sessions/{SESSION}/enable", EnableSession(SESSION)),
        ("POST", f"/api/sessions/{SESSION}/abort?why=not", AbortSession(SESSION)),
        ("POST", "/api/sessions/../enable", EnableSession("")),
        ("POST", f"/api/sessions/{SESSION.upper()}/abort", AbortSession("")),
        ("GET", "/agent/build?build=7", LookAtBuild("7")),
    ],
)
def test_what_is_asked(method: str, target: str, question) -> None:
    assert parse_question(method, target) == question


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/", HTTPStatus.NOT_FOUND),
        ("GET", "//[", HTTPStatus.NOT_FOUND),
        ("GET", "*", HTTPStatus.NOT_FOUND),
        ("GET", "/api/sessions/", HTTPStatus.NOT_FOUND),
        ("GET", f"/api/sessions/{SESSION}", HTTPStatus.NOT_FOUND),
        ("GET", f"/api/sessions/{SESSION}/enable", HTTPStatus.METHOD_NOT_ALLOWED),
        ("GET", f"/api/sessions/{SESSION}/abort", HTTPStatus.METHOD_NOT_ALLOWED),
        ("HEAD", "/api/sessions", HTTPStatus.METHOD_NOT_ALLOWED),
        ("POST", "/agent/build?build=7", HTTPStatus.METHOD_NOT_ALLOWED),
        ("GET", "/agent/build", HTTPStatus.BAD_REQUEST),
        ("GET", "/agent/build?build=", HTTPStatus.BAD_REQUEST),
        ("GET", "/agent/build?build=7&build=8", HTTPStatus.BAD_REQUEST),
        ("GET", "/api/sessions?build=", HTTPStatus.BAD_REQUEST),
        ("GET", "/api/sessions?" + "x=1&" * 9, HTTPStatus.BAD_REQUEST),
    ],
)
def test_what_cannot_be_asked(method: str, target: str, status: HTTPStatus) -> None:
    with pytest.raises(Refused) as raised:
        parse_question(method, target)
    assert raised.value.status is status


@given(st.text(max_size=8), st.text(max_size=300))
def test_any_request_line_is_a_question_or_refused(method: str, target: str) -> None:
    with suppress(Refused):
        assert parse_question(method, target).method == method
