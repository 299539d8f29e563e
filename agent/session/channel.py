"""One SSH session channel: a shell, a command with or without a terminal, or sftp."""

import asyncio
import contextlib
import re
import shlex
import signal
from typing import TYPE_CHECKING, Any

from asyncssh.stream import SSHServerStreamSession

from agent.session import sftp
from agent.session.command import Command
from agent.session.errors import NoShell
from agent.session.terminal import Size, Terminal
from agent.session.workshop import Workshop
from tunnel.tuning import accept_any_command, when_closed_by_peer, when_reader_gone

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncssh

    from agent.session.server import Login

SFTP_VERSION = 3
"""What OpenSSH, and so nearly everybody, speaks."""

NO_PROCESS = 254
"""Exit status of a channel whose command could not be started."""

_SIGNALS = {number: name for name, number in ((s.name.removeprefix("SIG"), s.value) for s in signal.Signals)}
_NUMBERS = {name: number for number, name in _SIGNALS.items()}


class Channel(SSHServerStreamSession[bytes]):
    """A channel; what was asked for decides what it becomes. sftp and scp are the base class'."""

    _chan: "asyncssh.SSHServerChannel[bytes]"

    def __init__(self, login: "Login", workshop: Workshop) -> None:
        super().__init__(None, sftp_factory=sftp.serve, sftp_version=SFTP_VERSION, allow_scp=True)
        self._login = login
        self._workshop = workshop
        self._window_full = False
        self._input_congested = False
        self._size = Size(0, 0)
        self._modes: Mapping[int, int] = {}
        self._start: Any = None
        self._terminal: Terminal | None = None
        self._owns_terminal = False
        self._command: Command | None = None

    def connection_made(self, chan: "asyncssh.SSHServerChannel[bytes]") -> None:  # type: ignore[override]
        """The channel is open."""
        super().connection_made(chan)
        self._login.channels.add(self)
        accept_any_command(chan)
        when_reader_gone(chan, self.reader_gone)
        when_closed_by_peer(chan, self.closed_by_client)

    def pty_requested(self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Any) -> bool:
        """Note the terminal that the client has."""
        self._size = Size(*term_size)
        self._modes = term_modes
        return True

    def shell_requested(self) -> bool:
        """Open a shell; without a terminal, one that reads commands from its input."""
        self._start = self._start_shell
        return True

    def exec_requested(self, command: str) -> bool:
        """Run a command; `scp -t` and `scp -f` need no scp in the container."""
        if is_scp_server(command):
            return super().exec_requested(command)
        self._start = lambda: self._start_command(command)
        return True

    def session_started(self) -> None:
        """Start what was asked for."""
        if self._start is None:
            super().session_started()
            return
        try:
            self._start()
        except NoShell as error:
            self._chan.write_stderr(
                f"holdfast: {error}; sftp, `agent status` and `agent resume` work\r\n".encode()
            )
            self._chan.exit(NO_PROCESS)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Input."""
        if self._terminal:
            self._terminal.type(data)
        elif self._command:
            self._command.type(data)
        else:
            super().data_received(data, datatype)

    def eof_received(self) -> bool:
        """End of input; the channel stays open for output."""
        if self._command:
            self._command.end_input()
        elif not self._terminal:
            return super().eof_received()
        return True

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        """The client's window has another size."""
        self._size = Size(width, height, pixwidth, pixheight)
        if self._terminal:
            self._terminal.resize(self._size)

    def signal_received(self, signal: str) -> None:
        """Pass a signal on."""
        number = _NUMBERS.get(signal)
        target = self._terminal or self._command
        if number is not None and target:
            target.signal(number)

    def break_received(self, msec: int) -> bool:
        """A break is SIGINT, as for a terminal's line discipline."""
        self.signal_received("INT")
        return True

    def closed_by_client(self) -> None:
        """The client has closed the channel: nobody waits for input that was held back, nor for output."""
        if self._command:
            self._hang_up_command(self._command)
        self._chan.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone: a shell's terminal stays for the next login, a command is hung up."""
        self._login.channels.discard(self)
        super().connection_lost(exc)
        if self._terminal:
            self._terminal.detach(self)
            if self._owns_terminal:
                self._terminal.hang_up()
        if self._command:
            self._hang_up_command(self._command)

    def _hang_up_command(self, command: Command) -> None:
        command.signal(signal.SIGHUP)
        command.abandon()

    def reader_gone(self) -> None:
        """The client takes no more output (`ssh … yes | head -1`): the command gets SIGPIPE."""
        if self._command:
            self._command.end_output()

    def pause_writing(self) -> None:
        """The client's window is used up."""
        super().pause_writing()
        self._window_full = True
        self.pace()

    def resume_writing(self) -> None:
        """The client's window has room again."""
        super().resume_writing()
        self._window_full = False
        self.pace()

    # What a terminal's viewer and a command's caller must be able to do.

    @property
    def writable(self) -> bool:
        """Whether the client keeps up."""
        return not (self._window_full or self._login.congested)

    @property
    def busy(self) -> bool:
        """Whether a command or a terminal of its own runs in it."""
        return self._command is not None or self._terminal is not None

    def pace(self) -> None:
        """Let the source of output run or wait."""
        if self._terminal:
            self._terminal.pace()
        elif self._command:
            self._command.pace(writable=self.writable)

    def show(self, data: bytes) -> None:
        """Send output, if the channel still takes any."""
        with contextlib.suppress(BrokenPipeError):
            self._chan.write(data)

    output = show

    def error_output(self, data: bytes) -> None:
        """Send standard error, if the channel still takes any."""
        with contextlib.suppress(BrokenPipeError):
            self._chan.write_stderr(data)

    def tell(self, text: str) -> None:
        """Show a line of our own, where somebody looks at a terminal."""
        if self._terminal:
            with contextlib.suppress(OSError):
                self._chan.write(f"\r\n{text}\r\n".encode())

    def input_congested(self, congested: bool) -> None:
        """Hold the client's input back, or take it again.

        Not at once: asyncssh is about to hand over all that it holds, and grants the client a new window with the first
        piece of it. Paused in between, it would hold another window each time.
        """
        if congested and not self._input_congested:
            asyncio.get_running_loop().call_soon(self._hold_input_back)
        self._input_congested = congested
        if not congested:
            self._chan.resume_reading()

    def _hold_input_back(self) -> None:
        if self._input_congested:
            self._chan.pause_reading()

    def terminal_ended(self, status: int) -> None:
        """Close the channel with the exit status, or the signal, of what ran in it."""
        if status >= 0:
            self._chan.exit(status)
        else:
            self._chan.exit_with_signal(_SIGNALS.get(-status, str(-status)))

    command_ended = terminal_ended

    def _start_shell(self) -> None:
        if self._chan.get_terminal_type() is None:
            self._command = Command([self._workshop.shell()], self._environment(), self)
            return
        terminal = self._workshop.detached_terminal()
        if terminal:
            terminal.resize(self._size)
        else:
            terminal = self._workshop.open_terminal(
                [self._workshop.shell()], self._environment(), self._size, self._modes
            )
        self._look_at(terminal)

    def _start_command(self, command: str) -> None:
        argv = [self._workshop.shell(), "-c", command]
        if self._chan.get_terminal_type() is None:
            self._command = Command(argv, self._environment(), self)
        else:
            self._owns_terminal = True
            self._look_at(Terminal(argv, self._environment(), self._size, self._modes))

    def _look_at(self, terminal: Terminal) -> None:
        self._terminal = terminal
        terminal.attach(self)

    def _environment(self) -> dict[str, str]:
        return self._workshop.environment(
            dict(self._chan.get_environment()), self._chan.get_terminal_type(), self._chan.get_agent_path()
        )


def is_scp_server(command: str) -> bool:
    """Tell whether this is how an old scp calls its other end; asyncssh serves it, without an scp in the container."""
    try:
        words = shlex.split(command)
    except ValueError:  # the shell shall say what is wrong with it
        return False
    return words[:1] == ["scp"] and any(re.fullmatch("-[a-z]*[tf][a-z]*", word) for word in words[1:-1])
