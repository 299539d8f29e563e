"""bash and sh: how they are started, plain and with their hook."""

import os
import stat

from agent.keeper.hooks.launch import Launch, Numbers, fill_in, find
from agent.launched import read_beside
from agent.options import STDIN

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.config import Config

ARGUMENT_LIMIT = 128 * 1024
"""Bytes of one argument, its NUL included (MAX_ARG_STRLEN of the kernel): a text may fit only without a prefix."""

_FLAGS = "aefhmuxBCEHPT"
"""bash's options of one letter that a hook does not disturb; `-v`, `-i`, `-l`, `-p`, `-r` and others it would."""
_WORDS = ("--noprofile", "--norc")
_NOT_SET_OPTIONS = ("posix", "verbose", "privileged")
"""Those of `-o` that are like them."""

_HIDE = '__holdfast_at=("$_")'
_SHOW = 'builtin : "$__holdfast_at"'
"""How bash's hook begins and ends: `$_` is the step's own."""
_HIDE_TRACED = '{ __holdfast_at=("$_" "$-"); builtin set +x; } 2>/dev/null'
_SHOW_TRACED = (
    '{ case ${__holdfast_at[1]} in *x*) builtin set -x;; esac; builtin : "$__holdfast_at"; } 2>/dev/null'
)
"""The same under `-x`, which nothing of it may show; it takes 30 us."""

_EXPANDED = ("`", '"', "\\", "$(", "${", "$[")
"""What would be hard to expand as bash does in the value of BASH_ENV: then the step runs without a hook."""


def plain(config: "Config") -> Launch:
    """Return how a script for sh or bash is started without a hook."""
    assert config.shell
    start = (config.shell, "-e") if config.errexit else (config.shell,)
    if config.text is not None:
        return Launch((*start, "-c", config.text, *config.command), config.environment)
    if config.command[0] != STDIN:
        return Launch((*start, *config.command), config.environment)
    arguments = config.command[1:]
    return Launch((*start, "-s", "--", *arguments) if arguments else start, config.environment)


def arm(config: "Config", numbers: Numbers) -> Launch:
    """Return how a script for bash or sh is started with its hook."""
    return arm_bash_command(plain(config), numbers) if config.shell == "bash" else arm_sh(config, numbers)


def arm_sh(config: "Config", numbers: Numbers) -> Launch:
    """Return how sh is started with its hook read in front of the text, on its first line.

    Started plain are a text that would be too long so, one on standard input, and the file of a bash called as sh,
    which in a sourced file gives other exit codes (127 after an error that ends it).
    """
    launch = plain(config)
    if "SHELLOPTS" in config.environment:  # it might have bash, called as sh, show the hook's first line
        return launch
    first, text = "$LINENO", config.text
    if text is None:
        file = config.command[0]
        program = os.path.basename(os.path.realpath(find(launch) or ""))
        if file == STDIN or program == "bash":
            return launch
        if program == "dash":  # which would name a sourced file twice in its messages
            text = _content(file)
        if text is None:
            # `.` looks for a name without a slash in PATH, where sh itself takes the file of the working directory.
            first, text = "1", '. "$0"' if "/" in file else '. "./$0"'
    text = f". /proc/self/fd/{numbers.text} {first};{text}"
    if len(os.fsencode(text)) >= ARGUMENT_LIMIT:
        return launch
    start = launch.argv[:2] if config.errexit else launch.argv[:1]
    words = (*start, "-c", text, *config.command)
    hook = fill_in(text_of("hook_sh.sh"), numbers).encode()
    return Launch(
        words, config.environment, armed=True, hook=hook, failed=failed("hook_sh_failed.sh", numbers)
    )


def arm_bash_command(launch: Launch, numbers: Numbers) -> Launch:
    """Return a command line that is bash's, with its hook in BASH_ENV: nothing in the line itself changes."""
    own = launch.environment.get("BASH_ENV")
    line = understand(launch.argv, launch.environment)
    if not line.bears_hook or (own and any(sign in own for sign in _EXPANDED)):
        return launch
    if line.reads_input and os.isatty(0) and os.isatty(2):  # it is interactive
        return launch
    hook = fill_in(bash_hook(own, traced=line.traces), numbers)
    environment = {**launch.environment, "BASH_ENV": f"/proc/self/fd/{numbers.text}"}
    return Launch(
        launch.argv,
        environment,
        armed=True,
        hook=os.fsencode(hook),
        failed=failed("hook_bash_failed.sh", numbers),
    )


class BashLine:
    """What a command line of bash says of how it starts.

    `bears_hook`: it reads BASH_ENV, and runs a script by options that a hook can bear; only then the rest is known.
    `reads_input`: its script is on standard input. `traces`: it may show commands from the start on.
    """

    __slots__ = ("bears_hook", "reads_input", "traces")

    def __init__(self, *, bears_hook: bool, reads_input: bool = False, traces: bool = False) -> None:
        self.bears_hook = bears_hook
        self.reads_input = reads_input
        self.traces = traces


def understand(argv: tuple[str, ...], environment: "Mapping[str, str]") -> BashLine:
    """Read a command line of bash as bash does: to its first word that is no option."""
    unbearable = BashLine(bears_hook=False)
    if "POSIXLY_CORRECT" in environment or "POSIX_PEDANTIC" in environment:
        return unbearable
    if not set(environment.get("SHELLOPTS", "").split(":")).isdisjoint(_NOT_SET_OPTIONS):
        return unbearable
    traces, letters, script = "SHELLOPTS" in environment, set[str](), None
    words = iter(argv[1:])
    for word in words:
        if word in _WORDS:
            continue
        if word in (STDIN, "--") or word[:1] not in ("-", "+"):
            script = next(words, None) if word in (STDIN, "--") else word
            break
        flags = set(word[1:-1] if word.endswith("o") else word[1:])
        option = next(words, "posix") if word.endswith("o") else None
        if not flags <= set(_FLAGS + "cs") or option in _NOT_SET_OPTIONS or not word[1:]:
            return unbearable
        traces = traces or "x" in flags or option == "xtrace"
        letters |= flags
    reads_input = "c" not in letters and ("s" in letters or script is None)
    return BashLine(bears_hook=True, reads_input=reads_input, traces=traces)


def bash_hook(own: str | None, *, traced: bool) -> str:
    """Return bash's hook, still without the descriptors' numbers: `own` is a BASH_ENV that the step has itself."""
    text = text_of("hook_bash.sh")
    if traced:
        text = text.replace("@HIDE@", _HIDE_TRACED).replace("@SHOW@", _SHOW_TRACED)
    text = text.replace("@HIDE@", _HIDE).replace("@SHOW@", _SHOW)
    return text.replace("@RESTORE@", _restored(own)).replace("@BASH_ENV@", _sourced(own))


def text_of(name: str) -> str:
    """Return the text of a hook's file in this folder, without what is there for its reader: shells are slow ones."""
    lines = read_beside(__spec__, name).decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.lstrip().startswith("#"))


def failed(name: str, numbers: Numbers) -> bytes:
    """Return what a hook finds on `@ANSWERS@` once the step has failed."""
    return fill_in(failed_line(name), numbers).encode()


def failed_line(name: str) -> str:
    """Return what a hook evaluates after a failure, as it reads it: one line, still without the numbers."""
    lines = text_of(name).replace("\\\n", "\n").splitlines()
    return " ".join(line.strip() for line in lines) + "\n"


def _content(name: str) -> str | None:
    """Return the text of a script's file; None where it cannot be an argument, or not be read twice (a pipe)."""
    try:
        if name == STDIN or not stat.S_ISREG(os.stat(name).st_mode):
            return None
        with open(name, "rb") as file:
            content = file.read(ARGUMENT_LIMIT)
    except OSError:  # the shell's own words tell it
        return None
    return None if b"\0" in content else os.fsdecode(content)


def _restored(own: str | None) -> str:
    """Return the line that makes BASH_ENV what it was."""
    if own is None:
        return "builtin unset BASH_ENV"
    quoted = own.replace("'", "'\\''")
    return f"BASH_ENV='{quoted}'"


def _sourced(own: str | None) -> str:
    """Return the line that does what bash would have done with a BASH_ENV of the step's own."""
    if not own:
        return ""
    return f'if {{ [ -r "{own}" ] && [ ! -d "{own}" ]; }} 2>/dev/null; then . "{own}"; fi'
