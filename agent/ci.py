"""What the CI systems say in the environment of a build: its labels, and whether it is to be debugged."""

from agent.values import LABEL_LIMIT, ON

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

_DEBUGGING_OFF = ("0", "false")

NODE_LIMIT = 4
"""Digits of a number of parallel containers: no CI starts ten thousand for one step."""


class System:
    """One CI: the variable by which it is known, and how its labels are made of its variables.

    A label is the first of its templates whose variables are all set. `node` names the variables of the
    container's number and of how many there are; `first` is the number that this CI gives the first one.
    """

    __slots__ = ("first", "labels", "name", "node", "sign")

    def __init__(
        self,
        name: str,
        sign: str,
        *,
        node: tuple[str, str] | None = None,
        first: int = 1,
        **labels: tuple[str, ...],
    ) -> None:
        self.name = name
        self.sign = sign
        self.node = node
        self.first = first
        self.labels = labels

    def __repr__(self) -> str:
        return f"<System {self.name}>"


# A build's id must be its own within the account, for a session of this build may keep another step of it from
# deploying: where the CI only counts, what it counts in stands before the number.
SYSTEMS = (
    System(
        "Harness",
        "HARNESS_BUILD_ID",
        account=("{HARNESS_ACCOUNT_ID}",),
        build=("{HARNESS_PIPELINE_ID}/{HARNESS_BUILD_ID}", "{HARNESS_BUILD_ID}"),
        step=("{DRONE_STEP_NAME}", "{HARNESS_STEP_ID}", "{HARNESS_STAGE_ID}"),
        url=("{CI_BUILD_LINK}", "{DRONE_BUILD_LINK}"),
        node=("HARNESS_NODE_INDEX", "HARNESS_NODE_TOTAL"),
        first=0,
    ),
    System(
        "GitHub Actions",
        "GITHUB_ACTIONS",
        account=("{GITHUB_REPOSITORY_OWNER}",),
        build=("{GITHUB_RUN_ID}",),
        step=("{GITHUB_JOB}",),
        url=("{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",),
    ),
    System(
        "GitLab CI",
        "GITLAB_CI",
        account=("{CI_PROJECT_ROOT_NAMESPACE}",),
        build=("{CI_PIPELINE_ID}",),
        step=("{CI_JOB_NAME}",),
        url=("{CI_JOB_URL}", "{CI_PIPELINE_URL}"),
        node=("CI_NODE_INDEX", "CI_NODE_TOTAL"),
    ),
    System(
        "CircleCI",
        "CIRCLECI",
        account=("{CIRCLE_PROJECT_USERNAME}",),
        build=("{CIRCLE_WORKFLOW_ID}", "{CIRCLE_PROJECT_REPONAME}/{CIRCLE_BUILD_NUM}"),
        step=("{CIRCLE_JOB}",),
        url=("{CIRCLE_BUILD_URL}",),
        node=("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL"),
        first=0,
    ),
    System(
        "Buildkite",
        "BUILDKITE",
        account=("{BUILDKITE_ORGANIZATION_SLUG}",),
        build=("{BUILDKITE_PIPELINE_SLUG}/{BUILDKITE_BUILD_NUMBER}",),
        step=("{BUILDKITE_LABEL}", "{BUILDKITE_STEP_KEY}"),
        url=("{BUILDKITE_BUILD_URL}#{BUILDKITE_JOB_ID}", "{BUILDKITE_BUILD_URL}"),
        node=("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT"),
        first=0,
    ),
    System(
        "Azure Pipelines",
        "TF_BUILD",
        account=("{SYSTEM_COLLECTIONURI}",),
        build=("{BUILD_BUILDID}",),
        step=("{SYSTEM_TASKDISPLAYNAME}", "{SYSTEM_JOBDISPLAYNAME}"),
        url=("{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",),
        node=("SYSTEM_JOBPOSITIONINPHASE", "SYSTEM_TOTALJOBSINPHASE"),
    ),
    System(
        "Woodpecker",
        "CI_PIPELINE_NUMBER",
        account=("{CI_REPO_OWNER}",),
        build=("{CI_REPO}/{CI_PIPELINE_NUMBER}",),
        step=("{CI_STEP_NAME}",),
        url=("{CI_STEP_URL}", "{CI_PIPELINE_URL}"),
    ),
    System(
        "Drone",
        "DRONE",
        account=("{DRONE_REPO_OWNER}", "{DRONE_REPO_NAMESPACE}"),
        build=("{DRONE_REPO}/{DRONE_BUILD_NUMBER}", "{DRONE_BUILD_NUMBER}"),
        step=("{DRONE_STEP_NAME}",),
        url=("{DRONE_BUILD_LINK}",),
    ),
    System(
        "Jenkins",
        "JENKINS_URL",
        build=("{JOB_NAME}/{BUILD_NUMBER}",),
        step=("{STAGE_NAME}", "{JOB_NAME}"),
        url=("{BUILD_URL}",),
    ),
)
"""Harness stands before Drone, whose variables it sets as well; Jenkins last, for its names are anybody's."""


def debugging_off(environment: "Mapping[str, str]") -> bool:
    """Tell whether HOLDFAST_DEBUG switches all debugging off, which wins over every other word."""
    return environment.get("HOLDFAST_DEBUG", "").lower() in _DEBUGGING_OFF


def debugging_asked(environment: "Mapping[str, str]") -> bool:
    """Tell whether the CI's debug switch is on for this run: `1`, `true` or `yes`, and nothing else."""
    return not debugging_off(environment) and any(
        environment.get(name, "").lower() in ON for name in DEBUG_SWITCHES
    )


def labels(environment: "Mapping[str, str]") -> dict[str, str]:
    """Return what the CI's own variables say: `account`, `build`, `step`, `node` and `url` where known.

    Nothing that a CI puts there may keep a step from starting: what cannot be a label is left out.
    """
    system = next((each for each in SYSTEMS if environment.get(each.sign)), None)
    if system is None:
        return {}
    found = {name: _sound(name, _filled(templates, environment)) for name, templates in system.labels.items()}
    if system.node:
        index, total = (environment.get(name, "") for name in system.node)
        found["node"] = _node(index, total, system.first)
    return {name: value for name, value in found.items() if value}


def _filled(templates: tuple[str, ...], environment: "Mapping[str, str]") -> str:
    known = {name: value for name, value in environment.items() if value}
    for template in templates:
        try:
            return template.format_map(known)
        except KeyError:
            continue
    return ""


def _sound(name: str, value: str) -> str:
    """Make a label of a value: a step's name is prose, and can be mended; a part of an id would be another's."""
    if name == "step":
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in value).split())
        return line[:LABEL_LIMIT]
    if name == "account":  # Azure's is an address; no other has a slash
        value = value.rstrip("/").rpartition("/")[2]
    if name == "url":  # of an Azure project with blanks in its name
        value = value.replace(" ", "%20")
    return value if value.isprintable() and len(value) <= LABEL_LIMIT else ""


def _node(index: str, total: str, first: int) -> str:
    """Return `I/N`, counted from 1; nothing for one that has no others beside it."""
    if not all(text.isascii() and text.isdigit() and len(text) <= NODE_LIMIT for text in (index, total)):
        return ""
    place, count = int(index) - first + 1, int(total)
    return f"{place}/{count}" if 1 <= place <= count and count > 1 else ""
