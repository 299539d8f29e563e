"""What users copy into their CI: it parses, and says only what the agent takes."""

import itertools
import os
import re
import shlex
import subprocess
from string import Formatter

import pytest
import yaml

from agent import ci
from agent.config import read
from agent.options import OPTIONS
from agent.values import path as is_path

WRAPPERS = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "packaging", "wrappers"
)
RECIPES = (
    *("gitlab-ci.yml", "github-actions.yml", "circleci.yml", "buildkite.yml", "drone.yml", "woodpecker.yml"),
    "Jenkinsfile",
)
CALL = "sh ci/holdfast.sh "
TEMPLATES = re.compile(r"\$\{\{.*?\}\}|<<.*?>>")
"""What GitHub and CircleCI fill in before a shell sees it."""


def text_of(name):
    with open(os.path.join(WRAPPERS, name), encoding="utf-8") as file:
        return file.read()


def strings(node):
    """Every string in a document."""
    if isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


def calls(name):
    """Return the arguments of each call of the wrapper in a recipe."""
    text = text_of(name)
    if name == "Jenkinsfile":
        lines = re.findall(r"\bsh '(.*)'$", text, re.MULTILINE)
    else:
        lines = [line for line in strings(yaml.safe_load(text)) if CALL in line]
    for line in lines:
        subprocess.run(["sh", "-n", "-c", line], check=True)
        yield shlex.split(TEMPLATES.sub("1", line[line.index(CALL) + len(CALL) :]))


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_calls_that_the_agent_takes(name):
    found = list(calls(name))
    assert len(found) >= 3
    for words in found:
        assert "--" in words
        assert read(words, {}).command


@pytest.mark.parametrize("name", RECIPES)
def test_every_ci_has_the_three_recipes(name):
    """Held whenever it fails; re-run in debug mode; wait for SSH."""
    configs = [read(words, {"HOLDFAST_DEBUG": "1"}) for words in calls(name)]
    plain = [config for words, config in zip(calls(name), configs, strict=True) if "--when" not in words]
    waits = [config for config in configs if config.when == "always"]
    debug = [words for words in calls(name) if "debug" in words[: words.index("--")]]
    assert plain
    assert [config.command for config in waits] == [("true",)]
    assert len(debug) == 1
    assert read(debug[0], {}).when == "never"


def test_the_table_of_the_read_me_names_every_file():
    text = text_of("README.md")
    for name in os.listdir(WRAPPERS):
        assert name == "README.md" or f"({name})" in text, name


# Docker


def listed():
    """Return the variables that docker.sh passes on: the CI's, and ours."""
    _, _, rest = text_of("docker.sh").partition("for name in \\\n")
    foreign, _, rest = rest.partition("; do")
    _, _, rest = rest.partition("for name in ")
    ours, _, _ = rest.partition("; do")
    return foreign.replace("\\\n", " ").split(), [
        f"HOLDFAST_{name}" for name in ours.replace("\\\n", " ").split()
    ]


def test_docker_passes_on_what_the_agent_knows():
    templates = [text for system in ci.SYSTEMS for texts in system.labels.values() for text in texts]
    known = {field for text in templates for _, field, _, _ in Formatter().parse(text) if field}
    known |= {name for system in ci.SYSTEMS for name in (system.sign, *(system.node or ()))}
    known |= {"CI", *ci.DEBUG_SWITCHES} - {"HOLDFAST_DEBUG"}
    foreign, ours = listed()
    assert sorted(foreign) == sorted(known)
    settable = {name for option in OPTIONS if option.parse is not is_path for name in option.variables}
    assert sorted(ours) == sorted(settable | {"HOLDFAST_DEBUG", "HOLDFAST_TOKEN"})


DOCKER = """\
#!/bin/sh
case "$*" in *--version) printf 'asked %s\\n' "$*" >>"$LOG"; exit "$STARTS" ;; esac
printf '%s\\n' "$@" >>"$LOG"
cat
exit 9
"""


@pytest.fixture
def docker(tmp_path):
    """Run docker.sh with a docker that tells how it was called; its words without those that pass variables on."""
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)

    def run(*words, starts="0", **environment):
        log = tmp_path / "log"
        log.write_text("")
        path = f"{tmp_path}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", os.path.join(WRAPPERS, "docker.sh"), *words],
            env={"PATH": path, "LOG": str(log), "STARTS": starts, **environment},
            input="input",
            capture_output=True,
            text=True,
            check=False,
        )
        lines = log.read_text().splitlines()
        passed = {value for word, value in itertools.pairwise(lines) if word == "--env"}
        plain, skip = [], False
        for line in lines:
            if not skip and line != "--env":
                plain.append(line)
            skip = line == "--env"
        return done, plain, passed

    return run


ASKED = "asked run --rm --network none --volume {}:/addon:ro --entrypoint /addon/agent image --version"


def test_docker_with_an_agent(docker):
    done, words, passed = docker("--", "image", "make", "a b", "--", "-x")
    assert (done.returncode, done.stdout, done.stderr) == (9, "input", "")
    assert words == [
        ASKED.format("/addon"),
        *("run", "--rm", "--interactive", "--volume", "/addon:/addon:ro", "image"),
        *("/addon/agent", "run", "--", "make", "a b", "--", "-x"),
    ]
    assert passed == {name for names in listed() for name in names}


def test_docker_s_own_options_and_another_directory(docker):
    _, words, _ = docker("--user", "1 2", "-w", "/w", "--", "image", "x", HOLDFAST_ADDON="/opt/hold fast")
    assert words[0] == ASKED.format("/opt/hold fast")
    assert words[1:6] == ["run", "--rm", "--interactive", "--user", "1 2"]
    assert words[6:] == [
        "-w",
        "/w",
        "--volume",
        "/opt/hold fast:/addon:ro",
        "image",
        "/addon/agent",
        "run",
        "--",
        "x",
    ]


def test_docker_without_an_agent(docker):
    done, words, passed = docker("--user", "7", "--", "image", "make", "a b", starts="127")
    assert (done.returncode, done.stdout) == (9, "input")
    assert done.stderr == "holdfast: /addon/agent does not start in image: the step runs without it\n"
    assert words[1:] == ["run", "--rm", "--interactive", "--user", "7", "image", "make", "a b"]
    assert passed == set(listed()[0])


@pytest.mark.parametrize(
    "words", [[], ["image", "x"], ["--"], ["--", "image"], ["--user", "7", "--", "image"]]
)
def test_docker_with_nothing_to_run(docker, words):
    done, called, _ = docker(*words)
    assert (done.returncode, called) == (2, [])
    assert done.stderr == "holdfast: docker.sh [OPTION OF DOCKER RUN...] -- IMAGE COMMAND [ARG...]\n"


# Kubernetes


@pytest.fixture
def pod():
    return yaml.safe_load(text_of("kubernetes.yaml"))["spec"]


def test_the_step_s_container_sees_the_agent_read_only(pod):
    (init,), (step,) = pod["initContainers"], pod["containers"]
    assert init["volumeMounts"] == [{"name": "addon", "mountPath": "/addon"}]
    assert not {"command", "args"} & set(init)  # the image's own entrypoint installs
    assert step["volumeMounts"] == [{"name": "addon", "mountPath": "/addon", "readOnly": True}]
    assert pod["volumes"] == [{"name": "addon", "emptyDir": {}}]


@pytest.mark.parametrize(
    ("agent", "code", "output"),
    [
        (
            '#!/bin/sh\n[ "$*" != --version ] || exit 0\nprintf \'%s|\' "$@"\nexit 9\n',
            9,
            'run|--|sh|-c|echo "$1"; exit 7|x|a b|',
        ),
        ("#!/bin/sh\nexit 1\n", 7, "a b\n"),
        (None, 7, "a b\n"),
    ],
)
def test_the_manifest_s_own_script(pod, tmp_path, agent, code, output):
    if agent:
        (tmp_path / "agent").write_text(agent)
        (tmp_path / "agent").chmod(0o755)
    (step,) = pod["containers"]
    command = [word.replace("/addon/agent", str(tmp_path / "agent")) for word in step["command"]]
    done = subprocess.run(
        [*command, "sh", "-c", 'echo "$1"; exit 7', "x", "a b"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (code, output)
    assert (done.stderr == "") == (code == 9)
