"""bash and sh: how they are started, plain and with their hook."""

import os

from agent.keeper.hooks.launch import Launch, Numbers, read_hook
from agent.options import STDIN

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from agent.config import Config

ARGUMENT_LIMIT = 128 * 1024
"""Bytes of one argument, its NUL included (MAX_ARG_STRLEN of the kernel): a text may fit only without a prefix."""

_FLAGS = "aefhmuxBCEHPT"
"""bash's options of one letter that a hook does not disturb; `-v`, `-i`, `-l`, `-p`, `-r` and others it would."""
_WORDS = ("--noprofile", "--norc")
_NOT_SET_OPTIONS = ("posix", "verbose", "privileged")
"""Those of `-o` that are like them."""

_EXPANDED = '$`"\\'
"""What bash would expand in the value of BASH_ENV: such a one is left alone, and the step runs without a hook."""


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


def arm_sh(config: "Config", numbers: Numbers) -> Launch:
    """Return how sh is started with its hook read in front of the text, on its first line.

    A text that would be too long so, and one on standard input, are started plain.
    """
    launch = plain(config)
    hook = f". /proc/self/fd/{numbers.text}"
    if config.text is not None:
        text, arguments = f"{hook} $LINENO;{config.text}", config.command
    elif config.command[0] != STDIN:
        file, *rest = config.command
        # `.` looks for a name without a slash in PATH, where sh itself takes the file of the working directory.
        text, arguments = f'{hook} 1;. "$0"', (file if "/" in file else f"./{file}", *rest)
    else:
        return launch
    if len(os.fsencode(text)) >= ARGUMENT_LIMIT:
        return launch
    start = launch.argv[:2] if config.errexit else launch.argv[:1]
    words = (*start, "-c", text, *arguments)
    return Launch(words, config.environment, armed=True, hook=read_hook("hook_sh.sh", numbers).encode())


def arm_bash(config: "Config", numbers: Numbers) -> Launch:
    """Return how a script for bash is started with its hook."""
    return arm_bash_command(plain(config), numbers)


def arm_bash_command(launch: Launch, numbers: Numbers) -> Launch:
    """Return a command line that is bash's, with its hook in BASH_ENV: nothing in the line itself changes."""
    own = launch.environment.get("BASH_ENV")
    if not reads_bash_env(launch.argv) or (own and any(sign in own for sign in _EXPANDED)):
        return launch
    hook = read_hook("hook_bash.sh", numbers).replace("@BASH_ENV@", _restored(own))
    environment = {**launch.environment, "BASH_ENV": f"/proc/self/fd/{numbers.text}"}
    return Launch(launch.argv, environment, armed=True, hook=os.fsencode(hook))


def is_bash(name: str) -> bool:
    """Tell whether a command's name is bash's; called by another it would hand BASH_ENV to the first bash within."""
    return os.path.basename(name) == "bash"


def reads_bash_env(argv: tuple[str, ...]) -> bool:
    """Tell whether this command line of bash reads BASH_ENV, and runs a script by options that a hook can bear."""
    words = iter(argv[1:])
    for word in words:
        if word in _WORDS:
            continue
        if word[:1] not in ("-", "+") or word == STDIN:
            return True
        if word == "--":
            return True
        flags = word[1:]
        if flags.endswith("o") and set(flags[:-1]) <= set(_FLAGS):
            if next(words, "posix") in _NOT_SET_OPTIONS:
                return False
        elif not flags or not set(flags) <= set(_FLAGS + "cs"):
            return False
        elif "c" in flags:
            return True
    return True


def _restored(own: str | None) -> str:
    """Return the lines that make BASH_ENV what it was, and do with it what bash would have done."""
    if own is None:
        return "unset BASH_ENV"
    quoted = own.replace("'", "'\\''")
    return f'BASH_ENV=\'{quoted}\'; if [ -r "$BASH_ENV" ] && [ ! -d "$BASH_ENV" ]; then . "$BASH_ENV"; fi'
