"""`packaging/compose.yaml` brought up as it stands, with the relay's image: a build is debugged through it."""

import http.client
import json
import os
import re
import socket
import subprocess
import time
import urllib.request
import uuid

import pytest

from tests.containers.container import SSH_LINE
from tests.containers.host import require
from tests.containers.images import PACKAGING, relay_image
from tests.openssh import Way

COMMAND_SECONDS = 60
ACCOUNT = "acme"


class Project:
    """What `docker-compose` makes of the file, published on an address that only this engine has."""

    def __init__(self, engine):
        require("docker-compose")
        self._name = f"holdfast{uuid.uuid4().hex[:12]}"
        self.host = engine.address
        self.http, self.ssh = (_free_port(engine.address) for _ in range(2))
        published = {"HTTP": f"{self.host}:{self.http}", "SSH": f"{self.host}:{self.ssh}"}
        published["PUBLIC_SSH"] = published["SSH"]
        self._environment = engine.environment | {
            f"HOLDFAST_{name}": text for name, text in published.items()
        }

    def __call__(self, *words):
        """Run a command of docker-compose; its standard output, stripped."""
        file = os.path.join(PACKAGING, "compose.yaml")
        done = subprocess.run(
            ["docker-compose", "--file", file, "--project-name", self._name, *words],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout.strip()

    def relay(self, *words):
        """Run a command of the relay beside the one that serves."""
        return self("exec", "-T", "relay", "relay", *words)

    def until_served(self):
        """Wait until its API answers: the published port is open before there is anybody behind it."""
        deadline = time.monotonic() + COMMAND_SECONDS
        while True:
            try:
                with urllib.request.urlopen(f"http://{self.host}:{self.http}/healthz", timeout=5) as answer:
                    assert answer.read() == b"ok\n"
                    return
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < deadline, self("logs")

    def container(self):
        return self("ps", "--quiet", "relay")


def _free_port(host):
    with socket.socket() as free:
        free.bind((host, 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def image(engine):
    return relay_image(engine)


@pytest.fixture(scope="module")
def project(engine, image):
    project = Project(engine)
    try:
        project("up", "--detach", "--no-build")
        project.until_served()
        yield project
    finally:
        project("down", "--volumes")


@pytest.fixture(scope="module")
def tokens(project):
    """Tokens of a build and of a user, made as the README says."""
    project.relay("account", "add", ACCOUNT)
    project.relay("user", "add", "alice", "--account", ACCOUNT)
    who = ("--account", ACCOUNT, "--user", "alice")
    return [project.relay("token", "create", *who, "--permission", name) for name in ("agent", "execute")]


@pytest.fixture
def held(container, project, tokens):
    """Hold a build that dials the published port, and give the way that its log tells."""
    agent_token, user_token = tokens

    def hold():
        one = container(
            "bookworm",
            *("--step", "unit tests", "--shell", "sh", "-c", "cd /var/tmp; exit 5"),
            options=["--network", "bridge"],
            env={"HOLDFAST_RELAY": f"ws://{project.host}:{project.http}", "HOLDFAST_TOKEN": agent_token},
        )
        line = one.wait_for(SSH_LINE.pattern)
        assert line["user"].startswith(f"TOKEN:{ACCOUNT}:")
        assert (line["host"], int(line["port"])) == (project.host, project.ssh)
        return one, Way(line["user"].replace("TOKEN", user_token, 1), line["host"], project.ssh)

    return hold


def test_a_build_is_debugged_through_it(held, ssh):
    one, way = held()
    assert ssh.run(way, "pwd").stdout == b"/var/tmp\n"
    ssh.run(way, "agent resume --fail 3")
    assert one.wait() == 3


def test_a_new_container_keeps_accounts_and_host_key(project, held, ssh):
    """As after an update of the image: the agent dials again, and the same command leads to the same session."""
    one, way = held()
    before, shown = project.container(), _host_key(project)
    project("rm", "--stop", "--force", "relay")
    project("up", "--detach", "--no-build")
    one.wait_for("is back")
    assert project.container() != before
    assert _host_key(project) == shown
    assert ssh.run(way, "pwd").stdout == b"/var/tmp\n"
    ssh.run(way, "agent resume")
    assert one.wait() == 5


def _host_key(project):
    key = subprocess.run(
        ["ssh-keyscan", "-T", "30", "-p", str(project.ssh), project.host],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert " ssh-ed25519 " in key
    return key


def test_the_relay_may_do_little(engine, project):
    """Nobody's user and no capability; nothing but its volume can be written, which others cannot read."""
    script = """
import os, re
capabilities = re.search(r"CapEff:\\t(\\w+)", open("/proc/self/status").read())[1]
writable = [path for path in ("/", "/tmp", "/opt/holdfast", "/var/lib/holdfast") if os.access(path, os.W_OK)]
print(os.getuid(), int(capabilities, 16), writable, oct(os.stat("/var/lib/holdfast").st_mode & 0o777))
print(*sorted(name for name in os.listdir("/var/lib/holdfast") if "-" not in name))
"""
    lines = project("exec", "-T", "relay", "python", "-c", script).splitlines()
    assert lines == ["65532 0 ['/var/lib/holdfast'] 0o700", "relay.db ssh_host_ed25519_key"]


def test_what_is_in_the_image(engine, image):
    """What is started is started without a shell, and what has installed it is gone."""
    (about,) = json.loads(engine.docker("inspect", image))
    config = about["Config"]
    assert (config["User"], config["Entrypoint"], config["Cmd"]) == ("65532:65532", ["relay"], ["serve"])
    assert config["Healthcheck"]["Test"][0] == "CMD"
    script = (
        "import importlib.util as u; print([n for n in ('pip', 'setuptools', 'relay') if u.find_spec(n)])"
    )
    words = ("run", "--rm", "--network", "none", "--entrypoint", "python", image, "-c", script)
    assert engine.docker(*words) == "['relay']"


def test_its_health_check(engine, image, project):
    """What the engine runs every 15 s: it finds the relay that serves, and none in a container without one."""
    (about,) = json.loads(engine.docker("inspect", image))
    check = about["Config"]["Healthcheck"]["Test"][1:]
    project("exec", "-T", "relay", *check)
    alone = subprocess.run(
        [*("docker", "run", "--rm", "--network", "none", "--entrypoint", check[0]), image, *check[1:]],
        env=engine.environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert alone.returncode == 1
    assert re.search("refused|unreachable", alone.stderr)
