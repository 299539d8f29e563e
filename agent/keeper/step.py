"""The step: which program it is, and how a process becomes it."""

import errno
import os

from agent.config import Config

NOT_FOUND = 127
NOT_EXECUTABLE = 126
"""What a shell gives back for such a command (POSIX, XCU 2.8.2)."""

_FALLBACK_SHELL = "/bin/sh"
"""Runs a file that is executable and in no format the kernel knows, as execvp(3) has it."""
_ABSENT = (errno.ENOENT, errno.ENOTDIR)


def argv(config: Config) -> tuple[str, ...]:
    """Return the step's argument vector."""
    if config.shell is None:
        return config.command
    if config.text is None:
        return (config.shell, *config.command)
    return (config.shell, "-c", config.text, *config.command)


def become(words: tuple[str, ...], environment: dict[str, str]) -> int:
    """Replace this process by the command; returns 126 or 127 only if that fails, after a line about it."""
    reason: OSError | None = None
    for path in candidates(words[0], environment):
        error = _execute(path, words, environment)
        if error.errno not in _ABSENT:
            reason = error
        if error.errno not in (*_ABSENT, errno.EACCES):
            break
    if reason is None:
        return _give_up(
            words[0], "No such file or directory" if "/" in words[0] else "command not found", NOT_FOUND
        )
    return _give_up(words[0], reason.strerror, NOT_EXECUTABLE)


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
