"""Whether a step that deploys is skipped: what somebody is still looking into must not go out."""

import os
import select

from agent.keeper import signals
from agent.output import say

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from typing import NoReturn

    from agent.config import Config

ANSWER_MS = 15_000
"""For the relay's whole answer, names and TLS included: a deployment waits no longer for it."""

_NO, _YES, _UNKNOWN = 0, 1, 2


def reason_to_skip(config: "Config") -> str | None:
    """Return the log line of a step that is skipped, or None where it runs.

    Plain `--when failure` is no reason: it stands in a pipeline for ever.
    """
    if not (config.deploy and (config.debugging_asked or _relay_says_so(config))):
        return None
    what = f"step {config.step!r} deploys" if config.step else "this step deploys"
    return f"{what}, and debugging was asked for in this build: skipped"


def _relay_says_so(config: "Config") -> bool:
    """Ask the relay, in a process of its own: what that needs is heavy, and may hang."""
    if not (config.relay and config.token and config.build):
        return False
    try:
        pid = os.fork()
    except OSError:
        return False
    if pid == 0:
        _ask(config.relay, config.token, config.ca_file, config.build)
    descriptor = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(ANSWER_MS):
        say("relay: no answer whether this build is debugged; the step runs")
        os.kill(pid, 9)
    os.close(descriptor)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == _YES


def _ask(relay: str, token: str, ca_file: str | None, build: str) -> "NoReturn":
    signals.forget_handlers()
    signals.unblock_all()
    answer = _UNKNOWN
    try:
        from agent.debugged import is_debugged  # noqa: PLC0415  (urllib, ssl: in this process alone)

        answer = _YES if is_debugged(relay, token, ca_file, build) else _NO
    except BaseException as error:  # noqa: BLE001  (the last frame of this process: nothing may pass it)
        say(f"relay: cannot say whether this build is debugged ({error}); the step runs")
    os._exit(answer)
