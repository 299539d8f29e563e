"""The drop-in for tmate: its arguments, its configuration file, and what becomes of both."""

import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent import tmate
from agent.config import FILE_LIMIT, Config
from agent.errors import UsageError

KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'J' * 43} someone\n"
HINT = "supported are -F, with -f FILE, and -V: see agent --help"


def refused(act, *words):
    with pytest.raises(UsageError) as caught:
        act(*words)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# How it is called


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("-F", None),
        ("-f tmate.conf -F", "tmate.conf"),
        ("-F -f tmate.conf", "tmate.conf"),
        ("-Ff tmate.conf", "tmate.conf"),
        ("-Fftmate.conf", "tmate.conf"),
        ("-ftmate.conf -F", "tmate.conf"),
        ("-f first -f last -F", "last"),
        ("-f -F -F", "-F"),
        ("-2uvqF -S /tmp/socket -L name -k key -n name -r name", None),
        ("-F --", None),
    ],
)
def test_foreground_calls(words, file):
    call = tmate.parse(words.split())
    assert (call.foreground, call.file, call.version) == (True, file, False)
    assert tmate.is_foreground(words.split())


def test_other_calls():
    assert tmate.parse(["-V"]).version
    assert tmate.parse(["-FV"]).version
    assert tmate.parse(["-a", "keys", "-F"]).keys == "keys"
    assert repr(tmate.parse(["-Ff", "x"])) == "<Call -F -f x>"


@pytest.mark.parametrize(
    ("words", "says", "foreground"),
    [
        ([], "tmate without -F is not supported", False),
        (["-f", "tmate.conf"], "tmate without -F is not supported", False),
        (["-f"], "-f needs a value", False),
        (["-F", "-f"], "-f needs a value", True),
        (["-x"], "unknown option '-x'", False),
        (["-Fx"], "unknown option '-Fx'", True),
        (["--foreground"], "unknown option '--foreground'", False),
        (["-h"], "-h is not supported", False),
        (["-C", "-F"], "-C is not supported", True),
        (["-F", "-c", "make"], "-c is not supported", True),
        (["-F", "new-session", "-d"], "tmate's command 'new-session' is not supported", True),
        (["-S", "/tmp/socket", "wait", "tmate-ready"], "tmate's command 'wait' is not supported", False),
        (["-F", "-"], "tmate's command '-' is not supported", True),
    ],
)
def test_calls_that_are_not_supported(words, says, foreground):
    assert refused(tmate.parse, words) == f"{says}: {HINT}"
    assert tmate.is_foreground(words) is foreground


# What the file says

TRAP = """
  set -g tmate-server-host relay.example.com
set -g tmate-server-port 22
set -g tmate-server-rsa-fingerprint "SHA256:aaaa"
set -g tmate-server-ecdsa-fingerprint "SHA256:bbbb"
set -g tmate-server-ed25519-fingerprint "SHA256:cccc"
set -g tmate-user acme
"""
SAID = {tmate.HOST: "relay.example.com", tmate.USER: "acme"}


@pytest.mark.parametrize(
    "data",
    [
        TRAP.encode(),
        TRAP.replace("\n", "\r\n").encode(),
        TRAP.replace("\n", "\r").encode(),
        TRAP.replace(" -g", "").encode(),
        TRAP.replace("set -g", "set-option -gq").encode(),
        TRAP.replace("set -g", "\tset  -g  -q \t ").encode(),
        TRAP.replace("acme", "'acme'").replace("relay.example.com", '"relay.example.com "').encode(),
        TRAP.replace("acme", "ac'm'\"e\"   # the account").encode(),
        (TRAP.replace("acme", "another") + TRAP).encode(),
        b"\xef\xbb\xbf" + TRAP.encode(),
        TRAP.encode("utf-16"),
        TRAP.encode("utf-16-le"),
        b"\xfe\xff" + TRAP.encode("utf-16-be"),
        (TRAP + "set -g tmate-foreground-restart 0").encode(),
        TRAP.encode() + b"# caf\xe9 \xff\n  \t\n",
    ],
)
def test_what_today_s_traps_write(data):
    settings = tmate.read_config(data)
    assert (settings.values, settings.warnings) == (SAID, [])


def test_one_key_for_every_word_that_means_us():
    settings = tmate.read_config(b"set tmate-authorized-keys ~/.tmate.authorized_keys\nset tmate-user ''\n")
    assert settings.values == {tmate.KEYS: "~/.tmate.authorized_keys", tmate.USER: ""}
    assert settings.lines == {tmate.KEYS: 1, tmate.USER: 2}
    assert tmate.read_config(b"").values == {}
    assert repr(settings).endswith("0 warnings>")


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("set -g tmate-api-key x", "unknown option 'tmate-api-key'"),
        ("set -g mouse on", "unknown option 'mouse'"),
        ("set -g mouse 'on", "has a quote that is not closed"),
        ("set -g status-right a b", "has more than one value"),
        ("set -g tmate-server-port", "has no value"),
        ("set", "has no value"),
        ("set -ga update-environment X", "has the flag '-ga'"),
        ("set - mouse on", "has the flag '-'"),
        ("bind-key C-a send-prefix", "'bind-key' is no set command"),
        ('"', "'' is no set command"),
        ("what a nice day", "'what' is no set command"),
        ("x" * 99, f"'{'x' * 40}…' is no set command"),
        ("\N{SNOWMAN}\u2028\x7f", r"'☃' is no set command"),
    ],
)
def test_a_line_that_is_not_about_us_is_a_warning(text, warning):
    settings = tmate.read_config(f"\n{text}\nset -g tmate-user acme".encode())
    assert settings.values == {tmate.USER: "acme"}
    assert settings.warnings == [f"tmate.conf line 2: {warning}: ignored"]


def test_warnings_are_few():
    settings = tmate.read_config(b"bind x y\n" * 1000)
    assert len(settings.warnings) == tmate.WARNING_LIMIT + 1
    assert settings.warnings[-1] == "tmate.conf: 995 more lines are ignored"
    assert len(tmate.read_config(b"bind x y\n" * 5).warnings) == 5


@pytest.mark.parametrize("option", [tmate.HOST, tmate.USER, tmate.KEYS])
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("set -g {} 'x", "has a quote that is not closed"),
        ('set -g {} x"', "has a quote that is not closed"),
        ("set -g {}", "has no value"),
        ("set -g {} # x", "has no value"),
        ("set -g {} x y", "has more than one value"),
        ("set -ga {} x", "has the flag '-ga'"),
    ],
)
def test_a_line_about_us_that_cannot_be_read_is_refused(option, text, says):
    data = f"bind x y\n{text.format(option)}\n".encode()
    expected = f"tmate.conf line 2: {option} {says}: write it like set -g {option} VALUE"
    assert refused(tmate.read_config, data) == expected


@pytest.mark.parametrize(
    "data", [b"\x7fELF\x02\x01\x01\0\0\0", bytes(100), b"set -g tmate-user \x1b[31m", b"\x1f\x8b\x08\x04"]
)
def test_what_is_no_text_is_refused(data):
    assert refused(tmate.read_config, data) == "tmate.conf line 1: this is not text: is it the right file?"


# What becomes of it


def warned(arguments, environment):
    lines = []
    return tmate.configure(arguments, environment, lines.append), lines


@pytest.fixture
def conf(tmp_path, monkeypatch):
    """Write a tmate.conf into the working directory, as the traps do."""
    monkeypatch.chdir(tmp_path)

    def write(text):
        (tmp_path / "tmate.conf").write_text(text)
        return ["-f", "tmate.conf", "-F"]

    return write


def test_a_runner_s_call_with_a_token(conf):
    environment = {"HOLDFAST_TOKEN": "secret", "PATH": "/bin"}
    config, warnings = warned(conf(TRAP), environment)
    assert (config.relay, config.token, config.account) == ("wss://relay.example.com", "secret", "acme")
    assert (config.when, config.debugging_asked) == ("failure", True)
    assert (config.shell, config.text, config.command) == (None, None, ())
    assert (config.deploy, config.standby, config.errexit) == (False, False, False)
    assert config.environment == {"PATH": "/bin"}
    assert warnings == []


def test_our_variable_names_the_relay(conf):
    environment = {"HOLDFAST_TOKEN": "t", "HOLDFAST_RELAY": "ws://127.0.0.1:8080"}
    config, _ = warned(conf(TRAP.replace("relay.example.com", "a..b")), environment)
    assert config.relay == "ws://127.0.0.1:8080"


def test_without_a_token_it_is_direct_mode(conf, tmp_path):
    config, warnings = warned(conf(TRAP), {})
    assert (config.relay, config.token, config.listen, warnings) == (None, None, ("127.0.0.1", 0), [])
    config, warnings = warned(conf(TRAP), {"HOLDFAST_RELAY": "wss://r"})
    assert config.relay is None
    assert warnings == [
        "HOLDFAST_RELAY is not used without a token: give HOLDFAST_TOKEN or HOLDFAST_TOKEN_FILE"
    ]
    exposed = {"HOLDFAST_LISTEN": "0.0.0.0:0"}
    assert "can be reached from outside" in refused(warned, conf(TRAP), exposed)
    assert "can be reached" in refused(warned, conf(TRAP), {**exposed, "HOLDFAST_RELAY": "wss://r"})
    (tmp_path / "token").write_text("filed\n")
    config, _ = warned(conf(TRAP), {"HOLDFAST_TOKEN_FILE": str(tmp_path / "token"), **exposed})
    assert (config.token, config.relay) == ("filed", "wss://relay.example.com")


@pytest.mark.parametrize(
    ("environment", "timeout", "longest"),
    [
        ({}, 3555, 3555),
        ({"HOLDFAST_TIMEOUT": "10m"}, 600, 3555),
        ({"HOLDFAST_TIMEOUT": "10m", "HOLDFAST_MAX_TIMEOUT": "20m"}, 600, 1200),
        ({"HOLDFAST_TIMEOUT": "9h", "HOLDFAST_MAX_TIMEOUT": "10h"}, 3555, 3555),
    ],
)
def test_the_hold_ends_before_the_caller_s_patience(environment, timeout, longest):
    config, _ = warned(["-F"], environment)
    assert (config.timeout, config.max_timeout) == (timeout, longest)
    assert 3600 - config.max_timeout >= 30


def test_drone_s_call_reads_the_file_in_home(tmp_path):
    (tmp_path / ".tmate.conf").write_text(
        f"{TRAP}set -g tmate-authorized-keys $HOME/.tmate.authorized_keys\n"
    )
    (tmp_path / ".tmate.authorized_keys").write_text(KEY)
    config, _ = warned(["-F"], {"HOME": str(tmp_path), "DRONE": "true", "DRONE_BUILD_NUMBER": "7"})
    assert (config.account, config.build, config.authorized_keys) == ("acme", "7", KEY)


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}, {"HOME": "/nonexistent"}])
def test_with_no_file_at_all(environment):
    config, warnings = warned(["-F"], {"HOLDFAST_ACCOUNT": "ours", **environment})
    assert (config.relay, config.account, config.authorized_keys, warnings) == (None, "ours", None, [])


@pytest.mark.parametrize("written", ["~/keys", "$HOME/keys", "${HOME}/keys", "WHOLE/keys", "keys"])
def test_where_the_keys_are(conf, tmp_path, written):
    (tmp_path / "keys").write_text(KEY)
    line = f"set tmate-authorized-keys {written.replace('WHOLE', str(tmp_path))}\n"
    config, _ = warned(conf(line), {"HOME": str(tmp_path), "HOLDFAST_AUTHORIZED_KEYS": "/none"})
    assert config.authorized_keys == KEY


def test_keys_of_the_command_line_and_of_our_variable(conf, tmp_path):
    (tmp_path / "keys").write_text(KEY)
    config, _ = warned([*conf("set tmate-authorized-keys /none"), "-a", str(tmp_path / "keys")], {})
    assert config.authorized_keys == KEY
    config, _ = warned(["-F"], {"HOLDFAST_AUTHORIZED_KEYS": str(tmp_path / "keys")})
    assert config.authorized_keys == KEY


def test_debugging_off_reads_no_file():
    config, _ = warned(["-f", "/none", "-F"], {"HOLDFAST_DEBUG": "0", "HOLDFAST_TOKEN_FILE": "/none"})
    assert (config.when, config.debugging_asked, config.token) == ("never", False, None)


def test_warnings_name_the_file(conf):
    _, warnings = warned(conf("bind x y\n"), {})
    assert warnings == ["tmate.conf line 1: 'bind' is no set command: ignored"]


RIGHTS = "check the name and the rights"


@pytest.mark.parametrize(
    ("text", "environment", "says"),
    [
        (
            "set -g tmate-server-host https://r",
            {},
            "tmate.conf line 1: tmate-server-host: 'wss://https://r' has",
        ),
        (
            "\nset -g tmate-server-host a..b",
            {},
            "tmate.conf line 2: tmate-server-host: 'wss://a..b' has no host",
        ),
        (
            f"set -g tmate-user {'x' * 257}",
            {},
            "tmate.conf line 1: tmate-user: a label is one line of at most",
        ),
        (
            "set tmate-authorized-keys /none",
            {},
            f"authorized keys /none: No such file or directory: {RIGHTS}",
        ),
        ("set tmate-authorized-keys /dev/null", {}, "authorized keys /dev/null: holds no key"),
        (
            "set tmate-authorized-keys ~/keys",
            {},
            "tmate-authorized-keys: ~/keys is in HOME, which is not set",
        ),
        ("set tmate-user 'x", {}, "tmate.conf line 1: tmate-user has a quote that is not closed"),
        ("", {"HOLDFAST_TOKEN": "two words"}, "HOLDFAST_TOKEN: that is no token"),
        ("", {"HOLDFAST_TIMEOUT": "soon"}, "HOLDFAST_TIMEOUT: 'soon' is not a duration"),
    ],
)
def test_bad_input_is_one_line(conf, text, environment, says):
    assert refused(warned, conf(text), environment).startswith(says)


def test_a_file_that_cannot_be_read(tmp_path):
    says = refused(warned, ["-f", str(tmp_path / "none"), "-F"], {})
    assert says == f"tmate's configuration {tmp_path}/none: No such file or directory: {RIGHTS}"
    assert "Is a directory" in refused(warned, ["-f", str(tmp_path), "-F"], {})
    (tmp_path / ".tmate.conf").write_bytes(b"#" * (FILE_LIMIT + 1))
    assert "is longer than" in refused(warned, ["-F"], {"HOME": str(tmp_path)})


WORDS = (
    "set -g ",
    "set ",
    "tmate-user ",
    "tmate-server-host ",
    "tmate-authorized-keys ",
    "'",
    '"',
    "\\",
    "\n",
    "#",
)


@settings(deadline=None)
@given(
    st.binary(max_size=80) | st.lists(st.sampled_from(WORDS) | st.text("aé /~$\r\0", max_size=3)).map("".join)
)
@example(TRAP)
def test_whatever_the_file_holds(written):
    """Either a configuration or one line: nothing else comes of any bytes."""
    reading, writing = os.pipe()
    os.write(writing, written if isinstance(written, bytes) else written.encode())
    os.close(writing)
    with os.fdopen(reading):
        try:
            config, warnings = warned(["-f", f"/proc/self/fd/{reading}", "-F"], {"HOLDFAST_TOKEN": "t"})
        except UsageError as error:
            said = [str(error)]
        else:
            assert isinstance(config, Config)
            said = warnings
    assert len(said) <= tmate.WARNING_LIMIT + 1
    assert all(len(line.splitlines()) == 1 for line in said)


@given(st.lists(st.text("-FfVSahx2 \udcff", max_size=4)))
def test_whatever_the_arguments_are(words):
    try:
        call = tmate.parse(words)
    except UsageError:
        return
    assert call.version or (call.foreground and tmate.is_foreground(words))
