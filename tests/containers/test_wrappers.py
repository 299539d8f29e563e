"""The wrappers for containers, run for real: `docker.sh`, and the very Pod manifest that users get."""

import io
import os
import shutil
import tarfile
import tempfile

import pytest

from examples.programs import Program
from tests.containers.container import PASTED_LINE, pasted
from tests.containers.pod import PATH, PodContainer, Podman
from tests.containers.roots import archive

WRAPPERS = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "packaging", "wrappers"
)


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

MANIFEST = os.path.join(WRAPPERS, "kubernetes.yaml")
AGENT_IMAGE = "registry.example.com/holdfast/agent:latest"
BUILD_IMAGE = "registry.example.com/ci/build:latest"

INSTALLER = '#!/bin/sh\n[ "$1" = install ] && exec cp -a /seed/. "$2"\n'
"""The agent of the image that brings it, as far as the init container uses it."""
MAKE = "#!/bin/sh\necho making $1 as $(id -u)\nexit 5\n"
"""The step of the manifest is `make test`."""


@pytest.fixture
def podman(monkeypatch, addon):
    """Podman with the manifest's two images."""
    # pytest's own directories have longer names, and then Podman learns of a container's end 20 s late.
    with tempfile.TemporaryDirectory(prefix="holdfast-pod-") as directory:
        podman = Podman(directory)
        for name, value in podman.variables.items():
            monkeypatch.setenv(name, value)
        images = {AGENT_IMAGE: ("addon/agent", INSTALLER, addon), BUILD_IMAGE: ("bin/make", MAKE, None)}
        for tag, (name, program, seed) in images.items():
            path = os.path.join(directory, "image.tar")
            shutil.copy(archive("busybox"), path)
            with tarfile.open(path, "a") as tar:
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(program), 0o755
                tar.addfile(entry, io.BytesIO(program.encode()))
                if seed:
                    tar.add(seed, "seed")
            podman.run("import", "--quiet", "--change", f"ENV PATH={PATH}", path, tag)
        yield podman


def test_the_pod_that_users_get(podman, ssh):
    """On the host's network, for no other can be made on every machine."""
    try:
        podman.run("play", "kube", "--network", "host", MANIFEST)
        step = PodContainer(podman, "build-step")
        try:
            way = pasted(step.wait_for(PASTED_LINE.pattern)[0])
            step.wait_for("^making test as 1000$")
            assert (
                ssh.run(way, "id -u; touch /x 2>/dev/null || echo read-only").stdout == b"1000\nread-only\n"
            )
            ssh.run(way, "agent resume")
            assert step.wait() == 5
        finally:
            step.log_reader.stop()
    finally:
        podman.run("play", "kube", "--down", MANIFEST)
