"""What runs in a session: for people (`agent status`), for the idle timer, and for a session that ends."""

import contextlib
import os
import signal

import psutil

from agent.session.environment import SESSION

ROUNDS = 10
"""Looks for what users have started: each finds what had just forked in the one before."""

COMMAND_CHARACTERS = 60
"""What fits beside a label on a line of 80."""


def foreground(group: int, shell: int) -> str:
    """Return the command of a terminal's foreground group, or empty where that is the shell itself."""
    if group in (0, shell):
        return ""
    try:
        words = psutil.Process(group).cmdline()
    except psutil.Error:  # it has just ended, or hides
        return ""
    return " ".join(words)[:COMMAND_CHARACTERS]


def runs_anything(shell: int) -> bool:
    """Tell whether a terminal's shell has a job, in the foreground or not."""
    try:
        return bool(psutil.Process(shell).children())
    except psutil.Error:
        return False


def end_users_processes(session: str) -> None:
    """KILL what users have started, in a session that ends while the step runs on.

    Whatever has become of their shells: it has the session's id in its environment.
    """
    for _ in range(ROUNDS):
        found = [process for process in psutil.process_iter() if _is_of(process, session)]
        if not found:
            return
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)


def _is_of(process: psutil.Process, session: str) -> bool:
    try:
        return process.pid != os.getpid() and process.environ().get(SESSION) == session
    except (psutil.Error, OSError):  # another user's, or gone
        return False
