"""The keeper in C, each path once under the sanitizers for addresses and undefined behaviour: nothing is found."""

import os
import signal

import pytest

from tests.binary.keepers import SANITIZERS, build, settle
from tests.promises.conftest import MARK, Launched, _ends, _marked

OPTIONS = {"ASAN_OPTIONS": "exitcode=99:detect_leaks=0", "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99"}
"""No leak counts: the keeper lives as long as its process."""

ENDS = [
    (("--", "true"), 0),
    (("--", "no-such-command"), 127),
    (("--", "/tmp"), 126),
    (("--when", "never", "--", "sh", "-c", "exit 3"), 3),
    (("--timeout", "never", "--", "true"), 2),
    (("--shell", "bash", "-c", "false; exit 4"), 4),
    (("--shell", "bash", "--errexit", "-c", "false; exit 4"), 1),
    (("--shell", "sh", "-c", "kill -SEGV $$"), -signal.SIGSEGV),
    (("--shell", "sh", "/dev/null"), 0),
    (("--shell", "python", "-c", "raise SystemExit(5)"), 5),
    (("--", "bash", "-c", "exit 6"), 6),
    (
        (
            "--step",
            "x" * 256,
            "--url",
            "https://ci/" + "x" * 200,
            "--",
            "sh",
            "-c",
            "setsid sleep 300 & exit 7",
        ),
        7,
    ),
    (("--when", "always", "--linger", "1s", "--", "true"), 0),
]


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory):
    return build(tmp_path_factory.mktemp("sanitized") / "agent", flags=SANITIZERS, compiler="gcc")


@pytest.fixture
def start(sanitized, monkeypatch, tmp_path):
    monkeypatch.setenv(MARK, tmp_path.name)
    launched = []

    def run(*words, **options):
        launched.append(Launched([sanitized, "run", "--timeout", "1s", *words], env=OPTIONS, **options))
        return launched[-1]

    yield run
    for each in launched:
        each.close()
    left = _ends(_marked(tmp_path.name), 2)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def clean(run, code):
    output = run.rest()
    assert "Sanitizer" not in output
    assert "runtime error" not in output
    assert run.wait() == code
    return output


@pytest.mark.parametrize(("words", "code"), ENDS)
@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
def test_ends(start, words, code, tty):
    clean(start(*words, tty=tty), code)


@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
def test_signals(start, tmp_path, tty):
    wait = "for i in 1 2 3; do read -r x && break; done"  # a trap may end a `read`
    run = start("--", "sh", "-c", f"trap 'echo got' USR2; echo ready; {wait}; exit 3", tty=tty)
    run.until("ready")
    settle(tmp_path.name)  # a trap that comes just before the `read` is run after it
    run.signal(signal.SIGUSR2)
    run.until("got")
    run.signal(signal.SIGUSR1)
    run.until("Wait for SSH")
    run.type(b"\n")
    clean(run, 3)


def test_killed(start, tmp_path):
    """The session process sweeps, asleep."""
    run = start("--", "sh", "-c", "sleep 300 & setsid sleep 301 & echo ready; sleep 302")
    run.until("ready")
    run.signal(signal.SIGKILL)
    clean(run, -signal.SIGKILL)
    assert _ends(_marked(tmp_path.name), 2) == []


def test_the_end_of_a_step_timeout(start):
    run = start("--step-timeout", "16s", "--", "sh", "-c", "trap '' TERM; echo ready; sleep 1.2; exit 3")
    assert "no session" in clean(run, 3)
