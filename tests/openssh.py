"""The real OpenSSH client, for every test that logs in."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pexpect

OPTIONS = (
    *("-F", "/dev/null", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "IdentityAgent=none"),
    *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=20"),
)


@dataclass(frozen=True)
class Way:
    """How an ssh client reaches a session."""

    user: str
    host: str
    port: int
    options: tuple[str, ...] = ()

    @property
    def session(self) -> str:
        return (self.user or self.host).rpartition(":")[2]

    @property
    def plus(self) -> "Way":
        """The same for scp, sftp and rsync, which cut a user name at its first colon."""
        return replace(self, user=self.user.replace(":", "+"))

    def with_options(self, *options: str) -> "Way":
        return replace(self, options=(*self.options, *options))

    @property
    def client_options(self) -> list[str]:
        return [*OPTIONS, *self.options]

    @property
    def target(self) -> str:
        return f"{self.user}@{self.host}" if self.user else self.host


class Ssh:
    """The OpenSSH client, with nothing of the user's own configuration."""

    def run(
        self,
        way: Way,
        *command: str,
        stdin: bytes = b"",
        options: Sequence[str] = (),
        seconds: float = 30,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command; standard output and error apart."""
        return _run(self.argv(way, *command, options=options), stdin, seconds)

    def sftp(self, way: Way, batch: str, seconds: float = 30) -> subprocess.CompletedProcess[bytes]:
        """Run sftp commands, a line each."""
        return _run(
            ["sftp", "-q", "-b", "-", *way.client_options, "-P", str(way.port), way.plus.target],
            batch.encode(),
            seconds,
        )

    def scp(
        self, way: Way, source: str, target: str, options: Sequence[str] = (), seconds: float = 30
    ) -> subprocess.CompletedProcess[bytes]:
        """Copy a file; the remote of both names begins with `way.plus.target` and a colon."""
        words = [*options, *way.client_options, "-P", str(way.port)]
        return _run(["scp", "-q", *words, source, target], b"", seconds)

    def argv(self, way: Way, *command: str, options: Sequence[str] = ()) -> list[str]:
        # ssh takes the first value that it is given: ours, that of this call, must precede.
        return ["ssh", *options, *way.client_options, "-p", str(way.port), way.target, *command]

    @contextlib.contextmanager
    def shell(self, way: Way) -> Iterator["Shell"]:
        """Log in on a PTY."""
        terminal = pexpect.spawn(
            "ssh",
            self.argv(way)[1:],
            dimensions=(24, 100),
            timeout=20,
            encoding="utf-8",
            env={**os.environ, "TERM": "xterm-256color"},
        )
        try:
            yield Shell(terminal)
        finally:
            terminal.close(force=True)


class Shell:
    """A shell at the other end of an interactive login."""

    PROMPT = "<ready>"

    def __init__(self, terminal: pexpect.spawn) -> None:
        self.terminal = terminal
        self._count = 0
        terminal.expect(r"[#$] ")

    def run(self, command: str, seconds: float = 20) -> tuple[int, str]:
        """Type a command; its exit status and what it printed."""
        self._count += 1
        # The quotes keep the echo of this line from being taken for the command's end.
        self.terminal.sendline(f"{command}; printf '\\n<%s:%s:%s>\\n' en\"\"d {self._count} $?")
        self.terminal.expect(rf"<end:{self._count}:(\d+)>", timeout=seconds)
        return int(self.terminal.match[1]), self.terminal.before

    def leave(self) -> int:
        """End the shell; ssh's exit status."""
        self.terminal.sendline("exit")
        return self.wait()

    def wait(self) -> int:
        """Wait for the login's end; ssh's exit status."""
        self.terminal.expect(pexpect.EOF)
        self.terminal.close()
        return self.terminal.exitstatus


def _run(argv: Sequence[str], stdin: bytes, seconds: float) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(argv, input=stdin, capture_output=True, timeout=seconds, check=False)
