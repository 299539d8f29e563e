"""What runs in a session: for people (`agent status`), and for the idle timer."""

import psutil

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
