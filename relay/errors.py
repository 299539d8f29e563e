"""What can go wrong in the relay.

RelayError
├── UsageError          the command line or the configuration is wrong: one line, exit 2
├── StartFailed         an address, a key or the database cannot be used: one line, exit 1
├── AccountError        no such account, user or token, or it exists already: one line, exit 1
├── StoreFailed         the database does not answer, or not as it should
├── SessionGone         no stream to the agent of a session can be opened now
├── BridgeFailed        the agent did not take a login
└── RequestFailed       a running relay did not do what a command asked of it: one line, exit 1
"""


class RelayError(Exception):
    """The base of all errors of this package; its text is one line for the person who runs the relay."""


class UsageError(RelayError):
    """The command line, the environment or the configuration file asks for something that does not exist."""


class StartFailed(RelayError):
    """The relay cannot start as it is configured."""


class AccountError(RelayError):
    """An account, a user or a token does not exist, or exists already, or may not do what was asked."""


class StoreFailed(RelayError):
    """The database does not answer, or not as it should."""


class SessionGone(RelayError):
    """The agent of a session cannot be reached from here, or takes no more logins."""


class BridgeFailed(RelayError):
    """The agent's side of a login could not be opened."""


class RequestFailed(RelayError):
    """A running relay cannot be reached, refuses a request, or could not do what was asked."""
