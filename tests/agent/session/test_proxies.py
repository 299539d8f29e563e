"""Which proxy the environment names for a relay, and what is said of one that cannot be."""

import pytest

from agent.session.errors import RelayRefused
from agent.session.proxies import find_proxy


@pytest.fixture
def environment(monkeypatch):
    for name in ("ws", "wss", "socks", "http", "https", "no", "all"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)
    return lambda given: [monkeypatch.setenv(name, value) for name, value in given.items()]


@pytest.mark.parametrize(
    ("url", "given", "variable"),
    [
        ("ws://relay/agent", {}, ""),
        ("ws://relay/agent", {"http_proxy": "http://p:1"}, "http_proxy"),
        ("ws://relay/agent", {"HTTP_PROXY": "http://p:1", "https_proxy": "http://p:2"}, "https_proxy"),
        ("wss://relay/agent", {"http_proxy": "http://p:1"}, ""),
        ("wss://relay/agent", {"HTTPS_PROXY": "http://p:1"}, "HTTPS_PROXY"),
        ("wss://relay/agent", {"https_proxy": "http://p:1", "no_proxy": "relay"}, ""),
        ("wss://relay/agent", {"ALL_PROXY": "socks5h://p:1"}, "ALL_PROXY"),
        ("ws://relay/agent", {"all_proxy": "socks5h://p:1", "http_proxy": "http://p:1"}, "http_proxy"),
        ("wss://relay/agent", {"all_proxy": "socks5://p:1", "NO_PROXY": ".x,relay"}, ""),
    ],
)
def test_which_variable_names_it(environment, url, given, variable):
    environment(given)
    proxy = find_proxy(url, "relay")
    assert (proxy.variable, proxy.url) == (variable, given[variable]) if variable else proxy is None


@pytest.mark.parametrize(
    "url",
    [
        "me:secret@proxy:1",
        "http://me:secret@proxy:none",
        "http://me:secret@proxy:99999",
        "http://me:secret@proxy/path",
        "http://secret@proxy",
        "http://me:secret%ff@proxy",
        "ftp://me:secret@proxy",
    ],
)
def test_one_that_cannot_be_is_not_quoted(environment, url):
    environment({"https_proxy": url})
    with pytest.raises(
        RelayRefused, match=r"^relay: the proxy of https_proxy is none: .*HOST:PORT"
    ) as caught:
        find_proxy("wss://relay/agent", "relay")
    error = caught.value
    assert error.__cause__ is error.__context__ is None
    assert "secret" not in repr(error)


def test_what_is_shown_of_one_has_no_password(environment):
    environment({"https_proxy": "http://me:secret@proxy:1"})
    assert "secret" not in repr(find_proxy("wss://relay/agent", "relay"))
