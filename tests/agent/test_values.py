"""The words of the command line as values."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.uri import parse_uri

from agent import values


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("90s", 90), ("15m", 900), ("1h30m", 5400), ("2h0m5s", 7205), ("007s", 7)],
)
def test_duration(text, seconds):
    assert values.duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "s",
        "-1s",
        "1.5h",
        "1m1h",
        "1s1s",
        "1 m",
        "٣s",
        "0s",
        "0h0m",
        "721h",
        "9" * 30 + "h",
        "1d",
        "1S",
    ],
)
def test_no_duration(text):
    with pytest.raises(ValueError, match=r"duration|between"):
        values.duration(text)


@given(st.integers(1, values.LONGEST_SECONDS))
def test_every_duration_can_be_written(seconds):
    hours, minutes = seconds // 3600, seconds // 60 % 60
    assert values.duration(f"{hours}h{minutes}m{seconds % 60}s") == seconds


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080"),
        ("WSS://relay.example.com/path?x=1", "wss://relay.example.com/path?x=1"),
        ("wss://[::1]:8443", "wss://[::1]:8443"),
        ("wss://[2001:db8::1]", "wss://[2001:db8::1]"),
        ("ws://my_relay.example.com.:65535/", "ws://my_relay.example.com.:65535/"),
        ("wss://bücher.example", "wss://bücher.example"),
    ],
)
def test_relay_url(text, url):
    assert values.relay_url(text) == url


NO_PLACES = (
    *("127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:99999", "127.0.0.1:abc", "127.0.0.1:", "127.0.0.1:٣"),
    *("[::1", "[::1]x", "[::1]:", "[::1]:x", "[relay]", "a::1", "a..b", ".a", "a*b", "a\\b"),
    *("a" * 64, ".".join(["a" * 60] * 5)),
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("https://relay.example.com", "write wss://relay.example.com"),
        ("http://relay.example.com:80/x", "write ws://relay.example.com:80/x"),
        ("ssh://relay.example.com", "has the scheme 'ssh': write wss://relay.example.com"),
        ("relay.example.com", "write wss://relay.example.com"),
        ("wss://", "names no host"),
        ("wss://:443", "names no host"),
        ("wss:///path", "names no host"),
        ("wss://relay#x", "leave out what begins with #"),
        *((f"ws://{place}/path", "no host and port that can be") for place in NO_PLACES),
        ("wss://a b", "blanks"),
        ("wss://a\nb", "blanks or control"),
        ("wss://" + "a" * 3000, "more than 2048"),
        ("wss://user:secret@relay", "holds credentials"),
        ("https://user:secret@relay", "holds credentials"),
        ("user:secret@relay", "holds credentials"),
    ],
)
def test_no_relay_url(text, says):
    with pytest.raises(ValueError, match=re.escape(says)) as caught:
        values.relay_url(text)
    assert "secret" not in str(caught.value)


@given(st.text("a1.:[]-_/?#%٣é", max_size=12).map("ws://".__add__))
@example("ws://[::1]:1")
def test_websockets_can_dial_every_relay_url_of_ascii(text):
    try:
        url = values.relay_url(text)
    except ValueError:
        return
    if url.isascii():
        assert 0 < parse_uri(url).port < 65536


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:65535", ("::1", 65535)),
        ("localhost:22", ("127.0.0.1", 22)),
        ("host.example:2222", ("host.example", 2222)),
    ],
)
def test_address(text, address):
    assert values.address(text) == address


@pytest.mark.parametrize(
    "text", ["", "host", ":22", "::1:22", "host:", "host:x", "host:65536", "h:-1", "h:٣", "[]:1"]
)
def test_no_address(text):
    with pytest.raises(ValueError, match="is not an address"):
        values.address(text)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("::ffff:127.0.0.1", False),
        ("127.evil.example", False),
        ("127.1", False),
        ("localhost.example", False),
        ("\udcff", False),
    ],
)
def test_is_loopback(host, loopback):
    """In doubt it is not: a wrong yes would open a shell to the network."""
    assert values.is_loopback(host) is loopback


@pytest.mark.parametrize("text", ["", "build 7", "é/ü", "x" * 256])
def test_label(text):
    assert values.label(text) == text


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31m", "x" * 257, "\udcff"])
def test_no_label(text):
    with pytest.raises(ValueError, match="label"):
        values.label(text)


def test_token_is_stripped():
    assert values.token(" abc_123.x\n") == "abc_123.x"


@pytest.mark.parametrize("text", ["", " \n", "two words", "tab\there", "é", "x" * 513, "a\0b"])
def test_no_token(text):
    """And it is never quoted."""
    with pytest.raises(ValueError, match=r"^that is no token: it must be 1 to 512 visible ASCII characters$"):
        values.token(text)


ED25519 = f"AAAAC3NzaC1lZDI1NTE5AAAAI{'J' * 43}"


@pytest.mark.parametrize(
    "line",
    [
        f"ssh-ed25519 {ED25519}",
        f"  ssh-ed25519\t{ED25519} someone at work",
        f'from="10.0.0.*",command="echo a b" ssh-ed25519 {ED25519}',
        "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAA",
    ],
)
def test_a_line_with_a_public_key(line):
    assert values.holds_public_key(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        f"# ssh-ed25519 {ED25519}",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        f"ssh-ed25519 {ED25519[:-4]}",  # cut off as a terminal's line is
        f"ssh-rsa {ED25519}",
        ED25519,
        "ssh-ed25519 é",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "not a key at all",
    ],
)
def test_a_line_without_one(line):
    assert not values.holds_public_key(line)


@given(st.text())
def test_hostile_words_raise_only_value_errors(text):
    parsers = (values.duration, values.relay_url, values.address, values.when, values.shell, values.label)
    for parse in (*parsers, values.path, values.token):
        try:
            parse(text)
        except ValueError:
            continue
    values.is_loopback(text)
    values.holds_public_key(f"ssh-rsa {text}")
