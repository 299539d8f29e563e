"""Both keepers, given the same command line, step and signals: exit code, output, and what is left running.

The cases are made by chance, the same ones each time: HOLDFAST_TEST_CASES says how many, HOLDFAST_TEST_SEED which.
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import sysconfig
import uuid

import pytest

from agent.keeper.hooks.shells import ARGUMENT_LIMIT
from tests.binary.conftest import REPOSITORY
from tests.binary.keepers import build, command, settle
from tests.promises.conftest import MARK, Launched, _marked

CASES = int(os.environ.get("HOLDFAST_TEST_CASES", "500"))
SEED = os.environ.get("HOLDFAST_TEST_SEED", "0")
BATCH = 10
"""Cases at one time, each with two agents: most of what a case takes is waiting."""
PARTS = 10
"""Tests that share the cases among the workers."""

LATE = ("LATE_SECONDS=3600",)
DRIVER = f"""
import sys; sys.path[:0] = {[sysconfig.get_path("purelib"), REPOSITORY]!r}
import agent.keeper.keeper as keeper; keeper.STEP_TIMEOUT_MARGIN = 3600
from agent.cli import main; sys.exit(main())
"""
"""With these a step that fails is late, so no session opens, and a case costs what its step costs."""

SIGNALS = ("TERM", "INT", "HUP", "QUIT", "USR2", "ALRM", "CONT", "WINCH", "TTIN", "TTOU")
DEADLY = ("TERM", "INT", "HUP", "QUIT", "KILL", "SEGV", "ABRT", "PIPE", "USR1", "XFSZ", "ALRM")
STRAYS = (
    "",
    "",
    "sleep 300 >/dev/null 2>&1 </dev/null & ",
    "setsid sleep 301 >/dev/null 2>&1 </dev/null & ",
    "(trap '' TERM; exec sleep 302) >/dev/null 2>&1 </dev/null & ",
    "(cd / && exec nohup sh -c 'sleep 303; :' >/dev/null 2>&1 </dev/null &) ",
)
OPTIONS = (
    *((), (), (), ("--timeout", "1s"), ("--timeout=90m", "--linger", "2m"), ("--step", "unit tests")),
    *(("--when", "always"), ("--when", "debug"), ("--when", "never"), ("--heartbeat", "1s", "--node", "1/2")),
    *(
        ("--timeout", "0s"),
        ("--timeuot", "1s"),
        ("--when", "sometimes"),
        ("--step", "a\nb"),
        ("--listen", "0.0.0.0:1"),
    ),
    *(
        ("--url", "\u00fc"),
        ("--relay", "http://x"),
        ("--max-timeout", "1m"),
        ("--step-timeout", "3s"),
        ("--errexit",),
    ),
)
ENVIRONMENTS = (
    *({}, {}, {}, {"HOLDFAST_DEBUG": "0"}, {"HOLDFAST_DEBUG": "1"}, {"RUNNER_DEBUG": "true"}),
    *({"HOLDFAST_TOKEN": "a-token"}, {"HOLDFAST_TOKEN": "not a token"}, {"HOLDFAST_TOKEN_FILE": "/none"}),
    *(
        {"HOLDFAST_WHEN": ""},
        {"HOLDFAST_TIMEOUT": "x"},
        {"BASH_ENV": "/none"},
        {"SHELLOPTS": "xtrace"},
        {"POSIXLY_CORRECT": "1"},
    ),
    *(
        {"PYTHONINSPECT": ""},
        {"PATH": "/usr/bin:/bin::/none"},
        {"SSL_CERT_FILE": "/none", "REQUESTS_CA_BUNDLE": "/none"},
    ),
)
COMMANDS = (
    *(
        (),
        ("",),
        ("no-such-command",),
        ("./none",),
        ("/tmp",),
        ("/dev/null",),
        ("/etc/passwd",),
        ("true",),
        ("false",),
        ("-",),
    ),
    *(
        ("env",),
        ("bash", "-c", "exit 3"),
        ("bash", "-x", "-c", "false"),
        ("bash", "-o", "pipefail", "-eo", "xtrace", "-c", "true; exit 3"),
        ("bash", "--norc", "-ec", "false; echo no"),
    ),
    *(("bash", "-s", "a"), ("cat",), ("sh",), ("bash",), ("x" * 300,)),
)


class Case:
    """One command line with all that goes with it."""

    def __init__(self, chance):
        self.hold = chance.random() < 0.07
        self.tty = chance.random() < 0.25
        self.environment = dict(chance.choice(ENVIRONMENTS))
        self.signals = []
        self.waits = False
        options = () if self.hold else chance.choice(OPTIONS)
        if self.hold:
            options = ("--timeout", "1s")
            self.environment = {}
        elif "--step-timeout" not in options:
            options = ("--step-timeout", "1h", *options)
        self.words = [*options, *self._step(chance)]
        self.ignored = chance.sample(
            ("TERM", "INT", "HUP", "CHLD", "PIPE", "USR2"), chance.choice((0, 0, 0, 1, 2))
        )
        if self.tty or self.hold:
            self.ignored = []

    def __repr__(self):
        how = f"signals {self.signals} ignored {self.ignored} tty {self.tty} hold {self.hold}"
        return f"{[word[-300:] for word in self.words]} {self.environment} {how}"

    def _step(self, chance):
        kind = chance.choice(("command", "sh", "sh", "--shell", "--shell", "--shell", "file"))
        if kind == "command":
            words = chance.choice(COMMANDS)
            if words[:1] in (
                ("bash",),
                ("sh",),
            ):  # at a prompt, what was typed before it came is anybody's guess
                self.tty = False
            return ["--", *words]
        ending = chance.choice(
            (
                "exit {0}",
                "exit {0}",
                "exit 0",
                "kill -{1} $$; exit 4",
                "set -e; false",
                "no-such-command",
                "(",
            )
        )
        ending = ending.format(chance.choice((0, 1, 2, 126, 127, 255, 256)), chance.choice(DEADLY))
        # With `set -x`, what is in the background writes between the lines whenever it comes to it.
        script = "" if "SHELLOPTS" in self.environment else chance.choice(STRAYS)
        if not self.hold and (script or chance.random() < 0.6):
            self.waits = True
            self.signals = chance.sample(SIGNALS, chance.choice((0, 1, 1, 2)))
            for name in self.signals:
                if chance.random() < 0.7 and name not in ("TTIN", "TTOU"):
                    script += f"trap 'echo got {name}' {name}; "
            # A trap may end a `read`.
            script += "echo ready; for i in 1 2 3; do read -r x && break; done; "
        script += ending
        if chance.random() < 0.04:  # too long for the kernel with a hook in front of it
            script = f"#{'x' * (ARGUMENT_LIMIT - len(script) - 20)}\n{script}"
        if kind == "sh":
            return ["--", "sh", "-c", script]
        if kind == "file":
            self._write(script)
            file = chance.choice(("./step.sh", "step.sh", "none.sh"))
            return ["--shell", chance.choice(("sh", "bash")), file, "a b"]
        if self.waits or chance.random() < 0.7:
            return ["--shell", chance.choice(("sh", "bash")), "-c", script, "zero"]
        program = chance.choice(
            (
                "print(1); raise SystemExit(3)",
                "1/0",
                "",
                "import os; os.kill(os.getpid(), 9)",
                "import sys; sys.exit(0)",
            )
        )
        return ["--shell", "python", "-c", program, "argument"]

    def _write(self, script):
        self.script = script

    script = ""


class Run:
    """One agent with a case."""

    def __init__(self, agent, case, folder):
        self.case = case
        self.name = uuid.uuid4().hex
        os.makedirs(folder)
        with open(f"{folder}/step.sh", "w") as file:
            file.write(case.script)
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": folder,
            "LC_ALL": "C",
            MARK: self.name,
            **case.environment,
        }
        ignored = [getattr(signal, f"SIG{name}") for name in case.ignored]

        def prepare():
            for name in os.environ.keys() - environment.keys():
                del os.environ[name]
            for number in (
                signal.SIGPIPE,
                signal.SIGXFSZ,
            ):  # as this interpreter has them, the agents must not
                signal.signal(number, signal.SIG_DFL)
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)

        self.folder = folder
        words = [
            "env",
            "-i",
            *(f"{name}={value}" for name, value in environment.items()),
            *agent,
            "run",
            *case.words,
        ]
        self.launched = Launched(words, tty=case.tty, preexec=prepare, cwd=folder)

    def drive(self):
        if self.case.waits and self._reads("ready"):
            settle(self.name)  # what is in the background has by then got as far as to ignore what it ignores
            for name in self.case.signals:
                self.launched.signal(getattr(signal, f"SIG{name}"))
                settle(self.name)
        if self.launched.process.poll() is None:
            try:
                self.launched.type(b"\n" if self.case.tty or self.case.waits else b"")
                self.launched.type(b"\x04" if self.case.tty else b"")
            except OSError:  # the terminal is gone
                pass
            if not self.case.tty:
                os.close(self.launched._write)
                self.launched._write = os.open(os.devnull, os.O_RDWR)

    def _reads(self, text):
        try:
            self.launched.until(text, 20)
        except AssertionError:
            return False
        return True

    def result(self):
        """Exit code, output without what differs from run to run, and the names of what is left."""
        try:
            code = self.launched.wait(60)
        except subprocess.TimeoutExpired:
            code = "hangs"
            self.launched.process.kill()
        left = self._left()
        output = self.launched.rest(20) if code != "hangs" else ""
        self.launched.close()
        return code, plain(output, self.folder), left

    def _left(self):
        """Name what is still there, and end it; what was killed takes a moment to be gone."""
        settle(self.name)
        left = _marked(self.name)
        names = sorted(name for name in map(command, left) if name)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return names


def plain(text, folder):
    text = text.replace(folder, "FOLDER").replace("\r", "")
    for pattern, word in (
        (r"HOLDFAST_TEST_RUN=\w+", "MARK"),
        (r"/proc/self/fd/\d+", "/proc/self/fd/N"),
        (r"-p \d+ \w{25}@", "-p PORT SESSION@"),
        (r"\S+/agent connect\" \w+", "agent connect"),
        (r"SHA256:\S+", "KEY"),
        (r"after \d+\.\d s|in \d+\.\d s", "TIME"),
        (r"at \d\d:\d\d:\d\d UTC", "at TIME"),
        (r"after \d\.\d+ s", "TIME"),
        (r"line (\d+): +\d+ ", r"line \1: PID "),
        (r"^\s*\d+ (?=Killed|Terminated)", "PID "),
        # A signal to the group ends both; whether bash sees the other's end before its own is chance.
        (r"^.*: line \d+: PID [A-Z].* sleep 30\d.*\n", ""),
    ):
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text


@pytest.fixture(scope="module")
def late(tmp_path_factory):
    return build(tmp_path_factory.mktemp("late") / "agent", *LATE)


@pytest.fixture(scope="module")
def early(tmp_path_factory):
    return build(tmp_path_factory.mktemp("early") / "agent")


def made():
    chance = random.Random(SEED)
    return [Case(chance) for _ in range(CASES)]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_they_agree(late, early, tmp_path, part):
    cases = made()[part::PARTS]
    source = os.path.join(os.path.dirname(sys.executable), "agent")
    differences = []
    for first in range(0, len(cases), BATCH):
        batch = []
        for number, case in enumerate(cases[first : first + BATCH], first):
            python = [source] if case.hold else [sys.executable, "-I", "-S", "-c", DRIVER]
            agents = {"python": python, "c-code": [early if case.hold else late]}
            batch.append([Run(words, case, f"{tmp_path}/{name}{number}") for name, words in agents.items()])
        for runs in batch:
            for run in runs:
                run.drive()
        for runs in batch:
            of_python, of_c = (run.result() for run in runs)
            if of_python != of_c:
                differences.append(f"{runs[0].case}\n  python {of_python}\n  C      {of_c}")
    assert not differences, "\n".join([f"{len(differences)} of {len(cases)}", *differences])
