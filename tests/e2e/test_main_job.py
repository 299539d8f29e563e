"""The main job: a real project's test suite fails, somebody logs in and repairs it, the build goes on."""

import hashlib
import os
import re
import subprocess
import sys
import tarfile

import pytest

PROJECT = "h11"
VERSION = "0.16.0"
SHA256 = "4e35b956cf45792e4caa5885e69fba00bdbc6ffafbfa020300e549b208ee5ff1"

BROKEN_FILE = "h11/_receivebuffer.py"
GOOD, BROKEN = "idx = partial_idx + 2", "idx = partial_idx + 1"

SUITE = f"{sys.executable} -m pytest -q -p no:cacheprovider"
STALE_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}
"""Broken and repaired within one second, a file has its old size and time: no .pyc may be kept."""

SAFELY = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""Debian 12's own Python 3.11.2 is two releases older than the filters; the archive is pinned by its hash."""


@pytest.fixture(scope="session")
def sdist() -> str:
    """The project's source distribution, fetched once and kept outside the repository."""
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "holdfast-tests")
    os.makedirs(cache, exist_ok=True)
    path = os.path.join(cache, f"{PROJECT}-{VERSION}.tar.gz")
    if not os.path.exists(path):
        download = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:")
        subprocess.run(
            [*download, "--no-build-isolation", "--dest", cache, f"{PROJECT}=={VERSION}"],
            check=True,
            timeout=100,
        )
    with open(path, "rb") as file:
        assert hashlib.sha256(file.read()).hexdigest() == SHA256
    return path


@pytest.fixture
def project(sdist: str, tmp_path) -> str:
    """The project, unpacked, with one line of it broken."""
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, **SAFELY)
    directory = tmp_path / f"{PROJECT}-{VERSION}"
    broken = directory / BROKEN_FILE
    text = broken.read_text()
    assert text.count(GOOD) == 1
    broken.write_text(text.replace(GOOD, BROKEN))
    return str(directory)


def test_failing_suite_is_repaired_in_the_session(project, agent, by_relay, ssh):
    options = by_relay.agent_options() if by_relay else []
    build = agent(
        [*options, "--step", "unit tests", "--shell", "bash", "-c", f"set -e; {SUITE}"],
        env=STALE_BYTECODE,
        cwd=project,
    )
    build.wait_for(r"step 'unit tests' failed with exit code 1 after", 60)

    with ssh.shell(build.way(by_relay)) as shell:
        status, output = shell.run("pwd")
        assert (status, project in output) == (0, True)
        status, output = shell.run(f"{SUITE} -x | grep ^FAILED")
        assert status == 0
        failing = re.search(r"FAILED (\S+\.py)::(\w+)", output)
        assert failing, output
        status, output = shell.run(
            f"grep -n 'def {failing[2]}' {failing[1]} && grep -n 'partial_idx +' {BROKEN_FILE}"
        )
        assert (status, BROKEN in output) == (0, True)
        status, _ = shell.run(f"sed -i 's/{BROKEN}/{GOOD}/' {BROKEN_FILE}")
        assert status == 0
        status, output = shell.run(SUITE, 60)
        assert status == 0
        assert re.search(r"\d+ passed", output)
        shell.terminal.sendline("agent resume --pass")
        shell.wait()

    assert build.wait() == 0
    assert "resumed" in build.log


@pytest.mark.parametrize(
    ("resume", "code"), [("agent resume", 7), ("agent resume --fail", 1), ("agent resume --fail 3", 3)]
)
def test_verdict_of_a_resumed_build(agent, ssh, by_relay, resume, code):
    options = by_relay.agent_options() if by_relay else []
    build = agent([*options, "--", "sh", "-c", "exit 7"])
    done = ssh.run(build.way(by_relay), resume)
    assert (done.returncode, done.stderr) == (0, b"")
    assert build.wait() == code


def test_step_that_passes_opens_no_session(agent, by_relay):
    options = by_relay.agent_options() if by_relay else []
    build = agent([*options, "--", "sh", "-c", "echo fine"])
    assert build.wait() == 0
    assert build.log == "fine\n"


def test_log_tells_who_came_and_why_it_ended(agent, ssh, by_relay):
    options = by_relay.agent_options() if by_relay else []
    build = agent([*options, "--", "sh", "-c", "exit 7"])
    way = build.way(by_relay)
    assert ssh.run(way, "true").returncode == 0
    build.wait_for(r"^holdfast: login 1: ")
    build.wait_for(r"^holdfast: logout 1: ")
    build.end()
    assert re.search(r"^holdfast: the session is over after .*aborted", build.log, re.MULTILINE)
    if by_relay:
        assert by_relay.user_token not in build.log
        with open(by_relay.agent_token_file, encoding="ascii") as file:
            assert file.read().strip() not in build.log
