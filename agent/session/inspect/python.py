"""Questions to a failed Python program: lines that its hook evaluates."""

from functools import cache

from agent.launched import read_beside
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
    return ascii(read_beside(__spec__, "inside_python.py").decode())
