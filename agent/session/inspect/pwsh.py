"""Questions to a failed PowerShell."""

from agent.session.inspect.place import Place


def state(place: Place) -> str:  # noqa: ARG001
    """Return the line that has the state written."""
    return ""


def prompt(place: Place, pty: str) -> str:  # noqa: ARG001
    """Return the line that opens a prompt."""
    return ""
