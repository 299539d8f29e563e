"""What the CI systems say about a build: their own variables as they set them."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import ci
from agent.values import label

HARNESS = {
    "CI": "true",
    "DRONE": "true",
    "HARNESS_ACCOUNT_ID": "kmpySmUISimoRrJL6NL73w",
    "HARNESS_PIPELINE_ID": "build_and_test",
    "HARNESS_BUILD_ID": "73",
    "HARNESS_EXECUTION_ID": "RtNn3v1ISbmBRZXvQ0bT5g",
    "HARNESS_STAGE_ID": "build",
    "HARNESS_NODE_INDEX": "0",
    "HARNESS_NODE_TOTAL": "4",
    "DRONE_BUILD_NUMBER": "73",
    "DRONE_REPO_OWNER": "octocat",
    "DRONE_STEP_NAME": "Run pytest",
    "CI_BUILD_LINK": "https://app.harness.io/ng/account/kmpy/executions/RtNn3v1ISbmBRZXvQ0bT5g",
}
GITHUB = {
    "CI": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "octocat/hello-world",
    "GITHUB_REPOSITORY_OWNER": "octocat",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_RUN_ID": "1658821493",
    "GITHUB_RUN_NUMBER": "3",
    "GITHUB_JOB": "unit-tests",
    "GITHUB_ACTION": "__run_2",
}
GITLAB = {
    "CI": "true",
    "GITLAB_CI": "true",
    "CI_PROJECT_ROOT_NAMESPACE": "acme",
    "CI_PIPELINE_ID": "1000123",
    "CI_PIPELINE_IID": "12",
    "CI_JOB_ID": "5000123",
    "CI_JOB_NAME": "rspec 3/7",
    "CI_JOB_URL": "https://gitlab.example.com/acme/web/-/jobs/5000123",
    "CI_NODE_INDEX": "3",
    "CI_NODE_TOTAL": "7",
}
CIRCLE = {
    "CI": "true",
    "CIRCLECI": "true",
    "CIRCLE_PROJECT_USERNAME": "acme",
    "CIRCLE_PROJECT_REPONAME": "web",
    "CIRCLE_BUILD_NUM": "4711",
    "CIRCLE_WORKFLOW_ID": "ad2c8bd8-2a73-4f4a-9d2c-0a6f4e0c1f11",
    "CIRCLE_JOB": "test",
    "CIRCLE_BUILD_URL": "https://circleci.com/gh/acme/web/4711",
    "CIRCLE_NODE_INDEX": "1",
    "CIRCLE_NODE_TOTAL": "2",
}
BUILDKITE = {
    "CI": "true",
    "BUILDKITE": "true",
    "BUILDKITE_ORGANIZATION_SLUG": "acme",
    "BUILDKITE_PIPELINE_SLUG": "web",
    "BUILDKITE_BUILD_NUMBER": "1514",
    "BUILDKITE_BUILD_URL": "https://buildkite.com/acme/web/builds/1514",
    "BUILDKITE_JOB_ID": "e44f9784-e20e-4b93-a21d-f41fd5869db9",
    "BUILDKITE_LABEL": ":hammer: Tests",
    "BUILDKITE_PARALLEL_JOB": "0",
    "BUILDKITE_PARALLEL_JOB_COUNT": "5",
}
AZURE = {
    "TF_BUILD": "True",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/fabrikamfiber/",
    "SYSTEM_TEAMPROJECT": "Web Shop",
    "BUILD_BUILDID": "2018",
    "BUILD_BUILDNUMBER": "20260308.1",
    "SYSTEM_TASKDISPLAYNAME": "Run the tests",
    "SYSTEM_JOBDISPLAYNAME": "Job",
    "SYSTEM_JOBPOSITIONINPHASE": "2",
    "SYSTEM_TOTALJOBSINPHASE": "2",
}
WOODPECKER = {
    "CI": "woodpecker",
    "CI_REPO": "john-doe/my-repo",
    "CI_REPO_OWNER": "john-doe",
    "CI_PIPELINE_NUMBER": "8",
    "CI_STEP_NAME": "build package",
    "CI_PIPELINE_URL": "https://ci.example.com/repos/7/pipeline/8",
    "CI_STEP_URL": "https://ci.example.com/repos/7/pipeline/8/3",
}
DRONE = {
    "CI": "true",
    "DRONE": "true",
    "DRONE_REPO": "octocat/hello-world",
    "DRONE_REPO_OWNER": "octocat",
    "DRONE_BUILD_NUMBER": "42",
    "DRONE_STEP_NAME": "backend",
    "DRONE_BUILD_LINK": "https://drone.company.com/octocat/hello-world/42",
}
JENKINS = {
    "JENKINS_URL": "https://jenkins.example.com/",
    "JOB_NAME": "web/main",
    "BUILD_NUMBER": "153",
    "BUILD_ID": "153",
    "BUILD_URL": "https://jenkins.example.com/job/web/job/main/153/",
    "STAGE_NAME": "Unit tests",
}


@pytest.mark.parametrize(
    ("environment", "account", "build", "step", "node", "url"),
    [
        (
            HARNESS,
            "kmpySmUISimoRrJL6NL73w",
            "build_and_test/73",
            "Run pytest",
            "1/4",
            "https://app.harness.io/ng/account/kmpy/executions/RtNn3v1ISbmBRZXvQ0bT5g",
        ),
        (
            GITHUB,
            "octocat",
            "1658821493",
            "unit-tests",
            None,
            "https://github.com/octocat/hello-world/actions/runs/1658821493",
        ),
        (
            GITLAB,
            "acme",
            "1000123",
            "rspec 3/7",
            "3/7",
            "https://gitlab.example.com/acme/web/-/jobs/5000123",
        ),
        (
            CIRCLE,
            "acme",
            "ad2c8bd8-2a73-4f4a-9d2c-0a6f4e0c1f11",
            "test",
            "2/2",
            "https://circleci.com/gh/acme/web/4711",
        ),
        (
            BUILDKITE,
            "acme",
            "web/1514",
            ":hammer: Tests",
            "1/5",
            "https://buildkite.com/acme/web/builds/1514#e44f9784-e20e-4b93-a21d-f41fd5869db9",
        ),
        (
            AZURE,
            "fabrikamfiber",
            "2018",
            "Run the tests",
            "2/2",
            "https://dev.azure.com/fabrikamfiber/Web%20Shop/_build/results?buildId=2018",
        ),
        (
            WOODPECKER,
            "john-doe",
            "john-doe/my-repo/8",
            "build package",
            None,
            "https://ci.example.com/repos/7/pipeline/8/3",
        ),
        (
            DRONE,
            "octocat",
            "octocat/hello-world/42",
            "backend",
            None,
            "https://drone.company.com/octocat/hello-world/42",
        ),
        (
            JENKINS,
            None,
            "web/main/153",
            "Unit tests",
            None,
            "https://jenkins.example.com/job/web/job/main/153/",
        ),
    ],
)
def test_labels(environment, account, build, step, node, url):
    wanted = {"account": account, "build": build, "step": step, "node": node, "url": url}
    assert ci.labels(environment) == {name: value for name, value in wanted.items() if value}


def test_every_system_is_in_the_table():
    assert len(ci.SYSTEMS) == 9
    assert repr(ci.SYSTEMS[0]) == "<System Harness>"


@pytest.mark.parametrize(
    ("environment", "labels"),
    [
        ({}, {}),
        ({"CI": "true", "BUILD_NUMBER": "7", "JOB_NAME": "not Jenkins'"}, {}),
        ({"GITLAB_CI": ""}, {}),
        ({"GITLAB_CI": "true"}, {}),
        # GitLab in a container that a Jenkins agent started: one CI answers, never a mixture.
        ({**JENKINS, "GITLAB_CI": "true", "CI_PIPELINE_ID": "9"}, {"build": "9"}),
        ({"HARNESS_BUILD_ID": "7", "HARNESS_STEP_ID": "step"}, {"build": "7", "step": "step"}),
        ({"DRONE": "true", "DRONE_BUILD_NUMBER": "7", "DRONE_REPO": ""}, {"build": "7"}),
        (
            {"CIRCLECI": "true", "CIRCLE_PROJECT_REPONAME": "web", "CIRCLE_BUILD_NUM": "5"},
            {"build": "web/5"},
        ),
        ({"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "5"}, {"build": "5"}),
        # What a CI puts there is text, never a template of ours.
        ({"GITLAB_CI": "true", "CI_JOB_NAME": "{HOME}{0}{", "HOME": "/root"}, {"step": "{HOME}{0}{"}),
    ],
)
def test_mixed_and_missing_variables(environment, labels):
    assert ci.labels(environment) == labels


@pytest.mark.parametrize(
    ("value", "step"),
    [
        ("two\nlines\tand \x1b[31mred", "two lines and [31mred"),
        ("not \udcff UTF-8", "not UTF-8"),
        ("x" * 300, "x" * 256),
        ("\n", None),
    ],
)
def test_a_step_s_name_is_mended(value, step):
    assert ci.labels({"GITLAB_CI": "1", "CI_JOB_NAME": value}).get("step") == step


@pytest.mark.parametrize("value", ["a\nb", "\udcff", "x" * 257, "https://e/\x1b"])
def test_an_id_is_whole_or_not_there(value):
    names = ("CI_PIPELINE_ID", "CI_JOB_URL", "CI_PROJECT_ROOT_NAMESPACE")
    assert ci.labels({"GITLAB_CI": "1", **dict.fromkeys(names, value)}) == {}


@pytest.mark.parametrize(
    ("index", "total", "node"),
    [
        *[("1", "2", "1/2"), ("2", "2", "2/2"), ("007", "10", "7/10")],
        *[("1", "1", None), ("0", "2", None), ("3", "2", None), ("", "2", None), ("1", "", None)],
        *[("-1", "2", None), ("1.0", "2", None), ("٣", "5", None), ("1", "9" * 5000, None), ("0", "0", None)],
    ],
)
def test_node(index, total, node):
    environment = {"GITLAB_CI": "1", "CI_NODE_INDEX": index, "CI_NODE_TOTAL": total}
    assert ci.labels(environment).get("node") == node


VARIABLES = sorted(
    {name for each in (HARNESS, GITHUB, GITLAB, CIRCLE, BUILDKITE, AZURE, JENKINS) for name in each}
)


@given(
    st.dictionaries(
        st.sampled_from(VARIABLES), st.text("a1/{}\x1b\n \udcff٣é", max_size=8) | st.just("9" * 400)
    )
)
def test_whatever_is_there_the_labels_are_sound(environment):
    for value in ci.labels(environment).values():
        assert label(value) == value != ""


def test_a_debug_switch_is_on_for_three_words_and_off_for_all_others():
    on = ("1", "true", "yes", "True", "TRUE", "YES")
    off = ("", "0", "false", "no", "on", "2", " 1", "enabled", "truee", "\udcff")
    for name in ci.DEBUG_SWITCHES:
        assert [value for value in (*on, *off) if ci.debugging_asked({name: value})] == [*on], name


def test_the_read_me_tells_every_switch():
    with open(os.path.join(os.path.dirname(__file__), "..", "..", "README.md"), encoding="utf-8") as file:
        rows = [line.split("|") for line in file if line.startswith("| ")]
    told = [row[2].strip(" `") for row in rows if len(row) == 5]
    assert [name for name in told if name in ci.DEBUG_SWITCHES] == [*ci.DEBUG_SWITCHES]


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({}, False),
        ({"RUNNER_DEBUG": "0", "CI_DEBUG_TRACE": "true"}, True),  # one is enough
        ({"DEBUG": "1", "ACTIONS_STEP_DEBUG": "true"}, False),
        ({"HOLDFAST_DEBUG": "0", "RUNNER_DEBUG": "1"}, False),
        ({"HOLDFAST_DEBUG": "False", "SYSTEM_DEBUG": "true"}, False),
        ({"HOLDFAST_DEBUG": "", "SYSTEM_DEBUG": "true"}, True),
    ],
)
def test_debugging_asked(environment, asked):
    assert ci.debugging_asked(environment) is asked
