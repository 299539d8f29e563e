"""Today's runner, our agent in tmate's place, a relay, and the real OpenSSH client."""

import os
import re
import signal

import pytest

from examples.programs import Program, installed
from tests.e2e.conftest import SSH_LINE, Way, clean_environment

CALL = "^In order to ssh into your env please copy the following command:$"
TRAP = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "promises", "traps", "harness.sh"
)
STEP = "cd src; export STAGE=tests; exit 7"


@pytest.fixture
def step(tmp_path, relay):
    """A step of a runner that was told of a relay and a token; it fails with 7."""
    (tmp_path / "src").mkdir()
    with open(TRAP, encoding="utf-8") as file:
        text = f"set -e\n{file.read()}{STEP}"
    with open(relay.agent_token_file, encoding="ascii") as file:
        token = file.read().strip()
    names = {"TMATE_PATH": installed("agent"), "HOLDFAST_RELAY": relay.url, "HOLDFAST_TOKEN": token}
    program = Program(["bash", "-c", text], env=clean_environment() | names, cwd=str(tmp_path))
    yield program
    program.stop()
    assert token not in program.output


def way_in(step, relay):
    step.wait_for(CALL)
    line = step.wait_for(SSH_LINE)
    assert re.search(f"{CALL}\n^ssh ", step.output, re.MULTILINE)
    return Way(line["user"].replace("TOKEN", relay.user_token, 1), line["host"], int(line["port"]))


def test_the_failed_step_is_entered_where_it_failed(step, relay, ssh, tmp_path):
    way = way_in(step, relay)
    looked = ssh.run(way, "pwd; echo $STAGE; env | grep -c HOLDFAST_TOKEN")
    assert looked.stdout.decode().split() == [str(tmp_path / "src"), "tests", "0"]
    assert ssh.run(way, "agent resume --pass").returncode == 1
    ssh.run(way, "agent resume")
    assert step.wait() == 7
    assert sorted(os.listdir(tmp_path / "src")) == ["tmate.conf"]  # the trap's own


def test_a_step_that_is_gone_is_gone_at_the_relay(step, relay, ssh):
    """As at a runner's SIGKILL: nobody says goodbye, and the ssh line leads nowhere."""
    way = way_in(step, relay)
    assert ssh.run(way, "true").returncode == 0
    os.killpg(step.pid, signal.SIGKILL)
    step.wait()
    while (refused := ssh.run(way, "true")).returncode == 0:
        pass
    assert refused.returncode == 255
