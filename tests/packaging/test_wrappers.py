"""The wrapper scripts, run for real: with an agent, with none, and with one that does not start."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

WRAPPERS = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "packaging", "wrappers"
)
AGENT = os.path.join(os.path.dirname(sys.executable), "agent")
SCRIPTS = ("holdfast.sh", "text.sh", "file.sh")

RECORDER = """\
#!/bin/sh
[ "$*" != --version ] || exit 0
printf '%s\\n' "$#" "$@"
cat
exit 9
"""
"""An agent that tells how it was called, hands its input on, and ends in a way of its own."""

WORDS = ["", "two words", "a'b\"c", "$HOME", "*", "--", "-x", "line\nline", "\\"]


def run(script, *words, shell="sh", stdin="", **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    return subprocess.run(
        [shell, os.path.join(WRAPPERS, script), *words],
        env={**clean, **environment},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def made(tmp_path):
    """Make an agent of a text; a mode without x is one that cannot be executed."""

    def make(text, mode=0o755):
        path = tmp_path / "agent"
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    return make


@pytest.fixture(params=["dash", "bash", "busybox"])
def shell(request, tmp_path):
    """Every sh that runs the wrappers."""
    found = shutil.which(request.param)
    if found is None:
        pytest.skip(f"there is no {request.param}")
    path = tmp_path / "sh"
    path.symlink_to(found)
    return str(path)


@pytest.mark.parametrize(
    ("script", "words", "called"),
    [
        ("holdfast.sh", ["--", "make", "test"], ["run", "--", "make", "test"]),
        ("holdfast.sh", ["make"], ["run", "make"]),
        (
            "holdfast.sh",
            ["--when", "always", "--", "x", *WORDS],
            ["run", "--when", "always", "--", "x", *WORDS],
        ),
        ("text.sh", ["bash", "exit 7"], ["run", "--shell", "bash", "-c", "exit 7"]),
        ("text.sh", ["python", "a\nb", *WORDS], ["run", "--shell", "python", "-c", "a\nb", *WORDS]),
        ("file.sh", ["sh", "ci/test.sh", *WORDS], ["run", "--shell", "sh", "ci/test.sh", *WORDS]),
        ("file.sh", ["pwsh", "-"], ["run", "--shell", "pwsh", "-"]),
    ],
)
def test_the_agent_gets_every_word_and_the_input(made, shell, script, words, called):
    """And its exit code is the wrapper's: nothing runs a second time."""
    done = run(script, *words, shell=shell, stdin="input\n", HOLDFAST_AGENT=made(RECORDER))
    assert done.stdout == "\n".join([str(len(called)), *called, "input\n"])
    assert (done.returncode, done.stderr) == (9, "")


BROKEN = {
    "missing": None,
    "not executable": ("#!/bin/sh\n", 0o644),
    "crashing": ("#!/bin/sh\nkill -SEGV $$\n", 0o755),
    "of another machine": ("\x7fELF\x02\x01\x01" + "x" * 99, 0o755),
    "refusing": ("#!/bin/sh\necho no >&2; exit 1\n", 0o755),
    "swallowing our input": ("#!/bin/sh\ncat >/dev/null; exit 1\n", 0o755),
}


PLAIN = (
    (
        "holdfast.sh",
        ["--step", "x", "--", "sh", "-c", 'cat; echo "$0 $1"; exit 7', "a", "b c"],
        7,
        "in\na b c\n",
    ),
    ("holdfast.sh", ["sh", "-c", 'echo "$@"', "--", "--", "-x"], 0, "-- -x\n"),
    ("text.sh", ["bash", 'cat; echo "$0 $1"; exit 7', "a", "b c"], 7, "in\na b c\n"),
    ("text.sh", ["sh", "kill -TERM $$"], -signal.SIGTERM, ""),
    ("text.sh", ["python", "import sys; print(sys.argv[1:]); sys.exit(3)", "b c"], 3, "['b c']\n"),
    ("file.sh", ["sh", "-"], 5, "read\n"),
)


@pytest.mark.parametrize(
    ("broken", "script", "words", "code", "output"),
    [*((broken, *PLAIN[0]) for broken in BROKEN), *(("missing", *row) for row in PLAIN[1:])],
)
def test_without_an_agent_the_step_runs_plainly(made, broken, script, words, code, output):
    path = made(*BROKEN[broken]) if BROKEN[broken] else "/none/agent"
    stdin = "echo read; exit 5\n" if words[-1] == "-" else "in\n"
    done = run(script, *words, stdin=stdin, HOLDFAST_AGENT=path)
    assert (done.returncode, done.stdout) == (code, output)
    assert done.stderr == f"holdfast: {path} does not start: the step runs without it\n"


def test_plain_files_for_every_shell(tmp_path):
    (tmp_path / "a.sh").write_text('echo "$0 $1"; exit 4')
    (tmp_path / "a.py").write_text("import sys; print(sys.argv); sys.exit(5)")
    for name in ("bash", "sh"):
        done = run("file.sh", name, str(tmp_path / "a.sh"), "b c", HOLDFAST_AGENT="/none")
        assert (done.returncode, done.stdout) == (4, f"{tmp_path}/a.sh b c\n")
    done = run("file.sh", "python", str(tmp_path / "a.py"), "b c", HOLDFAST_AGENT="/none")
    assert (done.returncode, done.stdout) == (5, f"['{tmp_path}/a.py', 'b c']\n")


@pytest.mark.parametrize(
    ("script", "words", "called"),
    [
        ("text.sh", ["pwsh", "exit 3", "a b"], ["-Command", "exit 3", "a b"]),
        ("file.sh", ["pwsh", "a.ps1", "a b"], ["-File", "a.ps1", "a b"]),
    ],
)
def test_plain_powershell_by_its_contract(tmp_path, script, words, called):
    (tmp_path / "pwsh").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 3\n")
    (tmp_path / "pwsh").chmod(0o755)
    done = run(script, *words, PATH=f"{tmp_path}:{os.environ['PATH']}", HOLDFAST_AGENT="/none")
    assert (done.returncode, done.stdout.splitlines()) == (3, called)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("holdfast.sh", []),
        ("holdfast.sh", ["--step", "x"]),
        ("holdfast.sh", ["--"]),
        ("text.sh", ["sh"]),
        ("file.sh", []),
    ],
)
def test_nothing_to_run_is_one_line(script, words):
    done = run(script, *words, HOLDFAST_AGENT="/none")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("holdfast: ")


@pytest.mark.parametrize("script", SCRIPTS)
def test_where_the_agent_is(made, tmp_path, script):
    recorder = made(RECORDER)
    words = ["sh", "-c"] if script == "holdfast.sh" else ["sh", "exit 4"]
    assert run(script, *words, TMATE_PATH=recorder).returncode == 9
    assert run(script, *words, TMATE_PATH="/none", HOLDFAST_AGENT=recorder).returncode == 9
    assert run(script, *words, TMATE_PATH=recorder, HOLDFAST_AGENT="").returncode == 9
    default = run("text.sh", "sh", "exit 4")
    assert os.path.exists("/addon/agent") or (default.returncode, "/addon/agent" in default.stderr) == (
        4,
        True,
    )


def test_the_container_needs_no_file_of_ours(made):
    with open(os.path.join(WRAPPERS, "text.sh"), encoding="ascii") as file:
        words = ["sh", "-c", file.read(), "text.sh", "bash", "exit $1", "text", "6"]
    done = subprocess.run(
        words, env={**os.environ, "HOLDFAST_AGENT": "/none"}, capture_output=True, check=False
    )
    assert done.returncode == 6
    done = subprocess.run(
        words,
        env={**os.environ, "HOLDFAST_AGENT": made(RECORDER)},
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.stdout.splitlines() == [b"7", b"run", b"--shell", b"bash", b"-c", b"exit $1", b"text", b"6"]


@pytest.mark.parametrize("agent", [AGENT, "/none"])
def test_the_step_sees_the_same_environment(agent):
    """Wrapped or plainly: nothing of the wrapper's own is in it."""
    bare = subprocess.run(
        ["sh", "-c", "env"], env={"PATH": os.environ["PATH"], "A": "b"}, capture_output=True, check=False
    )
    wrapped = subprocess.run(
        ["sh", os.path.join(WRAPPERS, "holdfast.sh"), "--", "sh", "-c", "env"],
        env={"PATH": os.environ["PATH"], "A": "b", "HOLDFAST_AGENT": agent},
        capture_output=True,
        check=False,
    )
    wanted = sorted([*bare.stdout.splitlines(), f"HOLDFAST_AGENT={agent}".encode()])
    assert sorted(wrapped.stdout.splitlines()) == wanted


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("text", ["exit 0", "exit 7", "kill -TERM $$", "echo out; echo err >&2; exit 3"])
def test_the_real_agent_keeps_the_result(tmp_path, script, text):
    """HOLDFAST_DEBUG=0: the agent becomes the step, and nothing is held."""
    (tmp_path / "step").write_text(text)
    words = {
        "holdfast.sh": ["--when", "always", "--", "sh", "-c", text],
        "text.sh": ["sh", text],
        "file.sh": ["sh", str(tmp_path / "step")],
    }[script]
    bare = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False)
    done = run(script, *words, HOLDFAST_AGENT=AGENT, HOLDFAST_DEBUG="0")
    assert (done.returncode, done.stdout, done.stderr) == (bare.returncode, bare.stdout, bare.stderr)


def test_a_signal_to_the_wrapper_is_one_to_the_agent(made):
    agent = made(
        '#!/bin/sh\n[ "$*" != --version ] || exit 0\ntrap "exit 3" TERM\necho ready\nwhile :; do sleep 0.05; done\n'
    )
    words = ["sh", os.path.join(WRAPPERS, "holdfast.sh"), "--", "x"]
    with subprocess.Popen(
        words, env={**os.environ, "HOLDFAST_AGENT": agent}, stdout=subprocess.PIPE
    ) as wrapper:
        assert wrapper.stdout.readline() == b"ready\n"
        wrapper.terminate()
        assert wrapper.wait(10) == 3
