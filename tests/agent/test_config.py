"""The configuration: made once, frozen, and wrong words refused before anything starts."""

import os

import pytest

from agent.config import DEFAULT_MAX_TIMEOUT, FILE_LIMIT, Config, read
from agent.errors import UsageError

KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'J' * 43} someone\n"


def refused(words, environment=None):
    with pytest.raises(UsageError) as caught:
        read(words, environment or {})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_defaults():
    config = read(["--", "make", "test"], {"PATH": "/bin"})
    assert (config.relay, config.token, config.ca_file, config.authorized_keys) == (None, None, None, None)
    assert (config.listen, config.when) == (("127.0.0.1", 0), "failure")
    assert (config.timeout, config.max_timeout) == (3600, DEFAULT_MAX_TIMEOUT)
    assert (config.connect_timeout, config.heartbeat) == (120, 240)
    assert (config.account, config.build, config.step, config.node, config.url) == ("",) * 5
    assert (config.shell, config.text, config.command) == (None, None, ("make", "test"))
    assert config.environment == {"PATH": "/bin"}


def test_everything_from_the_environment(tmp_path):
    (tmp_path / "ca").write_text("-----BEGIN CERTIFICATE-----")
    (tmp_path / "keys").write_text(f"# team\n\n{KEY}")
    names = {
        "RELAY": "wss://relay",
        "TOKEN": "secret",
        "CA_FILE": str(tmp_path / "ca"),
        "LISTEN": "0.0.0.0:2222",
        "WHEN": "failure",
        "TIMEOUT": "5h",
        "MAX_TIMEOUT": "6h",
        "CONNECT_TIMEOUT": "1s",
        "HEARTBEAT": "2s",
        "AUTHORIZED_KEYS": str(tmp_path / "keys"),
        **{name: name.lower() for name in ("ACCOUNT", "BUILD", "STEP", "NODE", "URL")},
    }
    config = read(["a"], {f"HOLDFAST_{name}": value for name, value in names.items()})
    assert (config.relay, config.token, config.ca_file) == ("wss://relay", "secret", str(tmp_path / "ca"))
    assert (config.listen, config.timeout, config.max_timeout) == (("0.0.0.0", 2222), 18000, 21600)
    assert (config.connect_timeout, config.heartbeat) == (1, 2)
    assert config.authorized_keys == f"# team\n\n{KEY}"
    assert (config.account, config.node, config.url) == ("account", "node", "url")


def test_secrets_leave_the_environment_and_the_repr():
    config = read(["a"], {"HOLDFAST_TOKEN": "secret", "OTHER": "secret too", "HOLDFAST_BUILD": "7"})
    assert config.token == "secret"
    assert config.environment == {"OTHER": "secret too", "HOLDFAST_BUILD": "7"}
    assert "secret" not in repr(config)


def test_frozen():
    config = read(["a"], {})
    with pytest.raises(AttributeError):
        config.relay = "ws://other"
    with pytest.raises(TypeError, match="no such field: extra"):
        Config(**dict.fromkeys(Config.__slots__), extra=1)


@pytest.mark.parametrize(
    ("words", "environment", "token"),
    [
        (["--token-file", "FILE"], {"HOLDFAST_TOKEN": "direct"}, "filed"),
        ([], {"HOLDFAST_TOKEN": "direct", "HOLDFAST_TOKEN_FILE": "FILE"}, "direct"),
        ([], {"HOLDFAST_TOKEN": "", "HOLDFAST_TOKEN_FILE": "FILE"}, "filed"),
        ([], {"HOLDFAST_TOKEN_FILE": ""}, None),
    ],
)
def test_where_the_token_comes_from(tmp_path, monkeypatch, words, environment, token):
    (tmp_path / "FILE").write_text("filed\n")
    monkeypatch.chdir(tmp_path)
    assert read([*words, "--", "a"], environment).token == token


@pytest.mark.parametrize("value", ["0", "false", "False"])
def test_debugging_off_wins_and_opens_no_file(value):
    """Then the agent must not be why a step does not start."""
    words = [
        "--when",
        "failure",
        "--token-file",
        "/none",
        "--authorized-keys",
        "/none",
        "--shell",
        "sh",
        "/none",
    ]
    config = read(words, {"HOLDFAST_DEBUG": value, "HOLDFAST_LISTEN": "0.0.0.0:1"})
    assert (config.when, config.token, config.command) == ("never", None, ("/none",))


@pytest.mark.parametrize(
    ("when", "environment", "result", "asked"),
    [
        ("debug", {}, "never", False),
        ("debug", {"RUNNER_DEBUG": "0", "CI_DEBUG_TRACE": "false"}, "never", False),
        ("debug", {"CI_REMOTE_DEBUG": "true"}, "failure", True),
        ("debug", {"SYSTEM_DEBUG": "True"}, "failure", True),
        ("debug", {"HOLDFAST_DEBUG": "1"}, "failure", True),
        ("failure", {}, "failure", False),
        ("failure", {"RUNNER_DEBUG": "1"}, "failure", True),
        ("always", {}, "always", True),
        ("never", {"RUNNER_DEBUG": "1"}, "never", True),
        # HOLDFAST_DEBUG=0 wins over every other word, the CI's switch included.
        ("debug", {"HOLDFAST_DEBUG": "0", "RUNNER_DEBUG": "1"}, "never", False),
        ("failure", {"HOLDFAST_DEBUG": "FALSE", "RUNNER_DEBUG": "1"}, "never", False),
        ("always", {"HOLDFAST_DEBUG": "0"}, "never", False),
        ("failure", {"HOLDFAST_DEBUG": "off"}, "failure", False),
    ],
)
def test_when_to_hold(when, environment, result, asked):
    """By the option and by the variable."""
    for words, more in (["--when", when, "a"], {}), (["a"], {"HOLDFAST_WHEN": when}):
        config = read(words, environment | more)
        assert (config.when, config.debugging_asked) == (result, asked)


def test_labels_come_from_the_option_then_from_our_variable_then_from_the_ci():
    known = {
        "GITLAB_CI": "true",
        "CI_PIPELINE_ID": "9",
        "CI_JOB_NAME": "rspec",
        "CI_PROJECT_ROOT_NAMESPACE": "a",
    }
    config = read(["--build", "7", "x"], known | {"HOLDFAST_BUILD": "8", "HOLDFAST_STEP": "tests"})
    assert (config.account, config.build, config.step, config.node) == ("a", "7", "tests", "")
    assert read(["x"], {"GITLAB_CI": "true", "CI_JOB_NAME": "x" * 999}).step == "x" * 256


def test_a_timeout_above_the_default_maximum_raises_it():
    assert read(["--timeout", "9h", "a"], {}).max_timeout == 9 * 3600
    says = refused(["--timeout", "9h", "a"], {"HOLDFAST_MAX_TIMEOUT": "8h"})
    assert says == "--timeout: 32400 s is above --max-timeout, 28800 s: lower it, or raise that"


def test_a_stale_ssl_cert_file_is_not_ours_to_refuse(tmp_path):
    none = str(tmp_path / "none")
    assert read(["a"], {"SSL_CERT_FILE": none, "REQUESTS_CA_BUNDLE": none}).ca_file is None
    assert "No such file" in refused(["a"], {"HOLDFAST_CA_FILE": none})


def test_a_script_may_be_a_pipe(tmp_path):
    """`--shell bash <(...)`: looked at, never read, or its first bytes would be gone."""
    os.mkfifo(tmp_path / "pipe")
    assert read(["--shell", "bash", str(tmp_path / "pipe")], {}).command == (str(tmp_path / "pipe"),)


RIGHTS = "check the name and the rights"
NO_TOKEN = "that is no token: it must be 1 to 512 visible ASCII characters"
RIGHT_FILE = "is it the right file?"
NO_KEY = "holds no key: put one public key on each line"
EXPOSED = "can be reached from outside: give --authorized-keys FILE as well"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "nothing to run: give a command, agent run [OPTIONS] -- COMMAND [ARG...]"),
        ("--shell sh", "nothing to run: give --shell sh a FILE, -c TEXT, or - for its standard input"),
        ("--shell fish x", "--shell: 'fish' is none of: bash, sh, python, pwsh"),
        ("--when sometimes x", "--when: 'sometimes' is none of: failure, always, never, debug"),
        ("--timeout 1x x", "--timeout: '1x' is not a duration: write it like 90s, 15m or 1h30m"),
        ("--shell sh /no/file", f"script /no/file: No such file or directory: {RIGHTS}"),
        ("--shell sh /", f"script /: Is a directory: {RIGHTS}"),
        ("--token-file /no/file x", f"token file /no/file: No such file or directory: {RIGHTS}"),
        ("--token-file /dev/null x", f"token file /dev/null: {NO_TOKEN}"),
        (
            "--token-file /dev/zero x",
            f"token file /dev/zero: is longer than {FILE_LIMIT} bytes: {RIGHT_FILE}",
        ),
        ("--authorized-keys /dev/null x", f"authorized keys /dev/null: {NO_KEY}"),
        ("--ca-file /no\0file x", "--ca-file: the name of a file is empty"),
        ("--relay https://r x", "--relay: 'https://r' is not a WebSocket's address: write wss://r"),
        ("--listen 0.0.0.0:0 x", f"--listen: 0.0.0.0 {EXPOSED}"),
    ],
)
def test_bad_input_is_one_line_with_a_way_out(words, says):
    assert refused(words.split(" ") if words else []) == says


@pytest.mark.parametrize("text", ["not a key\n", KEY[:60], "-----BEGIN OPENSSH PRIVATE KEY-----\n"])
def test_a_file_with_no_key_that_can_be_used_is_refused(tmp_path, text):
    """Before the step: in the session it would be too late to say so."""
    (tmp_path / "keys").write_text(text)
    assert refused(["--authorized-keys", str(tmp_path / "keys"), "x"]).endswith(NO_KEY)


@pytest.mark.skipif(os.getuid() == 0, reason="root can read every file")
def test_unreadable_files(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "file").chmod(0)
    for option in ("--token-file", "--authorized-keys", "--ca-file"):
        assert "Permission denied" in refused([option, str(tmp_path / "file"), "x"])
