"""The options of `agent run`: one table, from which parsing and help are made.

No argparse: it costs 10 ms and 2 MiB, and a keeper starts with every step.
"""

from agent import values
from agent.errors import UsageError

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

USAGE = """\
usage: agent run [OPTIONS] -- COMMAND [ARG...]
       agent run [OPTIONS] --shell bash|sh|python|pwsh (-c TEXT | FILE | -) [ARG...]
"""

_HELP_COLUMN = 31


class Option:
    """One row of the table.

    A row without a `metavar` is a switch, which takes no value. `variables` are those of the environment, the
    weightiest first; `parse` raises ValueError with the way out; a `default` of None means that nothing is
    the default.
    """

    __slots__ = ("default", "help", "metavar", "name", "parse", "variables")

    def __init__(
        self,
        name: str,
        metavar: str,
        parse: "Callable[[str], object]",
        text: str,
        *,
        default: str | None = None,
        variables: tuple[str, ...] | None = None,
    ) -> None:
        self.name = name
        self.metavar = metavar
        self.parse = parse
        self.help = text
        self.default = default
        self.variables = (f"HOLDFAST_{self.field.upper()}",) if variables is None else variables

    def __repr__(self) -> str:
        return f"<Option {self.name} {self.metavar}>"

    @property
    def field(self) -> str:
        """The name under which its value is kept."""
        return self.name.removeprefix("--").replace("-", "_")

    def read(self, given: dict[str, str], environment: dict[str, str]) -> object:
        """Return the value: option, environment, default; UsageError names where a bad one came from.

        A variable that is empty counts as not set: so CI systems pass what they do not have.
        """
        sources = [(self.name, given.get(self.name))]
        sources += [(name, environment.get(name) or None) for name in self.variables]
        sources += [(self.name, self.default)]
        for source, text in sources:
            if text is not None:
                try:
                    return self.parse(text)
                except ValueError as error:
                    raise UsageError(f"{source}: {error}") from None
        return None


OPTIONS = (
    Option("--relay", "URL", values.relay_url, "dial this relay; without: listen here"),
    Option("--token-file", "FILE", values.path, "holds the token for the relay; or HOLDFAST_TOKEN itself"),
    Option("--ca-file", "FILE", values.path, "certificate authorities to trust, in PEM"),
    Option("--listen", "HOST:PORT", values.address, "without a relay: where", default="127.0.0.1:0"),
    Option(
        "--when",
        "failure|always|never|debug",
        values.when,
        "hold what; debug: a failed step, if the CI asks for it",
        default="failure",
    ),
    Option("--standby", "", values.switch, "let the relay open a session while the step runs"),
    Option("--deploy", "", values.switch, "skip the step if debugging was asked for in this build"),
    Option("--timeout", "DURATION", values.duration, "hold for at most so long", default="1h"),
    Option("--max-timeout", "DURATION", values.duration, "the longest --timeout allowed (4h, or --timeout)"),
    Option("--step-timeout", "DURATION", values.duration, "the runner's limit: let go 15 s before it"),
    Option("--first-login", "DURATION", values.duration, "let go if nobody has logged in for so long"),
    Option("--idle", "DURATION", values.duration, "let go if nobody looks and nothing runs for so long"),
    Option("--linger", "DURATION", values.duration, "hold a step that passed for so long", default="30m"),
    Option("--connect-timeout", "DURATION", values.duration, "wait for the relay's welcome", default="2m"),
    Option("--heartbeat", "DURATION", values.duration, "time between log lines in a hold", default="4m"),
    Option("--authorized-keys", "FILE", values.path, "without a relay: only these public keys log in"),
    Option("--account", "NAME", values.label, "label: the account"),
    Option("--build", "ID", values.label, "label: the build"),
    Option("--step", "NAME", values.label, "label: the step"),
    Option("--node", "I/N", values.label, "label: which of the parallel containers"),
    Option("--url", "URL", values.label, "label: where the build is shown"),
    Option(
        "--shell",
        "bash|sh|python|pwsh",
        values.shell,
        "runs -c TEXT, or FILE, or - (its input)",
        variables=(),
    ),
    Option(
        "--errexit",
        "",
        values.switch,
        "stop at the first error: set -e, $ErrorActionPreference",
        variables=(),
    ),
)

STDIN = "-"
"""In place of a script's file: its text is on standard input."""

_BY_NAME = {option.name: option for option in OPTIONS}


class Line:
    """A command line taken apart: the options as written, the text of `-c`, and what follows."""

    __slots__ = ("command", "given", "text")

    def __init__(self, given: dict[str, str], text: str | None, command: tuple[str, ...]) -> None:
        self.given = given
        self.text = text
        self.command = command

    def __repr__(self) -> str:
        return (
            f"<Line {' '.join(self.given)} {'-c' if self.text is not None else ''} {len(self.command)} words>"
        )


def take_apart(arguments: list[str]) -> Line:
    """Tell options from what is to be run; UsageError for an unknown one or a value that is missing."""
    given: dict[str, str] = {}
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != STDIN:
        word = rest.pop(0)
        if word == "--":
            break
        if word == "-c":
            if "--shell" not in given:
                raise UsageError("-c needs a shell before it: agent run --shell bash -c TEXT")
            return Line(given, _following(word, rest), tuple(rest))
        name, equals, value = word.partition("=")
        if name not in _BY_NAME:
            raise UsageError(f"unknown option {name}{nearest(name, _BY_NAME)}: see agent run --help")
        if not _BY_NAME[name].metavar:
            given[name] = value if equals else "1"
        else:
            given[name] = value if equals else _following(name, rest)
    return Line(given, None, tuple(rest))


def describe() -> str:
    """Return the help of `agent run`: usage and the table."""
    rows = [USAGE, "options, and their variables in the environment:"]
    for option in OPTIONS:
        head = f"  {option.name} {option.metavar}".rstrip()
        default = f" ({option.default})" if option.default else ""
        if len(head) < _HELP_COLUMN:
            rows.append(f"{head:<{_HELP_COLUMN}}{option.help}{default}")
        else:
            rows += [head, f"{'':{_HELP_COLUMN}}{option.help}{default}"]
        if option.variables:
            rows.append(f"{'':{_HELP_COLUMN}}{', '.join(option.variables)}")
    rows.append("""
A duration is written like 90s, 15m or 1h30m. HOLDFAST_DEBUG=0 or =false means --when never.
The exit code is the step's own, unless a user ended the hold by `agent resume --pass` or `--fail`.""")
    return "\n".join(rows) + "\n"


def nearest(word: str, words: "Iterable[str]") -> str:
    """Return `, did you mean …?` for a misspelt word, or nothing."""
    import difflib  # noqa: PLC0415  (4 ms, and only where a word is wrong)

    close = difflib.get_close_matches(word, list(words), n=1)
    return f", did you mean {close[0]}?" if close else ""


def _following(name: str, rest: list[str]) -> str:
    if not rest:
        raise UsageError(f"{name} needs a value: see agent run --help")
    return rest.pop(0)
