"""The binary in real containers: a step fails, its author logs in, looks, fetches a file, and lets the build go on.

Each cell is a kind of container that build systems make, or that somebody made to lock builds in.
"""

import json
import os
import re
import shutil
import subprocess
import tarfile

import pytest

from tests.binary.conftest import BINARY
from tests.containers.host import locked
from tests.containers.roots import BUSYBOX, archive

NOBODY = "12345"
CODE = 3
RESUMED = 8
TIMEOUT = 360
LOADER = "/lib/ld-musl-x86_64.so.1"

pytestmark = pytest.mark.timeout(TIMEOUT)

NO_CLONE3 = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}],
}
"""As some container engines answer it: EPERM, where glibc takes only ENOSYS for an answer."""

NONSENSE = dict.fromkeys(
    (
        *("LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "SSL_CERT_FILE"),
        *("OPENSSL_CONF", "HOME", "TMPDIR"),
    ),
    "/nonsense",
)
EXPORTS = " ".join(("export", *(f"{name}={value}" for name, value in NONSENSE.items())))

READ_ONLY = ("--read-only",)
LOCKED_IN = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", NOBODY)


class Cell:
    """A container: the image, its options, variables, and the step's command line.

    With `script` that is a shell's, which PID 1 starts and becomes the agent: it makes the container what it is to be.
    """

    def __init__(self, image, *options, env=None, installed=False, words=(), script=""):
        self.image = image
        self.options = options
        self.env = env or {}
        self.installed = installed
        self.words = ("sh", "-c", script) if script else words or ("--", "sh", "-c", f"exit {CODE}")


AGENT = f"exec /addon/agent run -- sh -c 'exit {CODE}'"

CELLS = {
    "busybox alone": Cell("busybox"),
    "musl": Cell("musl", words=("--", "/bin/step", str(CODE))),
    "bullseye": Cell("bullseye"),
    "trixie": Cell("trixie"),
    "under an init": Cell("busybox", "--init"),
    "read-only root": Cell("bullseye", *READ_ONLY),
    "read-only root, /tmp noexec": Cell("busybox", *READ_ONLY, "--tmpfs", "/tmp:noexec,mode=1777"),
    "/tmp noexec": Cell("busybox", "--tmpfs", "/tmp:noexec,mode=1777"),
    # Not one file outside of /addon can be run, so the step's own shell lies there too.
    "all but /addon noexec": Cell(
        "busybox",
        *("--cap-add", "SYS_ADMIN", "--tmpfs", "/tmp:noexec,mode=1777", "--tmpfs", "/run:noexec"),
        *("--tmpfs", "/dev/shm:noexec"),
        env={"SHELL": "/addon/sh"},
        script=f"mount -o remount,bind,noexec / && exec /addon/agent run -- /addon/sh -c 'exit {CODE}'",
    ),
    "16 MiB of /tmp": Cell("busybox", *READ_ONLY, "--tmpfs", "/tmp:exec,size=16m,mode=1777"),
    "no /tmp": Cell("busybox", script=f"rmdir /tmp; {AGENT}"),
    "a UID with no passwd entry": Cell("bullseye", "--user", NOBODY),
    "the same, read-only": Cell("busybox", *READ_ONLY, "--user", NOBODY),
    "no HOME": Cell("bullseye", script=f"unset HOME; {AGENT}"),
    "no right at all": Cell("bookworm", *LOCKED_IN),
    "64 descriptors": Cell("busybox", "--ulimit", "nofile=64"),
    "32 processes": Cell("busybox", "--pids-limit", "32"),
    "64 descriptors, in memory": Cell("busybox", *READ_ONLY, "--ulimit", "nofile=64"),
    "64 MiB, installed": Cell("busybox", "--memory", "64m", installed=True),
    "installed, read-only, nobody": Cell("busybox", *LOCKED_IN, installed=True),
    "nonsense in the environment": Cell("bookworm", env=NONSENSE),
    "nonsense in the environment, in memory": Cell("bookworm", *READ_ONLY, env=NONSENSE),
    "nonsense by the step": Cell("bookworm", words=("--shell", "bash", "-c", f"{EXPORTS}; exit {CODE}")),
    "nonsense by the step, busybox": Cell(
        "busybox", words=("--shell", "sh", "-c", f"{EXPORTS}; exit {CODE}")
    ),
    "nonsense by the step, in memory": Cell(
        "bookworm", *READ_ONLY, words=("--shell", "bash", "-c", f"{EXPORTS}; exit {CODE}")
    ),
}

WITH_NO_NETWORK = (
    *("busybox alone", "no right at all", "64 descriptors, in memory", "64 MiB, installed"),
    *("nonsense in the environment", "nonsense by the step"),
)
"""The others need it no less, but find all else as these do."""

STEP = """
#include <stdlib.h>
int main(int count, char **words)
{
    return count > 1 ? atoi(words[1]) : 0;
}
"""
"""A step that is a program of musl's, with its loader and its library."""


@pytest.fixture(scope="session")
def addon(shared):
    """The directory to mount: the binary alone. Beside it one where it is installed. Both have a shell."""
    return prepared(shared)[0]


def prepared(folder):
    alone, installed = (os.path.join(folder, name) for name in ("binary", "installed"))
    with locked(alone):
        if not os.path.exists(alone):
            subprocess.run([BINARY, "install", installed], check=True)
            os.chmod(folder, 0o755)
            os.mkdir(f"{alone}.new", 0o755)
            shutil.copy(BINARY, f"{alone}.new/agent")
            shutil.copy(BUSYBOX, f"{alone}.new/sh")
            os.rename(f"{alone}.new", alone)
    return alone, installed


@pytest.fixture(scope="session")
def musl(engine, shared):
    """An image with busybox, and musl's loader and library for a program of its own."""
    directory = os.path.join(shared, "musl")
    with locked(directory):
        if not engine.docker("images", "--quiet", "musl"):
            os.mkdir(directory)
            program = os.path.join(directory, "step")
            subprocess.run(
                ["musl-gcc", "-x", "c", "-", "-o", program], input=STEP.encode(), check=True, timeout=60
            )
            path = os.path.join(directory, "tar")
            shutil.copy(archive("busybox"), path)
            with tarfile.open(path, "a") as tar:
                tar.add(program, "bin/step")
                tar.add(os.path.realpath(LOADER), LOADER.removeprefix("/"))
            engine.docker("import", path, "musl")


@pytest.fixture
def start(container, shared, request):
    """Start a cell's container."""

    def begin(cell, *options, env=None):
        if cell.image == "musl":
            request.getfixturevalue("musl")
        words, volume = cell.words, ()
        if cell.installed:
            words = ("/opt/agent", "run", *words)
            volume = ("--volume", f"{prepared(shared)[1]}:/opt:ro")
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
        assert one.wait() == RESUMED
        shell.wait()
    assert f"exit code {CODE}" in one.log
    assert "Traceback" not in one.log
    assert "agent: " not in one.log


@pytest.fixture
def through(relay):
    """The options and the variables with which a container reaches the relay on its host."""
    with open(relay.agent_token_file, encoding="ascii") as file:
        token = file.read().strip()
    return ("--network", "bridge"), {"HOLDFAST_RELAY": relay.url, "HOLDFAST_TOKEN": token}


@pytest.mark.parametrize("name", CELLS)
def test_through_a_relay(name, start, relay, through, ssh, tmp_path):
    options, env = through
    one = start(CELLS[name], *options, env=env)
    visit(one, one.way(relay), ssh, tmp_path)


@pytest.mark.parametrize("name", WITH_NO_NETWORK)
def test_with_no_network(name, start, ssh, tmp_path):
    """By the printed line, `docker exec … agent connect`."""
    one = start(CELLS[name])
    visit(one, one.way(), ssh, tmp_path)


@pytest.mark.parametrize("image", ["busybox", "bookworm"])
def test_where_clone3_is_refused(image, start, relay, through, ssh, tmp_path):
    profile = tmp_path / "seccomp.json"
    profile.write_text(json.dumps(NO_CLONE3))
    options, env = through
    one = start(Cell(image, "--security-opt", f"seccomp={profile}"), *options, env=env)
    visit(one, one.way(relay), ssh, tmp_path)


def test_where_there_is_no_proc(start):
    """No process can be found there, to end it: the step runs as it would without us, and a line says why."""
    one = start(Cell("busybox", "--cap-add", "SYS_ADMIN", script=f"umount -l /proc; {AGENT}"))
    assert one.wait() == CODE
    assert one.log == "holdfast: no session can open here: /proc is not mounted\n"


# The environment


LOGIN_ADDS = {"HOLDFAST_SESSION"}
COMPLAINT = re.compile("ERROR: ld.so: object '/nonsense' from LD_PRELOAD [^\n]*\n")
"""Of the image's own loader, wherever a program of its starts."""
END = "(end of the environment)"
SHELL_ADDS = {"PWD", "OLDPWD", "SHLVL", "_"}
"""By any shell that is started, with no agent anywhere."""
VARIABLES = {**NONSENSE, "A": "a b\nc", "EMPTY": "", "LC_ALL": "C", "PYTHONUTF8": "1"}


@pytest.mark.parametrize("cache", [(), READ_ONLY], ids=["cache", "memory"])
@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("busybox", ("env", "-0")),
        ("busybox", ("sh", "-c", "env -0; exit 0")),
        ("bookworm", ("env", "-0")),
        ("bookworm", ("bash", "-c", "env -0; exit 0")),
        ("bookworm", ("dash", "-c", "env -0; exit 0")),
    ],
)
def test_a_step_sees_the_environment_that_it_would_see_bare(start, image, words, cache):
    """To the byte, and in the same order: both are started by one shell, in one container."""
    both = f'{{ "$@"; echo \'{END}\'; /addon/agent run -- "$@"; }} 2>/dev/null'
    one = start(Cell(image, *cache, env=VARIABLES, words=("sh", "-c", both, "both", *words)))
    assert one.wait() == 0
    bare, wrapped = COMPLAINT.sub("", one.log).split(f"{END}\n")
    assert {"EMPTY=", "A=a b\nc", "LD_PRELOAD=/nonsense"} <= set(bare.replace("\r", "").split("\0"))
    assert wrapped == bare


@pytest.mark.parametrize("image", ["busybox", "bookworm"])
def test_a_shell_sees_the_steps_environment_and_what_the_readme_lists(start, ssh, image):
    env = {**VARIABLES, "PATH": "/bin:/usr/bin"}
    script = f"export OF_THE_STEP=1; env -0; echo '{END}'; exit {CODE}"
    one = start(Cell(image, env=env, words=("--shell", "sh", "-c", script)))
    way = one.way()
    step = variables(COMPLAINT.sub("", one.log).partition(END)[0])
    shell = variables(ssh.run(way, "env -0").stdout.decode())
    assert step["OF_THE_STEP"] == "1"
    assert shell.pop("PATH") == f"{step.pop('PATH')}:/addon"
    assert shell.keys() - step.keys() - SHELL_ADDS == LOGIN_ADDS
    assert {name: shell.get(name) for name in step.keys() - SHELL_ADDS} == {
        name: value for name, value in step.items() if name not in SHELL_ADDS
    }
    one.resume()
    assert one.wait() == CODE


def variables(text):
    return dict(entry.split("=", 1) for entry in text.replace("\r", "").split("\0") if "=" in entry)


@pytest.mark.parametrize("image", ["busybox", "bookworm"])
def test_nonsense_that_the_step_exports_is_its_shells_and_not_ours(start, ssh, image):
    shell = "sh" if image == "busybox" else "bash"
    one = start(Cell(image, words=("--shell", shell, "-c", f"{EXPORTS}; exit {CODE}")))
    way = one.way()
    shown = ssh.run(way, "; ".join(f'echo "${name}"' for name in NONSENSE)).stdout.decode().split()
    assert shown == list(NONSENSE.values())
    assert ssh.run(way, "agent status").stdout.startswith(b"session:")
    one.resume()
    assert one.wait() == CODE


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
