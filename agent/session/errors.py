"""What can go wrong in a session.

SessionError
├── LifecycleError       we misused the table of `lifecycle.py`
├── RelayError           the relay cannot be used
│   └── RelayRefused     … and trying again cannot help
├── NoShell              no shell can be started here
├── NoPrompt             the failed interpreter cannot be looked into
└── NotAllowed           what was asked for cannot be done in this session
"""


class SessionError(Exception):
    """The base of all that a session raises by itself."""


class LifecycleError(SessionError):
    """An event came that its state does not allow."""


class RelayError(SessionError):
    """The relay cannot be used now; the text says why and what to do."""


class RelayRefused(RelayError):
    """The relay cannot be used, and trying again will not change that."""


class NoShell(SessionError):
    """There is no shell in this container, or no process can be started."""


class NoPrompt(SessionError):
    """The failed interpreter cannot be looked into; the text says why."""


class NotAllowed(SessionError):
    """What was asked for at the control socket cannot be done now; the text says why."""
