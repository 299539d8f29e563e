"""What the other tests here lean on: nothing stays, whatever happens to them, and no lack goes unnoticed."""

import os
import re
import select
import subprocess
import sys

import pytest

from tests.containers.conftest import skipping
from tests.containers.host import REPOSITORY, Unavailable, require

USE_AN_ENGINE = """
import sys
from tests.containers.engine import Engine
engine = Engine(sys.argv[1])
engine.docker("run", "--detach", engine.image("busybox"), "sleep", "300")
print(engine.directory, flush=True)
sys.stdin.read()
"""
PATIENCE = 60


def test_an_engine_ends_with_its_user(engine, tmp_path):
    """Even with one that is killed, and a container that runs."""
    user = subprocess.Popen(
        [sys.executable, "-c", USE_AN_ENGINE, str(tmp_path)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with user:
        directory = user.stdout.readline().rstrip("\n")
        with open(f"{directory}/pid", encoding="ascii") as file:
            daemon = int(file.read())
        with open(f"/proc/{daemon}/stat", encoding="ascii") as file:
            guard = int(file.read().rpartition(")")[2].split()[1])
        user.kill()
        with os.fdopen(os.pidfd_open(guard)) as end:
            assert select.select([end], [], [], PATIENCE)[0]
    assert not os.path.exists(directory)
    with open("/proc/self/mountinfo", encoding="ascii") as mounts:
        assert directory not in mounts.read()
    assert not os.path.exists(f"/proc/{daemon}")


@pytest.fixture
def root(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_lack_is_a_skip_and_in_ci_a_failure(root, monkeypatch, ci, outcome):
    monkeypatch.setenv("CI", ci)
    line = re.escape("containers need Debian's packages (packaging/debian.sh): no no-such-command")
    with pytest.raises(outcome, match=f"^{line}$"), skipping():
        require("sh", "no-such-command")


def test_containers_need_root(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match="need root"):
        require("sh")
