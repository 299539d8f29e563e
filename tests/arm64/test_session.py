"""A failing step of an emulated machine, entered by the relay and by plain ssh, and let go on."""

import random

import pytest

from tests.arm64.emulator import PATIENCE
from tests.e2e.conftest import Held

AGENT = "/addon/agent"
STEP = ("--shell", "sh", "-c", "cd /tmp; export MADE=here; uname -m; exit 7")
SOME_MB = random.Random(7).randbytes(2_000_000)


@pytest.fixture(scope="module")
def held(start, relay, root, ssh):
    """One session for most tests: its step, its shells and the agent are all for arm64."""
    one = start(*STEP, root=root, agent=AGENT)
    try:
        one.wait_for("^aarch64$", PATIENCE)
        way = one.way(relay, PATIENCE)
        yield Held(one, way, f"{root}/tmp")
        ssh.run(way, "agent resume", seconds=PATIENCE)
        assert one.wait(PATIENCE) == 7
    finally:
        one.end()


def test_a_shell_on_a_terminal(held, ssh):
    with ssh.shell(held.way) as shell:
        status, printed = shell.run("ls -d /addon/agent; uname -m; tty; pwd", PATIENCE)
        assert status == 0
        assert [line for line in printed.split() if line.startswith(("/addon/agent", "aarch64"))][-2:] == [
            "/addon/agent",
            "aarch64",
        ]
        assert "/dev/pts/" in printed
        assert shell.run("(exit 3)", PATIENCE)[0] == 3
        assert shell.leave() == 0


def test_a_command(held, ssh):
    """It begins where the step died, with what that had exported."""
    done = ssh.run(held.way, "uname -m; pwd; echo $MADE; echo err >&2; exit 5", seconds=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr) == (5, b"aarch64\n/tmp\nhere\n", b"err\n")


def test_a_command_carries_megabytes_both_ways(held, ssh):
    assert ssh.run(held.way, "cat", stdin=SOME_MB, seconds=PATIENCE).stdout == SOME_MB


def test_sftp(held, ssh, tmp_path):
    (tmp_path / "data").write_bytes(SOME_MB)
    batch = f"put {tmp_path}/data there\nls -l there\nget there {tmp_path}/back\n"
    done = ssh.sftp(held.way, batch, PATIENCE)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "back").read_bytes() == SOME_MB


def test_the_token_is_not_in_the_environment(held, ssh):
    names = ssh.run(held.way, "env", seconds=PATIENCE).stdout.decode()
    assert "HOLDFAST_SESSION=" in names
    assert "HOLDFAST_TOKEN" not in names


@pytest.mark.parametrize(("words", "code"), [("", 7), ("--pass", 0), ("--fail 9", 9)])
def test_resume(agent, relay, root, ssh, words, code):
    one = agent(*STEP, root=root, agent=AGENT)
    way = one.way(relay, PATIENCE)
    assert ssh.run(way, f"echo in; agent resume {words}", seconds=PATIENCE).stdout == b"in\n"
    assert one.wait(PATIENCE) == code


def test_a_running_step_has_its_guard(agent, root):
    """Also where an emulator gives a process of its own memory what should share ours until it is the step."""
    count = "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o '[a]ddon/agent run\\| [_]asleep [0-9]' | wc -l"
    # Keeper and guard: that is `agent run` too at first, nothing while it runs the launcher anew, then asleep.
    step = f'until [ "$({count})" = 2 ]; do :; done; echo 2'
    one = agent("--", "sh", "-c", step, root=root, agent=AGENT)
    one.wait_for("^2$", PATIENCE)
    assert one.wait(PATIENCE) == 0


def test_a_step_for_the_machine_itself(agent, relay, ssh):
    """The kernel knows what each program is for: an emulated agent holds, and lets into, what is not emulated."""
    one = agent("--", "sh", "-c", "uname -m; exit 6")
    one.wait_for("^x86_64$", PATIENCE)
    done = ssh.run(one.way(relay, PATIENCE), "uname -m; agent-arm64 resume", seconds=PATIENCE)
    assert done.stdout == b"x86_64\n"
    assert one.wait(PATIENCE) == 6
