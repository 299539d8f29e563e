"""Start programs, wait for what they print, and end them: for the demo, the benchmark and the tests."""

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

OUTPUT_LIMIT = 8 << 20
"""Bytes kept of a program's output: far more than a log of ours, few enough to be no trouble."""

STOP_SECONDS = 10.0
"""Between SIGTERM and SIGKILL. The agent gives what it ends 5 s of its own, and needs a moment for itself."""

QUIET = 0.3
"""Seconds: lines that belong together are printed within a few milliseconds."""

READ_SIZE = 1 << 16
"""Bytes: what a Linux pipe holds."""


class ProgramError(Exception):
    """A program did not print, or end, as it should have; the message carries the tail of its output."""


def installed(name: str) -> str:
    """Find a console script of this virtual environment; HOLDFAST_TEST_AGENT is an agent to take instead."""
    if name == "agent" and (other := os.environ.get("HOLDFAST_TEST_AGENT")):
        return other
    return os.path.join(os.path.dirname(sys.executable), name)


def run(argv: Sequence[str], *, env: Mapping[str, str] | None = None, seconds: float = 30) -> str:
    """Run a program to its end; its standard output, stripped. Raises ProgramError."""
    try:
        done = subprocess.run(
            argv,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProgramError(f"{argv[0]}: {error}") from error
    if done.returncode:
        raise ProgramError(f"{' '.join(argv[:3])}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


class Program:
    """A process in a session of its own, its standard output and error in one pipe.

    The pipe is read only while somebody waits: what is printed meanwhile has to fit into it (64 KiB).
    What is read goes to the descriptor COPY_TO as well, if one is given.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        copy_to: int | None = None,
    ) -> None:
        self._name = " ".join(argv[:2])
        self._pipe, theirs = os.pipe()
        try:
            self._process = subprocess.Popen(
                argv,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
        except OSError as error:
            os.close(self._pipe)
            raise ProgramError(f"{argv[0]}: {error}") from error
        finally:
            os.close(theirs)
        os.set_blocking(self._pipe, False)
        self._exit = os.pidfd_open(self._process.pid)
        self._output = b""
        self._copy_to = copy_to

    def __repr__(self) -> str:
        return f"<Program {self._name} pid={self.pid} exit={self._process.poll()}>"

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def output(self) -> str:
        """All that was read so far."""
        return self._output.decode("utf-8", "replace")

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait_for(self, pattern: str, seconds: float = 20) -> re.Match[str]:
        """Read until PATTERN (multi-line) is in the output. Raises ProgramError on its end or the time's."""
        wanted = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + seconds
        while not (found := wanted.search(self.output)):
            left = deadline - time.monotonic()
            if left <= 0:
                raise ProgramError(self._complaint(f"did not print {pattern!r} in {seconds:g} s"))
            ready, _, _ = select.select([self._pipe, self._exit], [], [], left)
            if not self._read() and self._exit in ready:
                raise ProgramError(self._complaint(f"ended without printing {pattern!r}"))
        return found

    def settle(self) -> None:
        """Read on until nothing has come for a moment."""
        while select.select([self._pipe], [], [], QUIET)[0] and self._read():
            pass

    def wait(self, seconds: float = 20) -> int:
        """Wait for its end; its exit code as in `subprocess` (-N: signal N). Raises ProgramError."""
        deadline = time.monotonic() + seconds
        waiting = [self._pipe, self._exit]
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select(waiting, [], [], left)
            at_end = not self._read()
            if self._exit in ready:
                while self._read():
                    pass
                return self._process.wait()
            if at_end and self._pipe in ready:
                waiting = [self._exit]  # an end of file would be ready for ever
        raise ProgramError(self._complaint(f"did not end in {seconds:g} s"))

    def signal(self, number: int) -> None:
        """Send a signal to the process, if there still is one."""
        self._process.send_signal(number)

    def stop(self) -> int:
        """End it: SIGTERM, and SIGKILL to its whole group if that was not enough. Its exit code."""
        if self._exit < 0:
            return self._process.wait()
        self.signal(signal.SIGTERM)
        try:
            return self.wait(STOP_SECONDS)
        except ProgramError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            return self._process.wait()
        finally:
            self._close()

    def _close(self) -> None:
        os.close(self._exit)
        self._exit = -1
        os.close(self._pipe)

    def _read(self) -> bool:
        """Take what is in the pipe; False if that is nothing."""
        try:
            read = os.read(self._pipe, READ_SIZE)
        except BlockingIOError:
            return False
        self._output += read
        if self._copy_to is not None:
            os.write(self._copy_to, read)
        if len(self._output) > OUTPUT_LIMIT:
            raise ProgramError(f"{self._name}: printed more than {OUTPUT_LIMIT} bytes")
        return bool(read)

    def _complaint(self, what: str) -> str:
        return f"{self._name}: {what}; its last output:\n{self.output[-2000:]}"


@contextlib.contextmanager
def running(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    copy_to: int | None = None,
) -> Iterator[Program]:
    """Start a Program that is stopped at the end of the block, however that ends."""
    program = Program(argv, env=env, cwd=cwd, copy_to=copy_to)
    try:
        yield program
    finally:
        program.stop()
