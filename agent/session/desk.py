"""What people ask of a session at the control socket, and what it does not allow."""

from collections.abc import Callable
from typing import Any

from agent.config import Config
from agent.session.asleep import StepState
from agent.session.errors import NotAllowed
from agent.session.inspect.interpreter import Interpreter
from agent.session.lifecycle import Lifecycle
from agent.session.section import outcome
from agent.session.server import Host
from agent.session.status import status
from agent.session.workshop import Workshop


class Desk:
    """Answers from what the session is now: `look` returns the step, the seconds left, and the failed interpreter.

    `end` is called with the verdict (`link.py`) and the pid of who wants the end.
    """

    def __init__(
        self,
        session: str,
        config: Config,
        lifecycle: Lifecycle,
        host: Host,
        workshop: Workshop,
        *,
        look: Callable[[], tuple[StepState, float | None, Interpreter | None]],
        end: Callable[[str, int], None],
    ) -> None:
        self._session = session
        self._config = config
        self._lifecycle = lifecycle
        self._host = host
        self._workshop = workshop
        self._look = look
        self._end = end

    def status(self) -> dict[str, Any]:
        """Return what `agent status` shows."""
        step, left, interpreter = self._look()
        return status(
            self._session,
            state=self._lifecycle.state.value,
            step="failed" if step.name == "unknown" else outcome(step.status),
            left=left,
            interpreter=interpreter.standing if interpreter else "",
            host=self._host,
            workshop=self._workshop,
        )

    def resume(self, verdict: int | None, asker: int) -> None:
        """End the session, as the process `asker` wants; NotAllowed where that, or another verdict, cannot be."""
        if not self._lifecycle.is_open:
            ended = self._lifecycle.end is not None
            raise NotAllowed("the session is ending already" if ended else "no session is open yet")
        if verdict is not None and self._config.drop_in:
            raise NotAllowed(
                "the step was started by another program, which keeps its exit code: `agent resume` takes no --pass"
                " and no --fail here"
            )
        if verdict is not None and self._look()[0].running:
            raise NotAllowed(
                "the step still runs, and ends with its own exit code: `agent resume` alone ends the session"
            )
        self._end("-" if verdict is None else str(verdict), asker)

    @property
    def interpreter(self) -> Interpreter:
        """The failed interpreter; NotAllowed where there is none."""
        _, _, interpreter = self._look()
        if interpreter is None:
            raise NotAllowed(
                "no failed interpreter waits here: the step still runs, or ended where its shell could not be kept"
            )
        return interpreter
