"""What `agent status` says."""

from typing import Any

from agent.session.processes import foreground
from agent.session.section import duration, outcome
from agent.session.server import Host
from agent.session.workshop import Workshop


def status(
    session: str,
    *,
    state: str,
    step: int | None,
    left: float | None,
    interpreter: str,
    host: Host,
    workshop: Workshop,
) -> dict[str, Any]:
    """Return it as JSON has it.

    `step` is the step's status, `left` the seconds until the deadline, both None where there is none;
    `interpreter` what the failed one does, empty where none waits.
    """
    return {
        "session": session,
        "state": state,
        "step": outcome(step),
        "ends_in": "" if left is None else duration(left),
        "interpreter": interpreter,
        "logins": [
            {
                "number": login.number,
                "user": login.guest.user,
                "address": login.guest.address,
                "by": login.guest.kind,
            }
            for login in host.logins.values()
        ],
        "terminals": [
            {
                "viewers": terminal.viewers,
                "foreground": foreground(terminal.foreground_group(), terminal.pid),
            }
            for terminal in workshop.terminals
        ],
    }
