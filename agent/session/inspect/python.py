"""Questions to a failed Python program: lines that its hook evaluates."""

import os
from functools import cache

from agent.session.inspect.place import Place


def state(place: Place) -> str:  # noqa: ARG001  (the hook knows its descriptors)
    """Ask for the state record."""
    return f"exec({_inside()}); state(write)"


def prompt(place: Place, pty: str) -> str:  # noqa: ARG001
    """Ask for pdb at the failure, on the PTY of that name; `left=` follows."""
    return f"exec({_inside()}); prompt(hook, failure, write, {pty!a})"


@cache
def _inside() -> str:
    """Return the text of the functions as an expression, on one line."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inside_python.py")
    with open(path, encoding="utf-8") as file:
        return ascii(file.read())
