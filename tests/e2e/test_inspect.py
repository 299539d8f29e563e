"""`agent inspect`, over a real ssh: a prompt inside the failed shell itself."""

import contextlib
import os
import signal
import time

import pexpect
import psutil
import pytest

from examples.programs import installed
from tests.openssh import Way

PROMPT = r"\(failed\) \$ "

STEP = """\
kept=unexported
greet() { echo "hello $1"; }
inner() { local secret=local-value; exit 7; }
cd /
inner
"""
SHELLS = {"bash": "bash", "dash": "sh", "busybox": "sh", "bash as sh": "sh"}

WAITING = "sh -c 'echo begun; exec sleep 60'"
"""The child says it: dash, interrupted between two commands, begins the second before it runs its trap."""

INTERRUPT_SECONDS = 1.0


@pytest.fixture(params=SHELLS)
def shell(request, tmp_path):
    """The name of a shell, `--shell` and the PATH that say it."""
    return prepare(request.param, tmp_path)


def prepare(name, tmp_path):
    folder = tmp_path / "shell"
    folder.mkdir()
    program = "/usr/bin/" + ("bash" if name.startswith("bash") else name)
    (folder / SHELLS[name]).symlink_to(program)
    return name, SHELLS[name], {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.fixture
def inspect(ssh):
    """Open `agent inspect` on a terminal of ours."""
    opened = []

    def start(way, *, command="agent inspect", prompt=PROMPT, size=(24, 100)):
        terminal = pexpect.spawn(
            "ssh",
            ssh.argv(way, command, options=["-tt"])[1:],
            dimensions=size,
            timeout=20,
            encoding="utf-8",
        )
        opened.append(terminal)
        if prompt:
            terminal.expect(prompt)
        return terminal

    yield start
    for terminal in opened:
        terminal.close(force=True)


def say(terminal, line, prompt=PROMPT):
    """Type a line; return what came before the next prompt, without its echo."""
    terminal.sendline(line)
    terminal.expect(prompt)
    return terminal.before.replace("\r", "").partition("\n")[2].strip()


def left(terminal):
    """Wait for the prompt's end; ssh's exit status."""
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.exitstatus


def test_what_was_typed_ahead_is_for_the_prompt(agent, inspect):
    """As one pastes several lines."""
    way = agent(["--shell", "bash", "-c", "exit 7"]).way()
    terminal = inspect(way, command="read -r _; agent inspect", prompt=None)
    terminal.send("go\necho $((6 * 7)) is typed ahead\n")
    terminal.expect("42 is typed ahead\r\n")
    terminal.expect(PROMPT)
    terminal.sendline("exit")
    assert left(terminal) == 0


def test_inside_a_failed_shell(agent, ssh, inspect, shell):
    """What a child could never see: unexported variables, functions, a failed function's own variables."""
    name, option, env = shell
    one = agent(["--shell", option, "-c", STEP], env=env)
    way = one.way()
    assert "`agent inspect` in the session opens a prompt inside the failed" in one.log
    terminal = inspect(way)
    assert "the failed shell itself" in terminal.before
    assert say(terminal, "echo $?") == "7"
    assert say(terminal, "echo $kept; greet you; pwd") == "unexported\nhello you\n/"
    if name in ("dash", "busybox"):
        assert say(terminal, "echo $secret") == "local-value"
    assert say(terminal, "kept=changed; greet() { echo bye; }; cd /tmp") == ""
    assert say(terminal, "echo $kept; greet; pwd") == "changed\nbye\n/tmp"
    assert say(terminal, "false; true; (exit 5)") == ""
    assert say(terminal, "echo $?") == "5"
    assert "yntax error" in say(terminal, "if then")
    assert say(terminal, "echo ${nope-unset}; no-such-command 2>/dev/null; echo $?") == "unset\n127"
    assert say(terminal, "test -t 0 && test -t 1 && test -t 2 && echo terminal") == "terminal"
    assert "holdfast" not in say(terminal, "set -x; : ; set +x")

    # ^C at a command, and at the prompt.
    terminal.sendline(f"{WAITING}; echo not reached")
    terminal.expect("begun\r\n")
    started = time.monotonic()
    terminal.sendintr()
    terminal.expect(PROMPT)
    assert time.monotonic() - started < INTERRUPT_SECONDS
    terminal.send("half a line")
    terminal.sendintr()
    terminal.expect(PROMPT)
    assert say(terminal, "echo still here") == "still here"

    # The window's size, at the start and as it changes.
    assert say(terminal, "/bin/stty size") == "24 100"
    terminal.setwinsize(50, 132)
    deadline = time.monotonic() + 10
    while say(terminal, "/bin/stty size") != "50 132":
        assert time.monotonic() < deadline

    # Two at once, and one after another.
    other = ssh.run(way, "agent inspect")
    assert (other.returncode, other.stdout) == (1, b"")
    assert other.stderr == b"agent: somebody is inspecting already: one at a time\n"
    terminal.sendline("exit 3")
    assert left(terminal) == 0
    again = inspect(way)
    assert say(again, "echo $kept $?") == "changed 7"
    again.sendeof()
    assert left(again) == 0

    # Without a terminal.
    piped = ssh.run(way, "agent inspect", stdin=b'kept=piped\necho "<$kept>"\n')
    assert piped.returncode == 0
    assert b"<piped>" in piped.stdout

    # Somebody whose ssh is killed is followed by the next, in the same prompt.
    lost = inspect(way)
    assert say(lost, "kept=of-the-lost") == ""
    lost.kill(signal.SIGKILL)
    lost.wait()
    next_one = retry(lambda: inspect(way))
    assert say(next_one, "echo $kept") == "of-the-lost"
    next_one.sendline("exit")
    assert left(next_one) == 0

    assert ssh.run(way, "agent resume").returncode == 0
    assert one.wait() == 7


def retry(attempt):
    """A session may need a moment to see that an ssh is gone."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return attempt()
        except pexpect.EOF:
            assert time.monotonic() < deadline


ENDS = {
    "resume": (lambda one, ssh, way: ssh.run(way, "agent resume"), 7),
    "pass": (lambda one, ssh, way: ssh.run(way, "agent resume --pass"), 0),
    "fail": (lambda one, ssh, way: ssh.run(way, "agent resume --fail 9"), 9),
    "abort": (lambda one, ssh, way: one.program.signal(signal.SIGTERM), 7),
    "timeout": (lambda one, ssh, way: None, 7),
}


@pytest.mark.parametrize(
    ("end", "name", "typed"),
    [
        ("resume", "dash", ""),
        ("resume", "bash", WAITING),
        ("pass", "busybox", WAITING),
        ("fail", "bash as sh", WAITING),
        ("abort", "bash", "sh -c 'trap \"\" INT; echo begun; exec sleep 60'"),
        ("timeout", "dash", WAITING),
    ],
)
def test_the_hold_ends_with_somebody_inside(agent, ssh, inspect, end, name, typed, tmp_path):
    """At the prompt, in a command, in one that ignores ^C: the exit code is what it was."""
    _, option, env = prepare(name, tmp_path)
    limit = ["--timeout", "2s"] if end == "timeout" else []
    one = agent([*limit, "--shell", option, "-c", STEP], env=env)
    terminal = inspect(way := one.way())
    if typed:
        terminal.sendline(typed)
        terminal.expect("begun\r\n")
    act, code = ENDS[end]
    act(one, ssh, way)
    assert one.wait() == code
    left(terminal)


@pytest.mark.parametrize("name", ["bash", "dash"])
def test_the_shell_is_killed_from_inside(agent, inspect, ssh, name, tmp_path):
    """What was reported stands."""
    _, option, env = prepare(name, tmp_path)
    one = agent(["--shell", option, "-c", STEP], env=env)
    terminal = inspect(way := one.way())
    terminal.sendline("kill -9 $$")
    assert left(terminal) == 0
    gone = ssh.run(way, "agent inspect")
    assert gone.returncode == 1
    assert gone.stderr == b"agent: the failed interpreter has ended: there is nothing to look into any more\n"
    ssh.run(way, "agent resume")
    assert one.wait() == 7


@pytest.mark.parametrize("inside", [False, True], ids=["waiting", "inspected"])
def test_the_keeper_is_killed(agent, inspect, inside):
    """Then nothing of the step is left within 2 s."""
    one = agent(["--shell", "bash", "-c", STEP])
    way = one.way()
    if inside:
        inspect(way)
    started = time.monotonic()
    one.program.signal(signal.SIGKILL)
    one.program.wait()
    one.assert_nothing_left()
    assert time.monotonic() - started < 2


def test_pdb(agent, ssh, inspect):
    """A failed Python program: its frames are there."""
    text = "def divide(by):\n    kept = 'frame'\n    return 1 / by\n\ndivide(0)\n"
    one = agent(["--shell", "python", "-c", text])
    way = one.way()
    assert "failed at line 3 in divide: ZeroDivisionError" in one.log
    terminal = inspect(way, prompt=r"\(Pdb\) ")
    assert say(terminal, "p kept, by", r"\(Pdb\) ") == "('frame', 0)"
    terminal.sendline("q")
    assert left(terminal) == 0
    ssh.run(way, "agent resume")
    assert one.wait() == 1


def test_a_step_on_a_terminal(agent, ssh, inspect):
    """It shares the runner's terminal; ^C inside the prompt interrupts all the same."""
    step = pexpect.spawn(
        installed("agent"), ["run", "--shell", "bash", "-c", STEP], timeout=20, encoding="utf-8"
    )
    try:
        step.expect(r"ssh -p (\d+) (\S+)@127.0.0.1")
        port, user = step.match.groups()
        way = Way(user, "127.0.0.1", int(port))
        terminal = inspect(way)
        terminal.sendline(f"{WAITING}; echo not reached")
        terminal.expect("begun\r\n")
        started = time.monotonic()
        terminal.sendintr()
        terminal.expect(PROMPT)
        assert time.monotonic() - started < INTERRUPT_SECONDS
        assert say(terminal, "echo $kept") == "unexported"
        terminal.sendline("exit")
        assert left(terminal) == 0
        ssh.run(way, "agent resume")
        step.expect(pexpect.EOF)
        step.close()
        assert step.exitstatus == 7
    finally:
        step.close(force=True)
        with contextlib.suppress(psutil.Error):
            psutil.Process(step.pid).wait(5)
