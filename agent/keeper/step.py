"""The step: which program it is, and how a process becomes it."""

import errno
import os

from agent.config import Config
from agent.keeper.hooks import pwsh, python, shells
from agent.keeper.hooks.launch import Launch, Numbers

NOT_FOUND = 127
NOT_EXECUTABLE = 126
"""What a shell gives back for such a command (POSIX, XCU 2.8.2)."""

_FALLBACK_SHELL = "/bin/sh"
"""Runs a file that is executable and in no format the kernel knows, as execvp(3) has it."""
_ABSENT = (errno.ENOENT, errno.ENOTDIR)


def plain(config: Config) -> Launch:
    """Return how the step is started with nothing of ours in it."""
    match config.shell:
        case None:
            return Launch(config.command, config.environment)
        case "python":
            return python.plain(config)
        case "pwsh":
            return pwsh.plain(config)
    return shells.plain(config)


def arm(config: Config, numbers: Numbers) -> Launch:
    """Return how the step is started with our hook in its interpreter; plain where there is no place for one."""
    match config.shell:
        case None if shells.is_bash(config.command[0]):
            return shells.arm_bash_command(plain(config), numbers)
        case "bash":
            return shells.arm_bash(config, numbers)
        case "sh":
            return shells.arm_sh(config, numbers)
        case "python":
            return python.arm(config, numbers)
        case "pwsh":
            return pwsh.arm(config, numbers)
    return plain(config)


def become(launch: Launch, plain: Launch) -> int:
    """Replace this process by the step; returns 126 or 127 only if that fails, after a line about it.

    What is too long for the kernel only with our hook is started `plain`.
    """
    name, environment = launch.argv[0], launch.environment
    reason: OSError | None = None
    for path in candidates(name, environment):
        error = _execute(path, launch.argv, environment)
        if error.errno == errno.E2BIG and launch.armed:
            return become(plain, plain)
        if error.errno not in _ABSENT:
            reason = error
        if error.errno not in (*_ABSENT, errno.EACCES):
            break
    if reason is None:
        return _give_up(name, "No such file or directory" if "/" in name else "command not found", NOT_FOUND)
    return _give_up(name, reason.strerror, NOT_EXECUTABLE)


def candidates(name: str, environment: dict[str, str]) -> list[str]:
    """Return the paths to try: the name itself if it has a slash, else one for each directory in PATH."""
    if "/" in name:
        return [name]
    folders = environment.get("PATH", os.defpath).split(":") if name else []
    return [f"{folder}/{name}" if folder else name for folder in folders]


def _execute(path: str, words: tuple[str, ...], environment: dict[str, str]) -> OSError:
    try:
        os.execve(path, words, environment)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
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
