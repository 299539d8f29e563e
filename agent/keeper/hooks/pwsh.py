"""PowerShell: how it is started."""

from agent.keeper.hooks.launch import Launch, Numbers

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from agent.config import Config


def plain(config: "Config") -> Launch:
    """Return how a script for pwsh is started."""
    text = "-" if config.text is None else config.text
    return Launch(("pwsh", "-Command", text, *config.command), config.environment)


def arm(config: "Config", numbers: Numbers) -> Launch:  # noqa: ARG001
    """Return the same."""
    return plain(config)
