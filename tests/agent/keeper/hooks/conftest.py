"""Interpreters with a hook, driven without a keeper: three pipes, and what comes out of them."""

import contextlib
import functools
import glob
import os
import select
import shutil
import subprocess
import sys
import time

import pytest

from agent.config import read
from agent.keeper.hooks import python
from agent.keeper.hooks.launch import Numbers

PATIENCE = 20
"""Seconds that anything may take on a machine that does much else."""
PYENV = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
KEPT = ("HOME", "LD_LIBRARY_PATH", "PATH")
"""Of our environment: what would make two runs differ stays out."""


class Step:
    """A step as its hook's file has it started, with the ends of its pipes."""

    def __init__(self, module, words, folder, *, armed, variables=None):
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        config = read(words, {**environment, "LC_ALL": "C.UTF-8", **(variables or {})})
        self.folder = folder
        self.report, report = os.pipe()
        answers, self.answers = os.pipe()
        text, write_text = os.pipe()
        self.open = {self.report, self.answers, report, answers, text}
        self._theirs = (report, answers, text)
        self.launch = module.arm(config, Numbers(*self._theirs)) if armed else module.plain(config)
        os.write(write_text, self.launch.hook)
        os.close(write_text)
        self._seen = b""

    def start(self, **options):
        """Start it, as a keeper does: it leads a session of its own."""
        fds = self._theirs if self.launch.armed else ()
        process = subprocess.Popen(
            self.launch.argv,
            env=self.launch.environment,
            cwd=self.folder,
            pass_fds=fds,
            start_new_session=True,
            **options,
        )
        self.close(*self._theirs)
        return process

    def run(self, data=b"", **options):
        """Run it to its end without a hold."""
        self.close(self.answers)
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        with self.start(**options) as process:
            out, err = process.communicate(data, PATIENCE)
        return process.returncode, out, err

    def record(self):
        """Wait for a record; returns its fields."""
        while b"\0\0" not in self._seen:
            ready, _, _ = select.select([self.report], [], [], PATIENCE)
            assert ready, f"no record in {self._seen!r}"
            data = os.read(self.report, 65536)
            assert data, f"no record in {self._seen!r}"
            self._seen += data
        found, _, self._seen = self._seen.partition(b"\0\0")
        return [field.decode(errors="surrogateescape") for field in found.split(b"\0")]

    def ask(self, line):
        assert "\n" not in line
        os.write(self.answers, line.encode() + b"\n")

    def release(self):
        self.close(self.answers)

    def close(self, *descriptors):
        for descriptor in descriptors or tuple(self.open):
            self.open.remove(descriptor)
            os.close(descriptor)


@pytest.fixture
def step():
    """Make a step; its descriptors are closed when the test is over."""
    made = []

    def make(*arguments, **options):
        made.append(Step(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def held(interpreter, step, tmp_path):
    """Start a program; returns the step and its process, which is ended with the test."""
    with contextlib.ExitStack() as stack:

        def start(program, *words, variables=None, **options):
            variables = {"PATH": f"{interpreter}:{os.environ['PATH']}", **(variables or {})}
            made = step(
                python,
                ["--shell", "python", "-c", program, *words],
                tmp_path,
                armed=True,
                variables=variables,
            )
            pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            process = stack.enter_context(made.start(**{**pipes, **options}))
            stack.callback(process.kill)
            return made, process

        yield start


class Terminal:
    """A PTY, as a person at it sees it."""

    def __init__(self):
        self.master, self.slave = os.openpty()
        self.name = os.ttyname(self.slave)
        self.seen = b""

    def until(self, words):
        deadline = time.monotonic() + PATIENCE
        while words.encode() not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no {words!r} in {self.seen!r}"
            self.seen += os.read(self.master, 65536)
        shown, _, self.seen = self.seen.partition(words.encode())
        return shown.decode()

    def say(self, words, prompt="(Pdb) "):
        """Wait for a prompt, and answer it."""
        shown = self.until(prompt)
        os.write(self.master, words.encode())
        return shown

    def close(self):
        for descriptor in {self.master, self.slave} - {None}:
            os.close(descriptor)
        self.master = self.slave = None


@pytest.fixture
def terminal():
    made = []

    def make():
        made.append(Terminal())
        return made[-1]

    yield make
    for each in made:
        each.close()


def pytest_generate_tests(metafunc):
    """Let a test that asks for an `interpreter` run with each."""
    if "interpreter" in metafunc.fixturenames:
        found = interpreters()
        metafunc.parametrize("interpreter", found.values(), ids=found, scope="session")


@functools.cache
def interpreters():
    """Return folders of Python interpreters by their version: ours, the oldest and the newest that are found.

    HOLDFAST_TEST_PYTHONS names others, with colons between.
    """
    named = [name for name in os.environ.get("HOLDFAST_TEST_PYTHONS", "").split(":") if name]
    if named:
        return dict(map(_version, named))
    found = {}
    for minor in range(6, 30):
        places = [shutil.which(f"python3.{minor}"), *glob.glob(f"{PYENV}/versions/3.{minor}.*/bin/python3")]
        for place in filter(None, places):
            with contextlib.suppress(subprocess.CalledProcessError):  # a wrapper around nothing
                found.update([_version(place)])
    return {**dict([*found.items()][:1] + [*found.items()][-1:]), **dict([_version(sys.executable)])}


def _version(name):
    program = "import os, sys; print('%d.%d' % sys.version_info[:2]); print(os.path.dirname(sys.executable))"
    shown = subprocess.run([name, "-c", program], capture_output=True, check=True, text=True).stdout
    return tuple(shown.splitlines())
