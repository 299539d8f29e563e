"""A command without a terminal: three pipes, its exit status, its signals."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, Protocol

from agent.session.children import default_signals, signal_group, when_ended
from agent.session.errors import NoShell
from agent.session.pumps import Sink, Source


class Caller(Protocol):
    """Whoever asked for the command."""

    def output(self, data: bytes) -> None:
        """Take standard output."""

    def error_output(self, data: bytes) -> None:
        """Take standard error."""

    def input_congested(self, congested: bool) -> None:
        """Pause or go on sending input."""

    def command_ended(self, status: int) -> None:
        """All output was handed on, and the command ended: an exit code, or minus a signal's number."""


class Command:
    """One running command, the leader of a session of its own.

    It has ended when its process has, and both its outputs have reached their end: as with sshd, a
    background child that keeps them open keeps the channel open.
    """

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], caller: Caller) -> None:
        """Start `argv`; NoShell if that fails."""
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=environment,
                start_new_session=True,
                preexec_fn=default_signals,  # noqa: PLW1509  (one thread: nothing can hold a lock across the fork)
            )
        except (OSError, ValueError) as error:  # ValueError: a NUL in what the client sent
            raise NoShell(f"{argv[0]} cannot be started here: {error}") from error
        assert process.stdin and process.stdout and process.stderr
        self.pid = process.pid
        self._caller = caller
        self._status: int | None = None
        self._open_outputs = 2
        self._sink = Sink(_take(process.stdin), caller.input_congested)
        self._sources = (
            Source(_take(process.stdout), caller.output, self._output_ended),
            Source(_take(process.stderr), caller.error_output, self._output_ended),
        )
        process.returncode = 0  # `when_ended` reaps it: Popen must not try
        when_ended(self.pid, self._ended)
        self.pace(writable=True)

    def __repr__(self) -> str:
        return f"<Command {self.pid} {'running' if self._status is None else self._status}>"

    def type(self, data: bytes) -> None:
        """Standard input."""
        self._sink.write(data)

    def end_input(self) -> None:
        """End of standard input."""
        self._sink.end()

    def pace(self, *, writable: bool) -> None:
        """Read on, or let the command wait."""
        for source in self._sources:
            if writable:
                source.resume()
            else:
                source.pause()

    def signal(self, number: int) -> None:
        """Send a signal to the command and its children."""
        if self._status is None:
            signal_group(self.pid, number)

    def end_output(self) -> None:
        """Nobody reads standard output any more: writing to it is SIGPIPE from now on, as in a pipe."""
        if self._sources[0].close():
            self._output_ended()

    def abandon(self) -> None:
        """Nobody listens any more: close the pipes."""
        self._sink.close()
        for source in self._sources:
            source.close()

    def _ended(self, status: int) -> None:
        self._status = status
        self._finish()

    def _output_ended(self) -> None:
        self._open_outputs -= 1
        self._finish()

    def _finish(self) -> None:
        if self._status is not None and not self._open_outputs:
            self._sink.close()
            self._caller.command_ended(self._status)


def _take(pipe: IO[bytes]) -> int:
    """Take the descriptor from one of Popen's files, which would close it a second time."""
    descriptor = os.dup(pipe.fileno())
    pipe.close()
    return descriptor
