"""The frozen result of reading the command line: what one `agent run` is to do."""

import os
import stat

from agent import ci, values
from agent.errors import UsageError
from agent.options import OPTIONS, STDIN, Line, take_apart

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from typing import Any

SECRETS = ("HOLDFAST_TOKEN", "HOLDFAST_TOKEN_FILE")
"""Never in the environment of anything that the agent starts."""

SESSION = "HOLDFAST_SESSION"
"""In the environment of what a session's users start: names it to `agent status`, `resume` and their like."""

FILE_LIMIT = 1024 * 1024
"""Bytes of a file that is read: the wrong name must not load a disk image."""

DEFAULT_MAX_TIMEOUT = 4 * 3600
"""Seconds to which a hold may be extended where nothing is said: half a working day."""

STEP_TIMEOUT_MARGIN = 15
"""Seconds before the runner's own limit at which a hold ends: for the ending, and the runner's last steps."""

LABELS = ("account", "build", "step", "node", "url")

_EACCES, _EISDIR = 13, 21  # of the module `errno`, which makes two dictionaries of all names: 0.05 ms


# No dataclass: importing `dataclasses` costs the keeper 6 ms and 2 MiB, and it starts with every step.
class Config:
    """What one `agent run` is to do; made once, by `read` or `agent.tmate`.

    | field | value |
    | --- | --- |
    | `relay` | URL, `ws://…` or `wss://…`; None: direct mode |
    | `token` | the agent's token for the relay, None without; never in a repr |
    | `ca_file` | path of a PEM file that was readable at the start; None: see `session/trust.py` |
    | `listen` | host and port of direct mode; port 0: any |
    | `when` | `failure`, `always` or `never`; `debug` has become one of them |
    | `debugging_asked` | somebody wants this very run to be debugged: `--when always`, or the CI's switch |
    | `standby`, `deploy`, `errexit` | switches |
    | `drop_in` | called as tmate is: the step was another's, and has failed already |
    | `timeout`, `max_timeout`, `linger`, `connect_timeout`, `heartbeat` | seconds; `timeout` ≤ `max_timeout` |
    | `step_timeout`, `first_login`, `idle` | seconds; None: off |
    | `authorized_keys` | the text of the file, as OpenSSH writes it; None: no keys were given |
    | `account`, `build`, `step`, `node`, `url` | labels, printable, at most 256 characters; `""` without |
    | `shell` | `bash`, `sh`, `python` or `pwsh`; None: `command` is run as it is |
    | `text` | the script of `-c`; None: `command` begins with the script's file, or `-`: standard input |
    | `command` | what follows: the arguments of the script, the file and its own, or the command line |
    | `environment` | the step's: as it arrived, decoded by `os.fsdecode`, without our secrets |
    """

    __slots__ = (
        "account",
        "authorized_keys",
        "build",
        "ca_file",
        "command",
        "connect_timeout",
        "debugging_asked",
        "deploy",
        "drop_in",
        "environment",
        "errexit",
        "first_login",
        "heartbeat",
        "idle",
        "linger",
        "listen",
        "max_timeout",
        "node",
        "relay",
        "shell",
        "standby",
        "step",
        "step_timeout",
        "text",
        "timeout",
        "token",
        "url",
        "when",
    )

    relay: str | None
    token: str | None
    ca_file: str | None
    listen: tuple[str, int]
    when: str
    debugging_asked: bool
    standby: bool
    deploy: bool
    drop_in: bool
    errexit: bool
    timeout: int
    max_timeout: int
    step_timeout: int | None
    first_login: int | None
    idle: int | None
    linger: int
    connect_timeout: int
    heartbeat: int
    authorized_keys: str | None
    account: str
    build: str
    step: str
    node: str
    url: str
    shell: str | None
    text: str | None
    command: tuple[str, ...]
    environment: dict[str, str]

    def __init__(self, **fields: object) -> None:
        for name in self.__slots__:
            object.__setattr__(self, name, fields.pop(name))
        if fields:
            raise TypeError(f"no such field: {', '.join(fields)}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name}: a configuration is frozen")

    def __repr__(self) -> str:
        # Neither the token nor what may hold others: the environment, a script's text, keys.
        hidden = ("authorized_keys", "environment", "text", "token")
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__slots__ if name not in hidden)
        return f"Config({', '.join(shown)})"


def read(arguments: list[str], environment: dict[str, str]) -> Config:
    """Make the configuration from what follows `agent run`; UsageError names what is wrong and the way out.

    With debugging off no file is read: then the agent must not be why a step does not start.
    """
    line = take_apart(arguments)
    fields = read_options(line.given, environment)
    _check_command(line, fields)
    fields["when"], fields["debugging_asked"] = _when(fields["when"], environment)
    if fields["when"] != "never":
        _check_times(fields)
        read_files(fields, line.given, environment)
        if fields["standby"] and fields["relay"] is None:
            raise UsageError("--standby needs a relay, which opens the session: give --relay URL")
        if fields["shell"] and line.text is None and line.command[0] != STDIN:
            _check_readable(f"script {line.command[0]}", line.command[0])
    return make(fields, environment, line.text, line.command)


def read_again(arguments: list[str], environment: dict[str, str], token: str | None) -> Config:
    """Make the configuration that another process has made before, with the token that it found.

    No other file is looked for: it may be gone by now, or was a pipe that has been read.
    """
    line = take_apart(arguments)
    fields = read_options(line.given, environment)
    fields["when"], fields["debugging_asked"] = _when(fields["when"], environment)
    fields["token"] = token
    return make(fields, environment, line.text, line.command)


def read_options(given: dict[str, str], environment: dict[str, str]) -> "dict[str, Any]":
    """Return the value of every option by its field's name, no file opened; labels also from the CI's variables."""
    fields: dict[str, Any] = {option.field: option.read(given, environment) for option in OPTIONS}
    known = ci.labels(environment)
    fields.update({name: fields[name] or known.get(name, "") for name in LABELS})
    fields.update({name: bool(fields[name]) for name in ("deploy", "errexit", "standby")})
    fields["max_timeout"] = _max_timeout(fields["timeout"], fields["max_timeout"])
    return fields


def read_files(fields: "dict[str, Any]", given: dict[str, str], environment: dict[str, str]) -> None:
    """Put what the named files hold, and the token, in place of their names."""
    fields["token"] = _token("--token-file" in given, fields["token_file"], environment)
    if fields["ca_file"] is not None:
        _check_readable(f"CA file {fields['ca_file']}", fields["ca_file"])
    fields["authorized_keys"] = _authorized_keys(fields["authorized_keys"])
    check_exposure(fields)


def make(
    fields: "dict[str, Any]", environment: dict[str, str], text: str | None, command: tuple[str, ...]
) -> Config:
    """Freeze the fields, which are used up; the step's environment is what arrived, without our secrets."""
    fields.pop("token_file")
    return Config(
        **({"drop_in": False, "token": None} | fields),
        text=text,
        command=command,
        environment={name: value for name, value in environment.items() if name not in SECRETS},
    )


def _check_command(line: Line, fields: "dict[str, Any]") -> None:
    """Check that there is something to run, and that the switches about it make sense."""
    shell = fields["shell"]
    if line.text is None and not line.command:
        raise UsageError(_nothing_to_run(shell))
    if any("\0" in word for word in (line.text or "", *line.command)):
        raise UsageError("the script or its arguments hold a NUL, which no command line can carry")
    if fields["errexit"] and shell in (None, "python"):
        what = "python, which stops at its first error anyway" if shell else "a command without --shell"
        raise UsageError(f"--errexit has no meaning for {what}: leave it out")
    if fields["errexit"] and shell == "pwsh" and line.text is None and line.command[0] == STDIN:
        raise UsageError(
            "--errexit does not stop pwsh at an error on its standard input: give -c TEXT or a FILE"
        )


def _when(when: str, environment: dict[str, str]) -> tuple[str, bool]:
    """Return when to hold, `debug` decided by the CI's switch, and whether debugging was asked for in this run."""
    if ci.debugging_off(environment):
        return "never", False
    asked = ci.debugging_asked(environment)
    if when == "debug":
        return ("failure" if asked else "never"), asked
    return when, asked or when == "always"


def _check_times(fields: "dict[str, Any]") -> None:
    limit = fields["step_timeout"]
    if limit is not None and limit <= STEP_TIMEOUT_MARGIN:
        raise UsageError(
            f"--step-timeout: {limit} s leaves no time for a session, which ends {STEP_TIMEOUT_MARGIN} s before"
        )


def _nothing_to_run(shell: str | None) -> str:
    if shell:
        return f"nothing to run: give --shell {shell} a FILE, -c TEXT, or - for its standard input"
    return "nothing to run: give a command, agent run [OPTIONS] -- COMMAND [ARG...]"


def _max_timeout(timeout: int, longest: int | None) -> int:
    if longest is None:
        return max(timeout, DEFAULT_MAX_TIMEOUT)
    if timeout > longest:
        raise UsageError(
            f"--timeout: {timeout} s is above --max-timeout, {longest} s: lower it, or raise that"
        )
    return longest


def _token(named: bool, file: str | None, environment: dict[str, str]) -> str | None:
    """Take the token: from the file that an option `named`, the variable, or the file that a variable names."""
    direct = environment.get("HOLDFAST_TOKEN")
    if named or not direct:
        if file is None:
            return None
        source, text = f"token file {file}", _text(f"token file {file}", file)
    else:
        source, text = "HOLDFAST_TOKEN", direct
    try:
        return values.token(text)
    except ValueError as error:
        raise UsageError(f"{source}: {error}") from None


def _authorized_keys(file: str | None) -> str | None:
    if file is None:
        return None
    text = _text(f"authorized keys {file}", file)
    if not any(values.holds_public_key(line) for line in text.splitlines()):
        raise UsageError(f"authorized keys {file}: holds no key: put one public key on each line")
    return text


def check_exposure(fields: "dict[str, Any]") -> None:
    """Refuse to listen where others come by, with no keys to tell them apart."""
    host = fields["listen"][0]
    if fields["relay"] is None and fields["authorized_keys"] is None and not values.is_loopback(host):
        raise UsageError(f"--listen: {host} can be reached from outside: give --authorized-keys FILE as well")


def contents(what: str, file: str) -> bytes:
    """Read a file of at most `FILE_LIMIT` bytes; UsageError names `what` it is."""
    try:
        with open(file, "rb") as stream:
            data = stream.read(FILE_LIMIT + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(what, error) from None
    if len(data) > FILE_LIMIT:
        raise UsageError(f"{what}: is longer than {FILE_LIMIT} bytes: is it the right file?")
    return data


def _text(what: str, file: str) -> str:
    return contents(what, file).decode("utf-8", "replace")


def _check_readable(what: str, file: str) -> None:
    """Look without opening: a script may be a pipe (`<(...)`), which can be read only once."""
    try:
        if stat.S_ISDIR(os.stat(file).st_mode):
            raise IsADirectoryError(_EISDIR, os.strerror(_EISDIR))
        if not os.access(file, os.R_OK):
            raise PermissionError(_EACCES, os.strerror(_EACCES))
    except (OSError, ValueError) as error:
        raise _unreadable(what, error) from None


def _unreadable(what: str, error: Exception) -> UsageError:
    reason = error.strerror if isinstance(error, OSError) else error
    return UsageError(f"{what}: {reason}: check the name and the rights")
