"""The wrappers for containers, run for real: `docker.sh`, and the very Pod manifest that users get."""

import os

import pytest

from examples.programs import Program
from tests.containers.container import PASTED_LINE, pasted
from tests.containers.images import AGENT, PACKAGING
from tests.containers.pod import build_pod

WRAPPERS = os.path.join(PACKAGING, "wrappers")


# Docker


@pytest.fixture
def docker(engine, addon, monkeypatch):
    """Run `docker.sh WORDS…` with the agent, or another directory for it."""
    started = []
    for name in ("DOCKER_HOST", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, engine.environment[name])

    def start(*words, directory=addon, **variables):
        environment = {**engine.environment, "HOLDFAST_ADDON": directory, **variables}
        started.append(Program([os.path.join(WRAPPERS, "docker.sh"), *words], env=environment))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def test_a_step_in_a_container(engine, docker, ssh):
    """It is held, entered from the host, and the build goes on with the verdict."""
    image = engine.image("bookworm")
    words = ("--network", "none", "--workdir", "/tmp", "--", image, "sh", "-c", "echo $1; exit 5", "x", "a b")
    step = docker(*words, CI_JOB_NAME="rspec", GITLAB_CI="true", CI_PIPELINE_ID="7")
    way = pasted(step.wait_for(PASTED_LINE.pattern, 60)[0])
    assert "a b\n" in step.output
    assert "step 'rspec' failed with exit code 5" in step.output
    assert ssh.run(way, "pwd").stdout == b"/tmp\n"
    ssh.run(way, "agent resume --fail 3")
    assert step.wait() == 3


def test_a_container_without_an_agent(engine, docker, tmp_path):
    image = engine.image("busybox")
    step = docker("--network", "none", "--", image, "sh", "-c", "echo fine; exit 5", directory=str(tmp_path))
    assert step.wait(60) == 5
    assert step.output.splitlines() == [
        f"holdfast: {tmp_path}/agent does not start in {image}: the step runs without it",
        "fine",
    ]


# Kubernetes

INSTALLER = '#!/bin/sh\n[ "$1" = install ] && exec cp -a /seed/. "$2"\n'
"""What the agent's image does: from source there is nothing to install, and the real one is tried in tests/binary."""


def test_the_pod_that_users_get(podman, addon, ssh):
    podman.make_image(AGENT, {"agent": INSTALLER}, ["/agent", "install", "/addon"], seed=addon)
    with build_pod(podman) as step:
        way = pasted(step.wait_for(PASTED_LINE.pattern)[0])
        step.wait_for("^making test as 1000$")
        assert ssh.run(way, "id -u; touch /x 2>/dev/null || echo read-only").stdout == b"1000\nread-only\n"
        ssh.run(way, "agent resume")
        assert step.wait() == 5
