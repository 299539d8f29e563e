"""How runners end a step, each with the very signals that it sends, and the agent where it would have it."""

import os
import signal

import pytest

SECONDS = 2
"""Within which nothing is left, and nobody holds the step's output."""

PLACES = {"exec'ed": 'exec "$@"', "child": '"$@"; exit $?'}
"""The runner's own shell: the process that it knows, and signals."""

TREE = "sleep 300 & a=$!; setsid sleep 301 & echo pids $$ $a $!; "
RUNNING, HELD = TREE + "sleep 302; exit 4", TREE + "exit 4"

OUTCOMES = {RUNNING: [-signal.SIGKILL], HELD: [-signal.SIGKILL, 4]}
"""After a first signal and SIGKILL at once. The agent of a hold may get to the first, and have ended with the verdict.

That of a running step is stopped here before both: if it got to the first it would leave, as bare, what the step has
in the background.
"""


class Step:
    """A step as a runner has started it: `run` is what it knows, `pids` what there is beside."""

    def __init__(self, launch, agent, place, script, children, prefix=()):
        words = [*prefix, "sh", "-c", PLACES[place], "sh", agent, "run", "--", "sh", "-c", script]
        self.run = launch(*words)
        self.run.until("Wait for SSH" if script == HELD else "pids")
        self.run.until("\n")
        line = next(line for line in self.run.seen.decode().splitlines() if line.startswith("pids"))
        self.agent = self.run.pid if place == "exec'ed" and not prefix else children(self.run.pid)[0]
        self.pids = [int(word) for word in line.split()[1:]] if not prefix else []
        self.pids += [self.agent, *children(self.agent)]


@pytest.fixture
def steps(launch, agent, children):
    """Each of these states in each of these places, all at one time."""

    def start(*scripts, places=tuple(PLACES)):
        return {
            (place, script): Step(launch, agent, place, script, children)
            for place in places
            for script in scripts
        }

    return start


def test_kubernetes_addon(steps, ends):
    """SIGINT, and SIGKILL at once, to the shell alone."""
    started = steps(RUNNING, HELD)
    for (place, script), step in started.items():
        if (place, script) == ("exec'ed", RUNNING):
            os.kill(step.agent, signal.SIGSTOP)
        os.kill(step.run.pid, signal.SIGINT)
        os.kill(step.run.pid, signal.SIGKILL)
    for (place, script), step in started.items():
        assert step.run.wait() in OUTCOMES[script]
        if place == "child" and script == RUNNING:
            continue
        assert ends(step.pids, SECONDS + 1) == []
        step.run.rest(SECONDS)
    # Bare, a step outlives the shell above it. Nobody waits for its verdict, so it is not held when it ends.
    alone = started["child", RUNNING]
    assert ends([alone.agent], 0.1) == [alone.agent]
    os.kill(alone.agent, signal.SIGTERM)
    assert ends([alone.agent]) == []
    assert b"holdfast:" not in alone.run.seen
    for pid in alone.pids[1:3]:  # what it left in the background, as bare
        if ends([pid], 0.1):
            os.kill(pid, signal.SIGKILL)
    alone.run.rest(SECONDS)


def test_host_mode(steps, ends):
    """SIGTERM to the group, and SIGKILL at once."""
    started = steps(RUNNING, HELD)
    for (_, script), step in started.items():
        if script == RUNNING:
            os.kill(step.agent, signal.SIGSTOP)
        os.killpg(step.run.pid, signal.SIGTERM)
        os.killpg(step.run.pid, signal.SIGKILL)
    for (_, script), step in started.items():
        assert step.run.wait() in (-signal.SIGTERM, *OUTCOMES[script])
        assert ends(step.pids, SECONDS) == []
        step.run.rest(SECONDS)


def test_host_mode_with_grace(steps, ends):
    """SIGTERM to the group, and nothing more is needed: the step ends as it does bare, and so does a hold."""
    started = steps(RUNNING, HELD)
    for step in started.values():
        os.killpg(step.run.pid, signal.SIGTERM)
    for (place, script), step in started.items():
        own = 4 if (place, script) == ("exec'ed", HELD) else -signal.SIGTERM
        assert step.run.wait() == own
        assert ends([step.agent]) == []
        if script == RUNNING:  # what leads a session of its own is in nobody's group: as bare, it stays
            assert ends(step.pids[1:3], 0.2) == [step.pids[2]]
            os.kill(step.pids[2], signal.SIGKILL)
        log = step.run.rest()
        assert ("aborted" in log) == (script == HELD)


def test_lite_engine(steps, ends):
    """Nothing at the step's timeout, so the session goes on; SIGKILL at an abort."""
    started = steps(HELD, places=("exec'ed",))
    step = started["exec'ed", HELD]
    assert ends([step.agent], 0.5) == [step.agent]
    os.kill(step.run.pid, signal.SIGKILL)
    assert step.run.wait() == -signal.SIGKILL
    assert ends(step.pids, SECONDS) == []
    step.run.rest(SECONDS)


@pytest.mark.parametrize("place", list(PLACES))
def test_container_deleted(launch, agent, children, ends, place):
    """The kernel kills all that is in it at once."""
    if os.getuid() != 0:
        pytest.skip("only root may make a PID namespace here")
    prefix = ("unshare", "--pid", "--fork", "--mount-proc")
    started = [Step(launch, agent, place, script, children, prefix) for script in (RUNNING, HELD)]
    for step in started:
        os.kill(step.agent, signal.SIGKILL)  # the namespace's first process
    for step in started:
        assert ends(step.pids, SECONDS) == []
        assert step.run.wait() != 0
        step.run.rest(SECONDS)


def test_docker_stop(launch, agent, children):
    """SIGTERM to the first process, and time for it: a running step decides, a hold ends with the verdict."""
    if os.getuid() != 0:
        pytest.skip("only root may make a PID namespace here")
    prefix = ("unshare", "--pid", "--fork", "--mount-proc")
    polite = "trap 'exit 9' TERM; " + TREE + "while :; do wait; done"
    started = [Step(launch, agent, "exec'ed", script, children, prefix) for script in (RUNNING, polite, HELD)]
    for step in started:
        os.kill(step.agent, signal.SIGTERM)
    assert [step.run.wait() for step in started] == [128 + signal.SIGTERM, 9, 4]
