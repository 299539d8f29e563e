"""A CI that none of us wrote runs the wrapped step: GitLab's jobs, by gitlab-ci-local, with the recipe that we ship."""

import os
import re
import shutil
import subprocess
import uuid

import psutil
import pytest

from examples.programs import Program, installed
from tests.e2e.conftest import Way, clean_environment

HERE = os.path.dirname(os.path.abspath(__file__))
WRAPPERS = os.path.join(os.path.dirname(os.path.dirname(HERE)), "packaging", "wrappers")
CI = os.path.join(HERE, "gitlab", "node_modules", ".bin", "gitlab-ci-local")
AGENT = installed("agent")

SSH_LINE = r"> ssh (?:-p (?P<port>\d+) )?(?P<user>[^@\s]+)@(?P<host>\S+)$"
"""As every line of a job's: with the job's name in front."""
MAKEFILE = "test:\n\t@echo testing; exit 7\nintegration:\n\t@echo integrating; exit 3\n"
MAKE_FAILED = 2
"""Whatever make's recipes end with."""

pytestmark = [
    pytest.mark.skipif(not os.path.exists(CI), reason="gitlab-ci-local is not there: make test installs it"),
    pytest.mark.timeout(180),
]


class Job:
    """One job of the project's pipeline, and the log that the CI makes of it."""

    def __init__(self, name, project, relay, agent, **variables):
        mark = uuid.uuid4().hex
        settings = {**variables, "HOLDFAST_RELAY": relay.url, "HOLDFAST_TEST_CI": mark}
        with open(relay.agent_token_file, encoding="ascii") as file:
            settings["HOLDFAST_TOKEN"] = file.read().strip()
        path = os.path.join(project, ".gitlab-ci-local-variables.yml")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.writelines(f"{key}: '{value}'\n" for key, value in settings.items())
        self._relay = relay
        self._mark = f"HOLDFAST_TEST_CI={mark}".encode()
        self.program = Program(
            # A path in the file would be the contents of a variable of GitLab's type "file".
            [CI, name, "--home", project, "--force-shell-executor", "--variable", f"HOLDFAST_AGENT={agent}"],
            env={**clean_environment(), "FORCE_COLOR": "0", "HOME": project},
            cwd=project,
        )

    def way(self):
        """The way in that the job's log tells, with the user's token in its place."""
        line = self.program.wait_for(SSH_LINE, 60)
        return Way(line["user"].replace("TOKEN", self._relay.user_token, 1), line["host"], int(line["port"]))

    def result(self):
        """The CI's own exit code, and the one that it says the job ended with; 0 where it passed."""
        code = self.program.wait(60)
        failed = re.search(r"^.* finished in .* FAIL (\d+) *$", self.program.output, re.MULTILINE)
        passed = re.search(r"^ PASS  \S", self.program.output, re.MULTILINE)
        assert bool(failed) != bool(passed), self.program.output
        return code, int(failed[1]) if failed else 0

    def left(self):
        """What the job started and is still there."""
        return [process for process in psutil.process_iter() if self._mark in _environment(process)]


def _environment(process):
    try:
        with open(f"/proc/{process.pid}/environ", "rb") as file:
            return file.read()
    except OSError:
        return b""


@pytest.fixture
def project(tmp_path):
    """A repository whose tests fail, with the recipe and the wrapper where they tell users to put them."""
    (tmp_path / "ci").mkdir()
    shutil.copy(os.path.join(WRAPPERS, "holdfast.sh"), tmp_path / "ci")
    shutil.copy(os.path.join(WRAPPERS, "gitlab-ci.yml"), tmp_path / ".gitlab-ci.yml")
    (tmp_path / "Makefile").write_text(MAKEFILE)
    who = ("-c", "user.name=Someone", "-c", "user.email=someone@example.com")
    for words in (
        ("init", "--quiet", "--initial-branch", "main"),
        ("remote", "add", "origin", "git@gitlab.example.com:acme/web.git"),
        ("add", "."),
        (*who, "commit", "--quiet", "--message", "Fail"),
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return str(tmp_path)


@pytest.fixture
def job(project, relay):
    """Start a job: `job("unit tests", VARIABLE="…")`, the variables as in the project's settings."""
    started = []

    def start(name, agent=AGENT, **variables):
        started.append(Job(name, project, relay, agent, **variables))
        return started[-1]

    yield start
    for one in started:
        one.program.stop()
    left = [process for one in started for process in one.left()]
    for process in left:  # this CI, killed, leaves its job behind
        process.kill()
    assert left == []


@pytest.mark.parametrize(
    ("resume", "result"),
    [("agent resume --pass", (0, 0)), ("agent resume --fail 3", (1, 3)), ("agent resume", (1, MAKE_FAILED))],
)
def test_a_failed_job_is_held_and_its_result_is_the_verdict(job, ssh, resume, result):
    running = job("unit tests")
    way = running.way()
    assert "step 'unit tests' failed with exit code 2" in running.program.output
    looked = ssh.run(way, "pwd; tail -1 Makefile")
    assert looked.returncode == 0
    assert looked.stdout.decode().splitlines()[1:] == ["\t@echo integrating; exit 3"]
    ssh.run(way, resume)
    assert running.result() == result


def test_re_run_in_debug_mode(job, ssh):
    """Nothing without the switch; with it, for this run, the session."""
    assert job("integration tests").result() == (1, MAKE_FAILED)
    running = job("integration tests", HOLDFAST_DEBUG="1")
    ssh.run(running.way(), "agent resume --pass")
    assert running.result() == (0, 0)


def test_without_an_agent_the_job_is_as_ever(job):
    running = job("unit tests", agent="/none/agent")
    assert running.result() == (1, MAKE_FAILED)
    assert "holdfast: /none/agent does not start: the step runs without it" in running.program.output


def test_wait_for_ssh(job, ssh, project):
    """A last step, by hand: the job is kept after its commands have passed."""
    with open(os.path.join(project, "Makefile"), "w", encoding="ascii") as file:
        file.write("test:\n\t@echo fine\n")
    running = job("wait for ssh")
    ssh.run(running.way(), "agent resume")
    assert running.result() == (0, 0)
