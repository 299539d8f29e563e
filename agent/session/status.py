"""What `agent status` says."""

from typing import Any

from agent.session.processes import foreground
from agent.session.section import duration
from agent.session.server import Host
from agent.session.workshop import Workshop


def status(
    session: str,
    *,
    state: str,
    step: str,
    left: float | None,
    interpreter: str,
    host: Host,
    workshop: Workshop,
) -> dict[str, Any]:
    """Return it as JSON has it.

    `step` is what became of the step, in words, `left` the seconds until the deadline, None where there is none;
    `interpreter` what the failed one does, empty where none waits.
    """
    return {
        "session": session,
        "state": state,
        "step": step,
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
