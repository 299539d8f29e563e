"""The binary in real containers: a step fails, its author logs in, looks, fetches a file, and lets the build go on.

Each cell is a kind of container that build systems make, or that somebody made to lock builds in.
"""

import json
import os
import shutil
import subprocess

import pytest

from tests.binary.conftest import BINARY
from tests.containers.host import locked

NOBODY = "12345"
CODE = 3
RESUMED = 8
TIMEOUT = 360

pytestmark = pytest.mark.timeout(TIMEOUT)

NO_CLONE3 = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}],
}
"""As some container engines answer it: EPERM, where glibc takes only ENOSYS for an answer."""

NONSENSE = dict.fromkeys(
    ("LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "OPENSSL_CONF", "HOME", "TMPDIR"),
    "/nonsense",
)

READ_ONLY = ("--read-only",)
LOCKED_IN = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", NOBODY)


class Cell:
    """A container: the image, its options, variables, and the step's command line."""

    def __init__(self, image, *options, env=None, installed=False, words=()):
        self.image = image
        self.options = options
        self.env = env or {}
        self.installed = installed
        self.words = words


CELLS = {
    "busybox alone": Cell("busybox"),
    "bullseye": Cell("bullseye"),
    "trixie": Cell("trixie"),
    "read-only root": Cell("bullseye", *READ_ONLY),
    "read-only root, /tmp noexec": Cell("busybox", *READ_ONLY, "--tmpfs", "/tmp:noexec,mode=1777"),
    "all but /addon noexec": Cell(
        "busybox",
        *READ_ONLY,
        "--tmpfs",
        "/tmp:noexec,mode=1777",
        "--tmpfs",
        "/run:noexec",
        "--tmpfs",
        "/dev/shm:noexec",
    ),
    "16 MiB of /tmp": Cell("busybox", *READ_ONLY, "--tmpfs", "/tmp:exec,size=16m,mode=1777"),
    "no /tmp": Cell("busybox", words=("sh", "-c", "rmdir /tmp; exec /addon/agent run -- sh -c 'exit 3'")),
    "a UID with no passwd entry": Cell("bullseye", "--user", NOBODY),
    "the same, read-only": Cell("busybox", *READ_ONLY, "--user", NOBODY),
    "no HOME": Cell(
        "bullseye", words=("env", "-u", "HOME", "/addon/agent", "run", "--", "sh", "-c", "exit 3")
    ),
    "no right at all": Cell("bookworm", *LOCKED_IN),
    "64 descriptors": Cell("busybox", "--ulimit", "nofile=64"),
    "32 processes": Cell("busybox", "--pids-limit", "32"),
    "64 descriptors, in memory": Cell("busybox", *READ_ONLY, "--ulimit", "nofile=64"),
    "64 MiB, installed": Cell("busybox", "--memory", "64m", installed=True),
    "installed, read-only, nobody": Cell("busybox", *LOCKED_IN, installed=True),
    "nonsense in the environment": Cell("bookworm", env=NONSENSE),
    "nonsense in the environment, in memory": Cell("bookworm", *READ_ONLY, env=NONSENSE),
}


@pytest.fixture(scope="session")
def addon(shared):
    """The directory to mount: the binary alone. Beside it one where it is installed."""
    return prepared(shared)[0]


def prepared(folder):
    alone, installed = (os.path.join(folder, name) for name in ("binary", "installed"))
    with locked(alone):
        if not os.path.exists(alone):
            subprocess.run([BINARY, "install", installed], check=True)
            os.chmod(folder, 0o755)
            os.mkdir(f"{alone}.new", 0o755)
            shutil.copy(BINARY, f"{alone}.new/agent")
            os.rename(f"{alone}.new", alone)
    return alone, installed


@pytest.fixture
def start(container, shared):
    """Start a cell's container."""

    def begin(cell, *options, env=None):
        words = cell.words or ("--", "sh", "-c", f"exit {CODE}")
        volume = ("--volume", f"{prepared(shared)[1]}:/opt:ro") if cell.installed else ()
        if cell.installed:
            words = ("/opt/agent", "run", *words)
        return container(
            cell.image, *words, options=[*cell.options, *volume, *options], env={**cell.env, **(env or {})}
        )

    return begin


def visit(one, way, ssh, tmp_path):
    """Do what a user does, and leave with another exit code."""
    listed = ssh.run(way, "ls /")
    assert listed.returncode == 0, listed.stderr
    assert "addon" in listed.stdout.decode().split()
    fetched = ssh.sftp(way, f"get /proc/version {tmp_path}/version\n")
    assert fetched.returncode == 0, fetched.stderr
    with open("/proc/version", "rb") as file:
        assert (tmp_path / "version").read_bytes() == file.read()
    with ssh.shell(way) as shell:
        assert "42" in shell.run("echo $((6 * 7))")[1]
        shell.terminal.sendline(f"agent resume --fail {RESUMED}")
        shell.wait()
    assert one.wait() == RESUMED
    assert "Traceback" not in one.log
    assert "agent: " not in one.log


@pytest.mark.parametrize("name", CELLS)
def test_with_no_network(name, start, ssh, tmp_path):
    """By the printed line, `docker exec … agent connect`."""
    one = start(CELLS[name])
    visit(one, one.way(), ssh, tmp_path)


@pytest.mark.parametrize(
    "name", ["busybox alone", "bullseye", "no right at all", "nonsense in the environment"]
)
def test_through_a_relay(name, start, relay, ssh, tmp_path):
    with open(relay.agent_token_file, encoding="ascii") as file:
        token = file.read().strip()
    env = {"HOLDFAST_RELAY": relay.url, "HOLDFAST_TOKEN": token}
    one = start(CELLS[name], "--network", "bridge", env=env)
    visit(one, one.way(relay), ssh, tmp_path)


@pytest.mark.parametrize("image", ["busybox", "bookworm"])
def test_where_clone3_is_refused(image, start, ssh, tmp_path):
    profile = tmp_path / "seccomp.json"
    profile.write_text(json.dumps(NO_CLONE3))
    one = start(Cell(image, "--security-opt", f"seccomp={profile}"))
    visit(one, one.way(), ssh, tmp_path)


@pytest.mark.parametrize("user", ["0", NOBODY])
def test_installed_nothing_is_written(user, start):
    one = start(
        Cell(
            "busybox",
            *("--user", user, "--tmpfs", "/tmp:exec,mode=1777"),
            installed=True,
            words=("--", "sh", "-c", "ls -A /tmp; exit 0"),
        )
    )
    assert one.wait() == 0
    assert one.log == ""
