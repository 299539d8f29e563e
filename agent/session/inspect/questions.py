"""What a failed interpreter can be asked, whichever it is."""

import os
import resource

from agent.config import Config
from agent.keeper.pipes import Pipes
from agent.session.inspect import pwsh, python, shell
from agent.session.inspect.place import Place

_LANGUAGES = {"bash": shell, "sh": shell, "python": python, "pwsh": pwsh}

BASH = "bash"
"""What a command line without --shell is, if it is armed."""


def ask_state(config: Config, pipes: Pipes, agent: str, pid: int) -> bool:
    """Have the state written by the interpreter `pid`; False if that cannot be asked: then none will come.

    A shell forks for it, and one that cannot would lose its exit code in trying (`--pids-limit`, `ulimit -u`).
    """
    language = config.shell or BASH
    if language in ("bash", "sh") and not _could_fork(pid):
        return False
    try:
        _ask(pipes, _LANGUAGES[language].state(_place(pipes, agent)))
    except OSError:  # it is gone
        return False
    return True


def ask_prompt(config: Config, pipes: Pipes, agent: str, pty: str) -> None:
    """Have a prompt opened on the PTY with this name."""
    _ask(pipes, _LANGUAGES[config.shell or BASH].prompt(_place(pipes, agent), pty))


def _place(pipes: Pipes, agent: str) -> Place:
    assert pipes.numbers
    return Place(pipes.numbers.report, pipes.numbers.answers, agent)


def _ask(pipes: Pipes, line: str) -> None:
    """Write a line. It is shorter than any pipe is, and the one before has been read."""
    os.set_blocking(pipes.answers, False)
    os.write(pipes.answers, os.fsencode(line) + b"\n")


def _could_fork(pid: int) -> bool:
    """Tell whether a process could fork, by trying it in its place: with its limit, which may be lower than ours."""
    ours = resource.getrlimit(resource.RLIMIT_NPROC)
    try:
        lowest = min(resource.prlimit(pid, resource.RLIMIT_NPROC)[0], ours[0], key=_size)
        resource.setrlimit(resource.RLIMIT_NPROC, (lowest, ours[1]))
    except OSError:  # it is gone, or became another user's
        return False
    try:
        child = os.fork()
    except OSError:
        return False
    finally:
        resource.setrlimit(resource.RLIMIT_NPROC, ours)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True


def _size(limit: int) -> float:
    return float("inf") if limit == resource.RLIM_INFINITY else limit
