"""In tmate's place, whoever is killed and wherever we are: nothing is left, and the exit code is 0."""

import os
import re
import shutil
import signal
import subprocess

import pytest

SECONDS = 2.5
"""The parents' death is noticed within 2 s, also where it must be looked for; KILL is then at once."""

WATCHER_SECONDS = 10
"""busybox' timeout has left a process of its own behind us, which looks each second whether it is still wanted."""

TRAP = """
cd "$WORK" || exit 99
trap 'timeout 3600s "$TMATE_PATH" -f tmate.conf -F' EXIT
exit 7
"""


@pytest.fixture
def work(tmp_path):
    """A working directory with what a trap has written."""
    (tmp_path / "tmate.conf").write_text("set -g tmate-user acme\n")
    return tmp_path


@pytest.fixture
def step(launch, agent, work):
    """Start a step whose trap has started the agent; what there is below it, when the session is open."""

    def start(timeout="timeout", **options):
        found = shutil.which(timeout) or pytest.skip(f"there is no {timeout}")
        tools = work / "tools"
        tools.mkdir()
        (tools / "timeout").symlink_to(found)
        env = {"TMATE_PATH": agent, "WORK": str(work), "PATH": f"{tools}:{os.environ['PATH']}"}
        run = launch("sh", "-c", TRAP, env=env, **options)
        run.until("holdfast: host key")
        return run, below(run.pid)

    return start


def below(pid):
    """All processes below `pid`."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        found = [int(word) for word in file.read().split()]
    return found + [each for child in found for each in below(child)]


@pytest.mark.parametrize("timeout", ["timeout", "busybox"])
def test_the_step_s_group_is_killed(step, ends, marked, timeout):
    """GNU timeout has taken us into a group of its own, busybox' has not."""
    run, tree = step(timeout)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert ends(tree, SECONDS) == []
    run.rest()
    assert ends(marked(), WATCHER_SECONDS) == []


@pytest.mark.parametrize("timeout", ["timeout", "busybox"])
def test_the_shell_alone_is_killed(step, ends, marked, timeout):
    """As in Kubernetes at a step's timeout: GNU `timeout` is our parent still, but its own is gone."""
    run, tree = step(timeout)
    run.signal(signal.SIGINT)
    run.signal(signal.SIGKILL)
    run.wait()
    assert ends(tree, SECONDS) == []
    run.rest()
    assert ends(marked(), WATCHER_SECONDS) == []


def name(pid):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            return file.read().partition("\0")[0]
    except OSError:
        return ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_abort(step, ends, number):
    """To the step's group, as a runner on a host does it. (At SIGINT its shell waits for `timeout` to end.)"""
    run, tree = step()
    os.killpg(run.pid, number)
    run.wait()
    assert ends(tree, SECONDS) == []
    run.rest()


def test_the_agent_is_killed(step, ends, session_process):
    run, tree = step()
    keeper = next(pid for pid in tree if any(name(each) == name(pid) for each in below(pid)))
    os.kill(keeper, signal.SIGKILL)
    assert ends(tree, SECONDS) == []
    assert run.wait() == 7  # a trap without `set -e`: ours is no exit code that counts
    run.rest()


def test_the_working_directory_stays_as_it_is(launch, agent, work):
    """Also where nobody may write: the file then lies elsewhere."""
    conf = work / "tmate.conf"
    inside = work / "inside"
    inside.mkdir()
    closed = ["unshare", "--mount", "sh", "-c", 'mount --bind -o ro . . && cd "$PWD" && exec "$@"', "sh"]
    if os.getuid() != 0:
        inside.chmod(0o555)
        closed = []
    run = launch(*closed, agent, "-f", str(conf), "-F", cwd=inside, env={"HOLDFAST_TIMEOUT": "1s"})
    assert "holdfast: host key" in run.rest()
    assert run.wait() == 0
    assert (os.listdir(inside), sorted(os.listdir(work))) == ([], ["inside", "tmate.conf"])


BARE = 'exec <&- env -i PATH="$PATH" {mark} HOLDFAST_TIMEOUT=1s setsid "$0" -f {conf} -F'


def test_without_input_terminal_home_or_locale(launch, agent, work):
    text = BARE.format(mark='HOLDFAST_TEST_RUN="$HOLDFAST_TEST_RUN"', conf=work / "tmate.conf")
    run = launch("sh", "-c", text, agent, cwd="/")
    assert "holdfast: host key" in run.rest()
    assert run.wait() == 0


def test_as_a_user_without_a_name(launch, as_user):
    run = launch(*as_user, "-F", cwd="/", env={"HOME": "/none", "HOLDFAST_TIMEOUT": "1s"})
    assert "holdfast: host key" in run.rest()
    assert run.wait() == 0


@pytest.mark.parametrize(
    ("conf", "words", "environment", "says"),
    [
        (b"\x7fELF\0\0", "-f tmate.conf -F", {}, r"tmate\.conf line 1: this is not text"),
        (b"set tmate-user 'x", "-f tmate.conf -F", {}, r"tmate\.conf line 1: tmate-user has a quote"),
        (
            b"set tmate-authorized-keys /none\n",
            "-f tmate.conf -F",
            {},
            r"authorized keys /none: No such file",
        ),
        (b"", "-f none.conf -F", {}, r"none\.conf: No such file or directory"),
        (b"", "-f tmate.conf -F new", {}, r"tmate's command 'new' is not supported"),
        (b"", "-F -f", {}, r"-f needs a value"),
        (b"", "-F", {"HOLDFAST_TIMEOUT": "soon"}, r"HOLDFAST_TIMEOUT: 'soon' is not a duration"),
    ],
)
def test_bad_input_is_one_line_and_no_reason_to_fail(agent, work, conf, words, environment, says):
    """The step has failed already, with a code of its own."""
    (work / "tmate.conf").write_bytes(conf)
    done = subprocess.run(
        [agent, *words.split()],
        cwd=work,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1
    assert re.search(says, done.stdout)


@pytest.mark.parametrize("words", [["-f", "tmate.conf"], ["-S", "/tmp/socket", "attach"], ["-x"]])
def test_what_is_not_supported_is_one_line_too(agent, work, words):
    done = subprocess.run([agent, *words], cwd=work, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "supported are -F, with -f FILE, and -V" in done.stderr


def test_debugging_off(agent, work):
    done = subprocess.run(
        [agent, "-f", "tmate.conf", "-F"],
        cwd=work,
        env={**os.environ, "HOLDFAST_DEBUG": "0"},
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
