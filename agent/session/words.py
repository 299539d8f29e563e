"""The single lines that a session says, in the log and to its viewers: pure text. The section has a file of its own."""

from agent.session.asleep import StepState
from agent.session.section import duration, outcome


def presence(logins: int) -> str:
    """Return who is there."""
    return f"{logins} login{'' if logins == 1 else 's'}" if logins else "nobody is logged in"


def heartbeat(logins: int, left: float) -> str:
    """Return the line that keeps a no-output watchdog quiet; `left` in seconds."""
    return f"the session is open: {presence(logins)}; it ends in {duration(left)}"


def step_passed(logins: int, left: float) -> str:
    """Return what is said to those who are in while the step passes."""
    return (
        f"the step passed; the session stays open for {presence(logins)},"
        f" until the last one leaves, at most for {duration(left)}"
    )


def end(seconds: float, reason: str, detail: str, result: str) -> str:
    """Return why a session is over after so many seconds, and what comes of the step."""
    why = f"{reason} ({detail})" if detail else reason
    return f"the session is over after {duration(seconds)}: {why}; {result}"


def result(step: StepState, verdict: str, *, drop_in: bool, spared: bool) -> str:
    """Return what comes of the step; `verdict` as in `link.py`, `spared`: one that still runs runs on."""
    if step.running:
        return "the step goes on" if spared else "so is the step"
    if drop_in:
        return "the step ends with its own exit code"
    own = outcome(step.status)
    if verdict == "-":
        return f"the step's own verdict: {own}"
    return f"exit code {verdict}, the step's own: {own}"
