"""The traps of today's runners, written anew from what they do, start our agent in tmate's place."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from agent import tmate

TRAPS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "traps")
CALL = "In order to ssh into your env please copy the following command:"
SSH_LINE = re.compile(r"^ssh -p (\d+) (\S+)@127\.0\.0\.1$", re.MULTILINE)
"""The line that works without a container around us."""

PYTHON_SECONDS = "3"
"""How long Python's trap waits, whatever happens meanwhile."""


def trap(name):
    with open(os.path.join(TRAPS, name), encoding="utf-8") as file:
        return file.read()


def session(run):
    """Wait for the way in; return the session's id, and the port."""
    run.until("holdfast: host key")
    port, found = SSH_LINE.findall(run.seen.decode())[-1]
    return found, port


@pytest.fixture
def resume(agent):
    """`agent resume`, as in a session of this id; return what it was answered."""

    def act(of, *words):
        environment = {**os.environ, "HOLDFAST_SESSION": of}
        return subprocess.run(
            [agent, "resume", *words], env=environment, capture_output=True, text=True, check=False
        )

    return act


@pytest.fixture
def step(launch, agent, tmp_path):
    """Start a step as a runner does: a shell with the trap's text before the step's own."""

    def start(shell, text, **options):
        name = "harness.py" if shell == sys.executable else "harness.sh"
        before = trap(name) if shell == sys.executable else f"set -e\n{trap(name)}"
        env = {"TMATE_PATH": agent, **options.pop("env", {})}
        return launch(shell, "-c", before + text, cwd=tmp_path, env=env, **options)

    return start


def bare(shell, text):
    """How the step ends with no trap at all."""
    before = "" if shell == sys.executable else "set -e\n"
    return subprocess.run([shell, "-c", before + text], capture_output=True, check=False).returncode


SHELL_TEXTS = (
    "exit 7",
    "exit 255",
    "true\nfalse\nexit 0",
    "no-such-command",
    "set -u; echo $no_such",
    "(exit 3)",
)


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_the_step_s_own_exit_code_comes_back(step, resume, shell):
    runs = {text: step(shell, text) for text in SHELL_TEXTS}
    ends = {}
    for text, run in runs.items():
        assert resume(session(run)[0]).returncode == 0
        ends[text] = run.wait()
    assert ends == {text: bare(shell, text) for text in SHELL_TEXTS}


@pytest.mark.parametrize("shell", ["bash", "sh", sys.executable])
def test_a_step_that_passes_starts_nothing(step, tmp_path, shell):
    run = step(shell, "print('fine')" if shell == sys.executable else "echo fine")
    assert (run.wait(), run.rest()) == (0, "fine\n")
    assert os.listdir(tmp_path) == []


def test_the_hold_s_own_end_keeps_the_code(step):
    """As at the end of the caller's patience: the agent goes by itself, and `timeout` never says 124."""
    run = step("bash", "exit 7", env={"HOLDFAST_TIMEOUT": "2s"})
    session(run)
    assert run.wait() == 7
    assert "timeout" in run.rest()


def test_both_lines_are_on_standard_output(agent, tmp_path, resume):
    """Where runners show what tmate says; a command follows its line at once."""
    (tmp_path / "tmate.conf").write_text("bind x y\n")
    words = [agent, "-f", "tmate.conf", "-F"]
    with subprocess.Popen(
        words,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        seen = []
        while not seen or not SSH_LINE.match(seen[-1]):
            seen.append(run.stdout.readline().rstrip("\n"))
            assert len(seen) < 30, seen
        assert seen[seen.index(CALL) + 1].startswith("ssh ")
        assert "holdfast: tmate.conf line 1: 'bind' is no set command: ignored" in seen
        assert max(map(len, seen)) < 1000
        assert resume(SSH_LINE.match(seen[-1])[2]).returncode == 0
        assert run.wait(20) == 0
        assert run.stderr.read() == ""


def test_resume_takes_no_verdict(step, resume):
    """The exit code is the trap's, and ours is 0 always: so it is said, and nothing ends."""
    run = step("sh", "exit 7")
    of, _ = session(run)
    for words in (["--pass"], ["--fail"], ["--fail", "3"]):
        refused = resume(of, *words)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert len(refused.stderr.splitlines()) == 1
        assert "takes no --pass" in refused.stderr
    assert resume(of).returncode == 0
    assert run.wait() == 7


PYTHON_TEXTS = ("import sys; sys.exit(3)", "raise ValueError('no')", "import sys; sys.exit('why')")


def test_python_s_trap(step, resume):
    """It kills us after its own time, resumed or not: with its own code then, and nothing of ours left."""
    runs = {text: step(sys.executable, text, env={"TRAP_SECONDS": PYTHON_SECONDS}) for text in PYTHON_TEXTS}
    of, _ = session(runs[PYTHON_TEXTS[0]])
    assert resume(of).returncode == 0
    assert {text: run.wait() for text, run in runs.items()} == {
        text: bare(sys.executable, text) for text in PYTHON_TEXTS
    }
    for run in runs.values():
        assert CALL in run.rest()  # and nobody holds the pipe


def test_python_s_trap_interrupted(step, ends):
    """The build is aborted: the trap never comes to its kill."""
    run = step(sys.executable, "raise SystemError")
    session(run)
    run.process.kill()
    run.wait()
    run.rest()


# PowerShell's trap by what is known of it: argv, the file's text, SIGPIPE ignored, `Stop-Process` is SIGKILL.


def powershell_lines():
    return re.findall(r"^\s+'(.*)' \| Out-File -Append", trap("harness.ps1"), re.MULTILINE)


def test_powershell_s_call_and_file():
    (words,) = re.findall(r'-ArgumentList "(.*?)"', trap("harness.ps1"))
    call = tmate.parse(words.split())
    assert (call.foreground, call.file) == (True, "tmate.conf")
    settings = tmate.read_config("\n".join(powershell_lines()).encode())
    assert settings.values == {tmate.HOST: "relay.example.com", tmate.USER: "acme"}
    assert settings.warnings == []


POWERSHELL = """
trap '' PIPE
"$TMATE_PATH" -f tmate.conf -F & agent=$!
read -r _
kill -KILL $agent
wait $agent
exit 1
"""


def test_powershell_s_stop_is_a_kill(launch, agent, tmp_path):
    """It comes without warning: who is in, and what they started, goes with the agent."""
    (tmp_path / "tmate.conf").write_text("\n".join(powershell_lines()))
    run = launch("bash", "-c", POWERSHELL, cwd=tmp_path, env={"TMATE_PATH": agent})
    quiet = ">/dev/null 2>&1 </dev/null"
    assert login(*session(run), f"sleep 300 {quiet} & echo in") == "in\n"
    run.type(b"\n")
    assert run.wait() == 1
    run.rest()


@pytest.mark.skipif(shutil.which("pwsh") is None, reason="PowerShell's real trap needs a pwsh on PATH")
def test_powershell_s_trap(launch, agent, tmp_path, resume):
    """It ends as with a tmate that does nothing at all."""

    def start(path):
        env = {"TMATE_PATH": path, "TRAP_SECONDS": PYTHON_SECONDS}
        return launch("pwsh", "-Command", trap("harness.ps1") + "throw 'no'", cwd=tmp_path, env=env)

    idle, run = start("/bin/true"), start(agent)
    assert resume(session(run)[0]).returncode == 0
    assert run.wait() == idle.wait()
    assert CALL in run.rest()


# Drone's: the script is standard input.


@pytest.fixture
def drone(launch, agent, tmp_path):
    """Start a Drone step; return it and the key that may log in."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    (tmp_path / ".tmate.authorized_keys").write_bytes((tmp_path / "key.pub").read_bytes())

    def start(text, **environment):
        env = {"SCRIPT": trap("drone.sh") + text, "TMATE_PATH": agent, "HOME": str(tmp_path), **environment}
        return launch("sh", "-c", 'echo "$SCRIPT" | /bin/sh', env=env), str(tmp_path / "key")

    return start


def test_drone_s_trap(drone, resume):
    run, key = drone("echo before\nexit 5\necho never", DRONE_BUILD_DEBUG="true")
    of, port = session(run)
    assert login(of, port, "echo in", expected=255) == ""
    assert login(of, port, "echo in", "-i", key) == "in\n"
    assert resume(of).returncode == 0
    assert run.wait() == 5
    assert "never" not in run.rest()


def test_drone_without_its_switch(drone):
    run, _ = drone("exit 5")
    assert (run.wait(), run.rest()) == (5, "")


def login(of, port, command, *options, expected=0):
    """Run a command in a session, with the one key that is named; return what it printed."""
    words = [
        *(
            "ssh",
            "-F",
            "/dev/null",
            "-o",
            "BatchMode=yes",
            "-o",
            "LogLevel=ERROR",
            "-o",
            "IdentityAgent=none",
        ),
        *("-o", "IdentitiesOnly=yes", "-o", "IdentityFile=none", "-o", "StrictHostKeyChecking=no"),
        *("-o", "UserKnownHostsFile=/dev/null", *options, "-p", port, f"{of}@127.0.0.1", command),
    ]
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == expected, done.stderr
    return done.stdout
