"""What can go wrong in the agent.

AgentError
├── UsageError       the command line or the environment says something that cannot be done
└── KernelError      the kernel refused what the keeper needs
"""


class AgentError(Exception):
    """Base of all errors of this package; its text is one line that a user can act on."""


class UsageError(AgentError):
    """A bad option, value or file: exit 2, before the step starts."""


class KernelError(AgentError):
    """A system call that the keeper cannot do without was refused."""
