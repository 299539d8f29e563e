"""`--standby` with a real relay: a session that can be opened while the step runs, and that nobody notices before."""

import array
import fcntl
import os
import re
import signal
import stat
import subprocess
import termios
import time
import uuid

import psutil
import pytest

from examples.programs import installed
from relay import client

WAY = re.compile(r"ssh -p \d+ (\S+)@(\S+)")
PATIENCE = 20.0
OWN_OF_BASH = 255


class Build:
    """A step in standby that ends as it is told to, and what the relay says of it."""

    def __init__(self, agent, relay, tmp_path, *options, step="exit $x"):
        self.name = f"build-{uuid.uuid4().hex[:8]}"
        self.fifo = tmp_path / self.name
        os.mkfifo(self.fifo)
        self._relay = relay
        self._target = client.Target.make({"relay": relay.url}, {"HOLDFAST_TOKEN": relay.user_token})
        words = [*relay.agent_options(), "--standby", "--build", self.name, *options]
        script = f"echo ready; read -r x <{self.fifo}; {step}"
        self.agent = agent([*words, "--", "bash", "-c", script])
        self.agent.wait_for("^ready$")

    def __getattr__(self, name):
        return getattr(self.agent, name)

    def ask(self, *words):
        return subprocess.run(
            [installed("relay"), "session", *words, "--relay", self._relay.url],
            env={**os.environ, "HOLDFAST_TOKEN": self._relay.user_token},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def rows(self):
        """What the relay lists of this build, without the head."""
        return [line.split() for line in client.list_sessions(self._target, self.name).splitlines()[1:]]

    def listed(self, state):
        """The session's id, once the relay lists it in this state."""
        deadline = time.monotonic() + PATIENCE
        while not [row for row in self.rows() if row[1] == state]:
            assert time.monotonic() < deadline, self.rows()
        return next(row[0] for row in self.rows() if row[1] == state)

    def enable(self):
        """Have the relay open the session; its way in."""
        answer = self.ask("enable", self.listed("standby"))
        assert answer.returncode == 0, answer.stderr
        return self.agent.way(self._relay)

    def end_step(self, code):
        self.fifo.write_text(f"{code}\n")


def reported(pid):
    """Whether a report of the step's lies in its pipe, unread: the keeper is stopped."""
    # Pipes with low numbers are bash's copies of its output, while it redirects that.
    for path in [
        f"/proc/{pid}/fd/{name}" for name in os.listdir(f"/proc/{pid}/fd") if int(name) > OWN_OF_BASH
    ]:
        if os.lstat(path).st_mode & stat.S_IWUSR:
            unread = array.array("i", [0])
            with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as look:
                fcntl.ioctl(look, termios.FIONREAD, unread)
            return unread[0] > 0
    raise AssertionError("no pipe for reports")


@pytest.fixture
def build(agent, relay, tmp_path):
    return lambda *options, **more: Build(agent, relay, tmp_path, *options, **more)


def test_nothing_is_seen_of_a_step_that_passes(build):
    one = build()
    one.listed("standby")
    one.end_step(0)
    assert one.wait() == 0
    assert one.log == "ready\n"
    assert one.rows() == []


def test_not_reachable_before_it_is_opened_and_then_held(build, relay, ssh):
    one = build("--step", "unit")
    session = one.listed("standby")
    table = one.ask("list", "--build", one.name).stdout
    assert re.search(rf"^{session} +standby +{one.name} +unit ", table, re.MULTILINE), table
    other = build()
    other_session = other.listed("standby")
    way = one.enable()
    assert way.session == session
    assert one.listed("enabled") == session
    assert re.search(r"^holdfast: you opens a session through the relay$", one.log, re.MULTILINE)
    assert ssh.run(way, "echo $HOLDFAST_SESSION").stdout.decode().strip() == session
    closed = type(way)(way.user.replace(session, other_session), way.host, way.port, way.options)
    assert ssh.run(closed, "true").returncode == 255
    assert other.log == "ready\n"
    # The step that fails is held, in the same session.
    with ssh.shell(way) as shell:
        one.end_step(4)
        one.wait_for("step 'unit' failed with exit code 4")
        assert one.listed("failed") == session
        shell.terminal.sendline("agent resume")
        shell.wait()
    assert one.wait() == 4
    assert one.rows() == []
    other.end_step(0)
    assert other.wait() == 0


def test_a_step_that_fails_unopened_is_held(build, ssh, relay):
    one = build("--first-login", "20s")
    session = one.listed("standby")
    one.end_step(4)
    way = one.way(relay)
    assert way.session == session
    assert ssh.run(way, "agent resume --fail 5").returncode == 0
    assert one.wait() == 5


def test_a_session_that_was_ended_can_be_opened_again(build, ssh):
    """Under a new id, as the relay has it; the step runs on."""
    one = build()
    first = one.enable()
    assert ssh.run(first, "agent resume").returncode == 0
    one.wait_for("resumed; the step goes on")
    second = one.listed("standby")
    assert second != first.session
    answer = one.ask("enable", second)
    assert answer.returncode == 0, answer.stderr
    user, host = WAY.search(answer.stdout).groups()
    assert user.endswith(second)
    one.agent.wait_for(f"@{host}(?:.|\n)*@{host}")
    one.end_step(0)
    assert one.wait() == 0


def test_signal_opens_it_as_well(build, ssh, relay):
    one = build()
    session = one.listed("standby")
    one.agent.program.signal(signal.SIGUSR1)
    way = one.way(relay)
    assert way.session == session
    assert ssh.run(way, "true").returncode == 0
    one.end_step(0)
    assert one.wait() == 0


@pytest.mark.parametrize("opened", [False, True], ids=["standby", "enabled"])
def test_the_relays_abort_ends_the_step(build, opened):
    """Its own code comes back, as far as there is one: it died of TERM."""
    one = build()
    session = one.enable().session if opened else one.listed("standby")
    assert one.ask("abort", session).returncode == 0
    assert one.wait() == -signal.SIGTERM
    assert re.search(r"aborted \(by the relay: .*\); so is the step", one.log)
    assert one.rows() == []


@pytest.mark.parametrize("order", ["abort", "enable"])
def test_the_relays_word_and_the_steps_end_at_one_moment(build, order, relay):
    """A keeper that finds both at once: an abort is not held, an enabled session goes on as the hold."""
    one = build("--timeout", "30s")
    session = one.listed("standby")
    keeper = psutil.Process(one.agent.program.pid)
    step = next(child for child in keeper.children() if child.name() == "bash")
    keeper.suspend()
    try:
        assert one.ask(order, session).returncode == 0
        one.end_step(4)
        deadline = time.monotonic() + PATIENCE
        while not reported(step.pid):
            assert time.monotonic() < deadline
    finally:
        keeper.resume()
    if order == "enable":
        one.wait_for("the step failed with exit code 4")
        one.agent.program.signal(signal.SIGTERM)
    assert one.wait() == 4


def test_a_signal_while_the_session_is_open(build, ssh):
    """It is the step's; the session ends with it, for the log `aborted`."""
    one = build()
    way = one.enable()
    with ssh.shell(way):
        one.agent.program.signal(signal.SIGTERM)
        assert one.wait() == -signal.SIGTERM
    assert re.search(r"aborted \(SIGTERM\)", one.log)


def test_the_session_ends_with_a_relay_that_is_not_there(agent, tmp_path):
    """In standby it is nobody's business; once opened it is waited for, in vain; the step goes on."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    token = tmp_path / "token"
    token.write_text("none-that-counts\n")
    words = [
        "--relay",
        "ws://127.0.0.1:1",
        "--token-file",
        str(token),
        "--standby",
        "--connect-timeout",
        "1s",
    ]
    one = agent([*words, "--", "bash", "-c", f"echo ready; read -r x <{fifo}; exit $x"])
    one.wait_for("^ready$")
    one.program.signal(signal.SIGUSR1)
    one.wait_for("relay-unreachable; the step goes on")
    fifo.write_text("0\n")
    assert one.wait() == 0
