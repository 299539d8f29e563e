"""The drop-in for tmate, as today's runners call it: its arguments and its configuration file.

A step's own trap starts `agent -f tmate.conf -F` once the step has failed, and waits for its end. Pure: the only
files that are read are those that were named.
"""

import os

from agent import ci, config, values
from agent.config import Config
from agent.errors import UsageError

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from collections.abc import Callable

SUPPORTED = "supported are -F, with -f FILE, and -V: see agent --help"

HOLD_LIMIT = 3600 - 45
"""Seconds: the callers' patience is 3600 s, and GNU timeout's 124 would replace the step's exit code.

30 s before it the hold must be over; the rest is for our start, a slow machine and the ending.
"""

HOME_FILE = ".tmate.conf"
"""In HOME, read where no file is named: so Drone hands it over."""

WARNING_LIMIT = 5
"""Lines of warning about one file: the log is the build's."""
QUOTE_LIMIT = 40
"""Characters that a warning quotes."""

_FLAGS = "h2CdFlquUVv"
_WITH_VALUE = "cfLSknra"
"""tmate's own getopt. Only -f and -a mean something here; what else is harmless in the foreground is let pass."""
_REFUSED = "hcC"
"""Help, a shell's command, control mode: none of them opens a session in the foreground."""

_SETTERS = ("set", "set-option")
_SET_FLAGS = "gqosw"

HOST = "tmate-server-host"
USER = "tmate-user"
KEYS = "tmate-authorized-keys"
_UNUSED = (
    "tmate-server-port",  # of tmate's own ssh
    "tmate-server-rsa-fingerprint",
    "tmate-server-ecdsa-fingerprint",
    "tmate-server-ed25519-fingerprint",  # a relay is known by its certificate
    "tmate-foreground-restart",  # a session outlives its shells anyway
)
"""Known, and with nothing to say to us: no warning."""


class Call:
    """How tmate was called: the `file` of -f, the authorised `keys` of -a, -F (`foreground`), -V (`version`)."""

    __slots__ = ("file", "foreground", "keys", "version")

    def __init__(self, file: str | None, keys: str | None, *, foreground: bool, version: bool) -> None:
        self.file = file
        self.keys = keys
        self.foreground = foreground
        self.version = version

    def __repr__(self) -> str:
        return f"<Call {'-F ' if self.foreground else ''}{'-V ' if self.version else ''}-f {self.file}>"


class Settings:
    """What a tmate.conf says: the `values` of our three options, the `lines` they are on, and `warnings`."""

    __slots__ = ("lines", "values", "warnings")

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.lines: dict[str, int] = {}
        self.warnings: list[str] = []

    def __repr__(self) -> str:
        return f"<Settings {self.values}, {len(self.warnings)} warnings>"


def is_foreground(arguments: list[str]) -> bool:
    """Tell whether -F is asked for, whatever else is: then the exit code must be 0, or it replaces the step's."""
    return any(name == "F" for name, _ in _take_apart(arguments)[0])


def parse(arguments: list[str]) -> Call:
    """Take tmate's arguments apart; UsageError for what is neither the foreground mode nor -V."""
    found, rest, wrong = _take_apart(arguments)
    if wrong:
        raise UsageError(f"{wrong}: {SUPPORTED}")
    given = dict(found)
    call = Call(given.get("f"), given.get("a"), foreground="F" in given, version="V" in given)
    if call.version:
        return call
    refused = next((name for name, _ in found if name in _REFUSED), None)
    if refused or rest or not call.foreground:
        what = (
            f"-{refused}"
            if refused
            else f"tmate's command {_quoted(rest[0])}"
            if rest
            else "tmate without -F"
        )
        raise UsageError(f"{what} is not supported: {SUPPORTED}")
    return call


def read_config(data: bytes, name: str = "tmate.conf") -> Settings:
    """Read what a tmate.conf says, of what is said twice the last.

    Runners append to the file, others keep their tmux settings in it: a line that is not about us costs a
    warning. A line about us that cannot be read raises UsageError, for authorised keys must not get lost.
    """
    settings = Settings()
    for number, line in enumerate(_lines(data, name), 1):
        words, complete = _words(line)
        if not words and complete:
            continue
        place = f"{name} line {number}"
        option, value, wrong = _setting(words, complete=complete)
        if wrong and option in (HOST, USER, KEYS):
            raise UsageError(f"{place}: {option} {wrong}: write it like set -g {option} VALUE")
        if wrong:
            settings.warnings.append(f"{place}: {wrong}: ignored")
        elif option in (HOST, USER, KEYS):
            settings.values[option], settings.lines[option] = value, number
        elif option not in _UNUSED:
            settings.warnings.append(f"{place}: unknown option {_quoted(option)}: ignored")
    more = len(settings.warnings) - WARNING_LIMIT
    if more > 0:
        settings.warnings[WARNING_LIMIT:] = [f"{name}: {more} more lines are ignored"]
    return settings


def configure(arguments: list[str], environment: dict[str, str], warn: "Callable[[str], object]") -> Config:
    """Make the configuration of a foreground call; UsageError in one line, after which nothing may start.

    Our own variables come first for the relay (HOLDFAST_RELAY), as the file can name no URL. `when` is `failure`,
    for the step has failed, or `never` with HOLDFAST_DEBUG=0; there is no command.
    """
    call = parse(arguments)
    given: dict[str, str] = {}
    if not ci.debugging_off(environment):
        given = _given(call, environment, warn)
    fields = config.read_options(given, environment)
    fields.update(shell=None, errexit=False, standby=False, deploy=False, drop_in=True)
    fields["timeout"] = min(fields["timeout"], HOLD_LIMIT)
    fields["max_timeout"] = min(fields["max_timeout"], HOLD_LIMIT)
    fields["debugging_asked"] = not ci.debugging_off(environment)
    fields["when"] = "failure" if fields["debugging_asked"] else "never"
    if fields["debugging_asked"]:
        config.read_files(fields, given, environment)
        if fields["token"] is None:
            if environment.get("HOLDFAST_RELAY"):
                warn("HOLDFAST_RELAY is not used without a token: give HOLDFAST_TOKEN or HOLDFAST_TOKEN_FILE")
            fields["relay"] = None
            config.check_exposure(fields)
    return config.make(fields, environment, None, ())


def _given(call: Call, environment: dict[str, str], warn: "Callable[[str], object]") -> dict[str, str]:
    """Return the options of `agent run` that this call and its file stand for."""
    name, data = _file(call, environment)
    settings = read_config(data, name)
    for line in settings.warnings:
        warn(line)
    said = settings.values
    given = {}
    if said.get(HOST) and not environment.get("HOLDFAST_RELAY"):
        given["--relay"] = f"wss://{said[HOST]}"
    if said.get(USER):
        given["--account"] = said[USER]
    for option, text in given.items():
        parser = values.relay_url if option == "--relay" else values.label
        key = HOST if option == "--relay" else USER
        try:
            parser(text)
        except ValueError as error:
            raise UsageError(f"{name} line {settings.lines[key]}: {key}: {error}") from None
    keys = call.keys or said.get(KEYS)
    if keys:
        given["--authorized-keys"] = _expanded(keys, environment)
    return given


def _file(call: Call, environment: dict[str, str]) -> tuple[str, bytes]:
    """Return the configuration's name and contents: the named file, else the one in HOME if there is one."""
    if call.file is not None:
        return call.file, config.contents(f"tmate's configuration {call.file}", call.file)
    home = environment.get("HOME")
    path = os.path.join(home, HOME_FILE) if home else None
    if path is None or not os.path.exists(path):
        return HOME_FILE, b""
    return path, config.contents(f"tmate's configuration {path}", path)


def _expanded(path: str, environment: dict[str, str]) -> str:
    """Put HOME in its places, as the shells of today's traps would."""
    for sign in ("~", "$HOME", "${HOME}"):
        if path == sign or path.startswith(f"{sign}/"):
            home = environment.get("HOME")
            if not home:
                raise UsageError(f"{KEYS}: {path} is in HOME, which is not set: name the whole path")
            return home + path.removeprefix(sign)
    return path


def _take_apart(arguments: list[str]) -> tuple[list[tuple[str, str]], list[str], str]:
    """Return the options with their values, the words after them, and what is wrong, as getopt(3) has it."""
    found: list[tuple[str, str]] = []
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in _FLAGS:
                found.append((letter, ""))
            elif letter not in _WITH_VALUE:
                return found, rest, f"unknown option {_quoted(word)}"
            elif letters or rest:
                found.append((letter, letters or rest.pop(0)))
                letters = ""
            else:
                return found, rest, f"-{letter} needs a value"
    return found, rest, ""


def _lines(data: bytes, name: str) -> list[str]:
    """Decode a file of whatever made it: UTF-8 or UTF-16, by its BOM or, without one, by its zero bytes."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    elif data[1::2].count(0) * 2 > len(data) // 2:
        text = data.decode("utf-16-le", "replace")
    else:
        text = data.decode("utf-8", "replace")
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if any(letter < " " and letter not in "\t\f\v" for letter in line):
            raise UsageError(f"{name} line {number}: this is not text: is it the right file?")
    return lines


def _words(line: str) -> tuple[list[str], bool]:
    """Split as tmux does: blanks, quotes, a comment; and tell whether every quote was closed."""
    words: list[str] = []
    word: str | None = None
    quote = ""
    escaped = False
    for letter in line:
        if escaped:
            word, escaped = (word or "") + letter, False
        elif letter == "\\" and quote != "'":
            escaped = True
        elif quote:
            if letter == quote:
                quote = ""
            else:
                word = (word or "") + letter
        elif letter in "'\"":
            word, quote = word or "", letter
        elif letter.isspace():
            words += [] if word is None else [word]
            word = None
        elif letter == "#" and word is None:
            return words, True
        else:
            word = (word or "") + letter
    return (words if word is None else [*words, word]), not quote


def _setting(words: list[str], *, complete: bool) -> tuple[str, str, str]:
    """Return the option that a line sets, the value, and what is wrong with the line."""
    if not words or words[0] not in _SETTERS:
        return "", "", f"{_quoted(words[0] if words else '')} is no set command"
    rest = words[1:]
    while rest and rest[0].startswith("-"):
        flags = rest.pop(0)[1:]
        if not flags or flags.strip(_SET_FLAGS):
            option = next((word for word in rest if word.startswith("tmate-")), "")
            return option, "", f"has the flag {_quoted(f'-{flags}')}"
    option = rest[0].strip() if rest else ""
    if not complete:
        return option, "", "has a quote that is not closed"
    if len(rest) != 2:
        return option, "", "has no value" if len(rest) < 2 else "has more than one value"
    return option, rest[1].strip(), ""


def _quoted(text: str) -> str:
    return repr(text if len(text) <= QUOTE_LIMIT else f"{text[:QUOTE_LIMIT]}…")
