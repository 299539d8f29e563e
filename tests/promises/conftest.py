"""Real agents as real processes: started, read from, and looked for when the test is over."""

import fcntl
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
import uuid

import pytest

OTHER_AGENT = os.environ.get("HOLDFAST_TEST_AGENT")
"""The static binary, where that is held to the promises: `make test-binary`."""
AGENT = OTHER_AGENT or os.path.join(os.path.dirname(sys.executable), "agent")
MARK = "HOLDFAST_TEST_RUN"
"""In the environment of all that a test starts: so what it left behind is found."""
USER = str(23450 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")))
"""An id that has no passwd entry, as containers like it. Of this worker alone: a limit counts all that a user has."""
SSH = (
    *("ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "IdentityAgent=none"),
    *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
)
PATIENCE = 30
"""Seconds that anything may take on a machine that does much else."""


class Launched:
    """A process with its output in one pipe, or on a terminal of its own."""

    def __init__(self, argv, *, tty=False, env=None, preexec=None, **options):
        self.seen = b""
        if tty:
            self._read, slave = os.openpty()
            self._write = self._read
            settings = termios.tcgetattr(slave)
            settings[3] &= ~termios.ECHO
            termios.tcsetattr(slave, termios.TCSANOW, settings)
        else:
            stdin, self._write = os.pipe()
            self._read, slave = os.pipe()

        def prepare():
            if tty:
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            if preexec:
                preexec()

        self.process = subprocess.Popen(
            argv,
            stdin=slave if tty else stdin,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=prepare if tty or preexec else None,  # noqa: PLW1509  (a test's process has one thread)
            env={**os.environ, **(env or {})},
            **options,
        )
        self.pid = self.process.pid
        os.close(slave)
        if not tty:
            os.close(stdin)

    def until(self, text, seconds=PATIENCE, times=1):
        """Read on until `text` was seen, so many times; return all that was."""
        wanted = text.encode()
        deadline = time.monotonic() + seconds
        while self.seen.count(wanted) < times:
            assert self._more(deadline), f"no {text!r} in {self.seen!r}"
        return self.seen.decode(errors="replace")

    def rest(self, seconds=PATIENCE):
        """Read to the end of the output; return all of it."""
        deadline = time.monotonic() + seconds
        while self._more(deadline):
            pass
        return self.seen.decode(errors="replace")

    def _more(self, deadline):
        ready, _, _ = select.select([self._read], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"nothing more came after {self.seen!r}"
        try:
            data = os.read(self._read, 65536)
        except OSError:  # EIO: the terminal's last process is gone
            data = b""
        self.seen += data
        return bool(data)

    def type(self, data):
        os.write(self._write, data)

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, seconds=PATIENCE):
        return self.process.wait(seconds)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for descriptor in {self._read, self._write}:
            os.close(descriptor)


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch):
    """Fail if a process that the test started is still there 2 s after it is over."""
    monkeypatch.setenv(MARK, name := uuid.uuid4().hex)
    monkeypatch.delenv(
        "PYTHONDONTWRITEBYTECODE", raising=False
    )  # compiling at each start would take most of the time
    for variable in [
        variable for variable in os.environ if variable.startswith("HOLDFAST_") and variable != MARK
    ]:
        monkeypatch.delenv(variable)
    yield
    left = _ends(_marked(name), 2)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, f"left behind: {left}"


@pytest.fixture
def launch(nothing_left):
    """Start a command line; `agent run` in front of it if it begins with an option or `--`."""
    launched = []

    def start(*argv, **options):
        words = [AGENT, "run", *argv] if argv[0].startswith("-") else list(argv)
        launched.append(Launched(words, **options))
        return launched[-1]

    yield start
    for each in launched:
        each.close()


@pytest.fixture
def ssh(launch):
    """Log in to the session that an agent announced last: a command, or with `tty` a shell."""

    def log_in(run, *command, tty=False):
        run.until("host key")
        port, user = re.findall(rb"^ssh -p (\d+) (\S+)@127", run.seen, re.MULTILINE)[-1]
        target = ("-p", port.decode(), f"{user.decode()}@127.0.0.1")
        return launch(*SSH, *(["-tt"] if tty else []), *target, *command)

    return log_in


@pytest.fixture
def agent():
    """The command as it is installed beside this interpreter, or the binary."""
    return AGENT


@pytest.fixture(autouse=True)
def of_source(request):
    """Skip, for the binary, what looks into the modules as they run from source."""
    if OTHER_AGENT and request.node.get_closest_marker("source"):
        pytest.skip("looks into modules that run from source")


@pytest.fixture
def as_user(tmp_path):
    """The words that run the agent as an ordinary user, who may be unable to reach our interpreter."""
    if os.getuid() != 0:
        return [AGENT]
    user = ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", "--"]
    if OTHER_AGENT:
        return [*user, AGENT]
    repository = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    driver = (
        f"import sys; sys.path[:0] = {[packages, repository]}; from agent.cli import main; sys.exit(main())"
    )
    interpreter = f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
    words = [*user, interpreter, "-c", driver]
    if subprocess.run([*words, "--help"], cwd="/", capture_output=True, check=False).returncode != 0:
        pytest.skip("no other user can reach this repository and an interpreter of its version")
    return words


@pytest.fixture
def ends():
    """Wait until processes have ended; returns those that have not."""
    return _ends


@pytest.fixture
def marked(nothing_left):
    """Return the pids of all that this test has started and is still there."""
    return lambda: _marked(os.environ[MARK])


@pytest.fixture
def children():
    """The living children of a process, by pid."""
    return _children


@pytest.fixture
def session_process():
    """The pid of a keeper's session process: the one child that runs the keeper's own program, or has woken."""

    def find(keeper):
        found = []
        while not found:  # it has no command line in the moment of an exec; the test's own timeout guards it
            own = _text(f"/proc/{keeper}/cmdline")
            lines = {pid: _text(f"/proc/{pid}/cmdline") for pid in _children(keeper)}
            found = [pid for pid, line in lines.items() if line == own or "\0_session\0" in line]
        (pid,) = found
        return pid

    return find


def _ends(pids, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    return [pid for pid in pids if not _ended(pid, deadline)]


def _ended(pid, deadline):
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(descriptor):
        return bool(select.select([descriptor], [], [], max(0, deadline - time.monotonic()))[0])


def _children(pid):
    return [int(word) for word in _text(f"/proc/{pid}/task/{pid}/children").split()]


def _marked(name):
    wanted = f"{MARK}={name}"
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and wanted in _text(f"/proc/{pid}/environ")]


def _text(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""
