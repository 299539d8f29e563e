"""The command `agent`: which part runs, what is refused, and what may be imported."""

import os
import subprocess
import sys

import pytest

from agent.cli import COMMANDS, HELP

AGENT = os.path.join(os.path.dirname(sys.executable), "agent")


def agent(*words, env=None, **options):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    environment.update(env or {})
    command = [AGENT, *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=20, env=environment, check=False, **options
    )


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("help",), ("help", "run")])
def test_help(words):
    done = agent(*words)
    assert (done.returncode, done.stdout, done.stderr) == (0, HELP, "")
    for command in COMMANDS:
        assert f"\n  {command} " in done.stdout or command == "help"


def test_help_of_run():
    done = agent("run", "--help")
    assert done.returncode == 0
    assert "--relay URL" in done.stdout


def test_version():
    assert agent("--version").stdout.startswith("holdfast agent ")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "agent: a command is missing: see agent --help\n"),
        (("rnu",), "agent: unknown command rnu, did you mean run?: see agent --help\n"),
        (("--standby",), "agent: unknown command --standby: see agent --help\n"),
        (("run", "--x\ny"), "agent: unknown option --x y: see agent run --help\n"),
        (("run", "--timeout", "soon", "--", "touch", "ran"),
         "agent: --timeout: 'soon' is not a duration: write it like 90s, 15m or 1h30m\n"),
        (("run", "--shell", "sh", "missing"),
         "agent: script missing: No such file or directory: check the name and the rights\n"),
    ],
)  # fmt: skip
def test_bad_usage_is_one_line_and_exit_2(words, line, tmp_path):
    """And the step was not started."""
    done = agent(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("folder", ["PYTHONPATH", "directory"])
def test_the_builds_modules_are_not_ours(tmp_path, folder):
    """A build with a `select.py` or an `agent` package of its own, in its path or where it stands."""
    for name in ("select.py", "_ctypes.py", "agent.py", "_socket.py"):
        (tmp_path / name).write_text("raise SystemExit(99)")
    env = {"PYTHONPATH": str(tmp_path)} if folder == "PYTHONPATH" else {}
    if folder == "PYTHONPATH":
        (tmp_path / "agent.py").unlink()  # the interpreter itself finds that one, before our first line
    done = agent(
        "run",
        "--",
        sys.executable,
        "-c",
        "import os; print(os.environ.get('PYTHONPATH'))",
        env=env,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, f"{env.get('PYTHONPATH')}\n")


def test_our_own_package_may_lie_in_pythonpath():
    """From a checkout that was not installed; then it stands behind the standard library."""
    repository = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    start = "import sys; sys.argv = ['agent', '--help']; from agent.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-S", "-c", start],
        capture_output=True, text=True, timeout=20, env={"PYTHONPATH": repository}, cwd="/", check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, HELP)
