"""The step: which program it is, and how a process becomes it."""

import os

from agent.config import Config
from agent.keeper.hooks.launch import Launch, Numbers, candidates

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from typing import Protocol

    class Language(Protocol):
        """One of the files in `hooks/`."""

        def plain(self, config: Config) -> Launch:
            """Return how a script is started without a hook."""

        def arm(self, config: Config, numbers: Numbers) -> Launch:
            """Return how it is started with one, or plain where there is no place for it."""


NOT_FOUND = 127
NOT_EXECUTABLE = 126
"""What a shell gives back for such a command (POSIX, XCU 2.8.2)."""

_FALLBACK_SHELL = "/bin/sh"
"""Runs a file that is executable and in no format the kernel knows, as execvp(3) has it."""

_ENOENT, _E2BIG, _ENOEXEC, _EACCES, _ENOTDIR = 2, 7, 8, 13, 20  # of the module `errno`: see `config`
_ABSENT = (_ENOENT, _ENOTDIR)


def plain(config: Config) -> Launch:
    """Return how the step is started with nothing of ours in it."""
    if config.shell is None:
        return Launch(config.command, config.environment)
    return _language(config.shell).plain(config)


def arm(config: Config, numbers: Numbers) -> Launch:
    """Return how the step is started with our hook in its interpreter; plain where there is no place for one."""
    if config.shell is not None:
        return _language(config.shell).arm(config, numbers)
    launch = plain(config)
    if not is_bash(config.command[0]):
        return launch
    from agent.keeper.hooks import shells  # noqa: PLC0415

    return shells.arm_bash_command(launch, numbers)


def is_bash(name: str) -> bool:
    """Tell whether a command's name is bash's; called by another it would hand BASH_ENV to the first bash within."""
    return os.path.basename(name) == "bash"


def _language(shell: str) -> "Language":
    """Return how this shell is started. Each is loaded only where it is: a passing step pays for one at most."""
    match shell:
        case "python":
            from agent.keeper.hooks import python  # noqa: PLC0415

            return python
        case "pwsh":
            from agent.keeper.hooks import pwsh  # noqa: PLC0415

            return pwsh
    from agent.keeper.hooks import shells  # noqa: PLC0415

    return shells


def become(launch: Launch, plain: Launch) -> int:
    """Replace this process by the step; returns 126 or 127 only if that fails, after a line about it.

    What is too long for the kernel only with our hook is started `plain`.
    """
    name, environment = launch.argv[0], launch.environment
    reason: OSError | None = None
    for path in candidates(name, environment):
        error = _execute(path, launch.argv, environment)
        if error.errno == _E2BIG and launch.armed:
            return become(plain, plain)
        if error.errno not in _ABSENT:
            reason = error
        if error.errno not in (*_ABSENT, _EACCES):
            break
    if reason is None:
        return _give_up(name, "No such file or directory" if "/" in name else "command not found", NOT_FOUND)
    return _give_up(name, reason.strerror, NOT_EXECUTABLE)


def _execute(path: str, words: tuple[str, ...], environment: dict[str, str]) -> OSError:
    try:
        os.execve(path, words, environment)
    except OSError as error:
        if error.errno != _ENOEXEC:
            return error
    try:
        os.execve(_FALLBACK_SHELL, (_FALLBACK_SHELL, path, *words[1:]), environment)
    except OSError as error:
        return error


def _give_up(name: str, reason: str | None, status: int) -> int:
    line = f"agent: {name}: {reason}\n"
    try:
        os.write(2, line.encode("utf-8", "surrogateescape"))
    except OSError:  # a log that is gone does not change the code
        return status
    return status
