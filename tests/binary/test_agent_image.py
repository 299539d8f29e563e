"""The agent's image (packaging/agent.Dockerfile): what is in it, and how build containers get the agent from it."""

import json
import os
import re
import subprocess
import tarfile
import uuid
from pathlib import Path

import pytest

from examples.programs import Program
from tests.binary.conftest import BINARY
from tests.containers.addon import MOUNTED
from tests.containers.container import PASTED_LINE, pasted, processes
from tests.containers.images import PACKAGING, agent_image
from tests.containers.pod import build_pod

LARGEST = 20_000_000
"""Bytes of the image."""
NEEDS_NOTHING = (
    "--read-only",
    "--network",
    "none",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
)
NOBODY = "12345"


@pytest.fixture
def image(engine):
    return agent_image(engine)


@pytest.fixture
def volume(engine, image):
    """A volume, filled by the image as it stands."""
    name = f"holdfast-{uuid.uuid4().hex[:12]}"
    try:
        said = engine.docker("run", "--rm", *NEEDS_NOTHING, "--volume", f"{name}:/addon", image)
        assert said == ""
        yield name
    finally:
        engine.docker("volume", "rm", "--force", name)


def test_what_is_in_it(engine, image, tmp_path):
    made = engine.docker("create", image)
    path = tmp_path / "image.tar"
    try:
        engine.docker("export", "--output", str(path), made)
    finally:
        engine.docker("rm", made)
    with tarfile.open(path) as tar:
        files = {entry.name: entry for entry in tar if entry.isfile() and entry.size}
        assert list(files) == ["agent"]
        assert tar.extractfile(files["agent"]).read() == Path(BINARY).read_bytes()
        assert files["agent"].mode & 0o777 == 0o755
        addon = tar.getmember("addon/")
        assert (addon.uid, addon.gid) == (65532, 65532)
    (about,) = json.loads(engine.docker("inspect", image))
    assert about["Size"] <= LARGEST
    assert about["Config"]["User"] == "65532:65532"
    assert about["Config"]["Entrypoint"] == ["/agent", "install", "/addon"]
    assert not about["Config"]["Cmd"]


def test_another_command_of_the_agent(engine, image):
    said = engine.docker("run", "--rm", *NEEDS_NOTHING, "--entrypoint", "/agent", image, "--licenses")
    assert "Apache-2.0" in said


def test_a_second_time(engine, image, volume):
    """An init container runs again when its Pod is restarted."""
    assert engine.docker("run", "--rm", *NEEDS_NOTHING, "--volume", f"{volume}:/addon", image) == ""


def test_a_step_of_another_user_with_the_volume(engine, volume, monkeypatch, ssh):
    """It is held where nothing can be written, by what lies ready unpacked in the volume, and not from memory."""
    for name in ("DOCKER_HOST", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, engine.environment[name])
    words = ("--read-only", "--network", "none", "--user", NOBODY, "--", engine.image("busybox"))
    step = Program(
        [os.path.join(PACKAGING, "wrappers", "docker.sh"), *words, "sh", "-c", "exit 5"],
        env=engine.environment | {"HOLDFAST_ADDON": volume},
    )
    try:
        way = pasted(step.wait_for(PASTED_LINE.pattern, 60)[0])
        assert ssh.run(way, "id -u; touch /x 2>/dev/null || echo read-only").stdout == b"12345\nread-only\n"
        container = re.search(r"-u 12345 (\w+) ", way.options[1])[1]
        init = int(engine.docker("inspect", "--format", "{{.State.Pid}}", container))
        assert any(_maps(pid, f"{MOUNTED}/agent.d/") for pid in processes(init))
        ssh.run(way, "agent resume --fail 3")
        assert step.wait(60) == 3
    finally:
        step.stop()


def _maps(pid, text):
    """Tell whether a process of the container has a file mapped whose path begins so."""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
            return f" {text}" in maps.read()
    except OSError:  # it has just ended
        return False


def test_the_pod_that_users_get(engine, image, podman, ssh, tmp_path):
    """Kubernetes' manifest as it stands, with the image as it stands."""
    path = str(tmp_path / "image.tar")
    engine.docker("save", "--output", path, image)
    podman.run("load", "--quiet", "--input", path)
    with build_pod(podman) as step:
        way = pasted(step.wait_for(PASTED_LINE.pattern)[0])
        step.wait_for("^making test as 1000$")
        assert ssh.run(way, "id -u; touch /x 2>/dev/null || echo read-only").stdout == b"1000\nread-only\n"
        listed = ssh.run(way, "agent --version; ls -n /addon").stdout.decode()
        version = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout
        assert version in listed
        ssh.run(way, "agent resume")
        assert step.wait() == 5
