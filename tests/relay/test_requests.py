import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from relay.requests import bearer_token, dialled_host, path_of


def request(path: str = "/", **headers: str | list[str]) -> Request:
    pairs = [
        (name, value)
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    made = Headers()
    for name, value in pairs:
        made[name] = value
    return Request(path, made)


@pytest.mark.parametrize(
    ("path", "found"), [("/agent", "/agent"), ("/agent?x=/y", "/agent"), ("//[", "//["), ("", "")]
)
def test_the_path(path: str, found: str) -> None:
    assert path_of(request(path)) == found


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer hf_0123", "hf_0123"),
        ("bearer  hf_0123", "hf_0123"),
        ("Bearer hf_0123 ", None),
        ("Bearer hf.0123", None),
        ("Basic hf_0123", None),
        ("Bearer " + "t" * 129, None),
        (["Bearer hf_0123", "Bearer hf_4567"], None),
        ([], None),
    ],
)
def test_the_token(header: str | list[str], token: str | None) -> None:
    assert bearer_token(request(Authorization=header)) == token


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("relay.example.com", "relay.example.com"),
        ("relay.example.com:8080", "relay.example.com"),
        ("[::1]:8080", "::1"),
        ("[", "localhost"),
        ("-oProxyCommand=$(id)", "localhost"),
        (["a", "b"], "localhost"),
        ([], "localhost"),
    ],
)
def test_the_host(header: str | list[str], host: str) -> None:
    assert dialled_host(request(Host=header)) == host
