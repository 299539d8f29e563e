import pytest

from relay.config import FILE_LIMIT, Address, make_config, read_file, state_directory
from relay.errors import UsageError

ENVIRONMENT = {"HOME": "/home/joe"}


def test_defaults_need_nothing() -> None:
    config = make_config({}, ENVIRONMENT, {})
    assert (str(config.http), str(config.ssh)) == ("127.0.0.1:8080", "127.0.0.1:2222")
    assert config.database == "sqlite:////home/joe/.local/state/holdfast/relay.db"
    assert config.host_key == "/home/joe/.local/state/holdfast/ssh_host_ed25519_key"
    assert (config.public_ssh, config.tls_cert, config.tls_key) == (None, None, None)


def test_command_line_before_environment_before_file_before_defaults() -> None:
    file = {"http": "f:1", "ssh": "f:2", "public_ssh": "f:3"}
    environment = ENVIRONMENT | {"HOLDFAST_RELAY_HTTP": "e:1", "HOLDFAST_RELAY_SSH": "e:2"}
    config = make_config({"http": "c:1"}, environment, file)
    assert [str(a) for a in (config.http, config.ssh, config.public_ssh)] == ["c:1", "e:2", "f:3"]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:0", Address("localhost", 0)),
        ("[::1]:8080", Address("::1", 8080)),
        ("relay.example.com:65535", Address("relay.example.com", 65535)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", "host", ":80", "host:", "host:x", "host:65536", "::1:80", "a b:1", "host:-1", "host:\u0661"]
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="public-ssh"):
        make_config({"public_ssh": text}, ENVIRONMENT, {})


def test_certificate_and_key_go_together() -> None:
    with pytest.raises(UsageError, match="together"):
        make_config({"tls_cert": "/c"}, ENVIRONMENT, {})


def test_a_password_in_the_database_url_is_not_shown() -> None:
    assert "hunter2" not in repr(make_config({"database": "postgresql://u:hunter2@h/d"}, ENVIRONMENT, {}))


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"XDG_STATE_HOME": "/state", "HOME": "/h"}, "/state/holdfast"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/holdfast"),
    ],
)
def test_state_directory(environment: dict[str, str], path: str) -> None:
    assert state_directory(environment) == path


def test_a_file_is_read(tmp_path) -> None:
    path = tmp_path / "relay.toml"
    path.write_text('http = "0.0.0.0:80"\npublic_ssh = "relay.example.com:22"\n')
    assert read_file(str(path)) == {"http": "0.0.0.0:80", "public_ssh": "relay.example.com:22"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('htpp = "x"', "unknown key 'htpp'"),
        ("http = 80", "http is not a text in quotes"),
        ('http = ""', "http is not a text"),
        ("http = ", "Invalid value"),
        ("[serve]\nhttp = 'x'", "unknown key 'serve'"),
        ("\udcff", "codec can't decode"),
        ("#" * (FILE_LIMIT + 1), "more than"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_what_is_wrong(tmp_path, text: str, words: str) -> None:
    path = tmp_path / "relay.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UsageError, match=words) as raised:
        read_file(str(path))
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_a_missing_file() -> None:
    with pytest.raises(UsageError, match=r"/nowhere: No such file"):
        read_file("/nowhere")
