"""A terminal: a shell on a PTY, which outlives the logins that look at it."""

import contextlib
import os
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ptyprocess import PtyProcess, PtyProcessError

from agent.session import modes
from agent.session.children import default_signals, signal_group, when_ended
from agent.session.errors import NoShell
from agent.session.pumps import Sink, Source
from agent.session.scrollback import Scrollback

STDIN = 0

CURSOR_QUERY, CURSOR_ANSWER = b"\x1b[6n", b"\x1b[1;1R"
"""Where is the cursor? PowerShell hangs before its prompt until it knows; with no viewer we say."""

BURST = 16
"""PTY reads joined into one write to the viewers: 64 KiB, two packets of SSH."""


@dataclass(frozen=True, slots=True)
class Size:
    """A window: characters and pixels; 0 where the client did not say."""

    columns: int
    rows: int
    width: int = 0
    height: int = 0

    def applied(self) -> tuple[int, int]:
        """Return rows and columns as the kernel is told: 24 × 80 where unknown, within its 16 bits."""
        return (min(self.rows, 0xFFFF) or 24, min(self.columns, 0xFFFF) or 80)


class Viewer(Protocol):
    """A login that looks at a terminal."""

    @property
    def writable(self) -> bool:
        """Whether the viewer keeps up."""

    def show(self, data: bytes) -> None:
        """Take output."""

    def input_congested(self, congested: bool) -> None:
        """Pause or go on sending input."""

    def terminal_ended(self, status: int) -> None:
        """The shell ended: an exit code, or minus a signal's number."""


class Terminal:
    """A command on a PTY, its scrollback and its viewers.

    The slowest viewer sets the pace, as one ssh does: output waits in the kernel, and so does the command.
    With no viewer the output goes to the scrollback alone, so the command goes on.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        size: Size,
        terminal_modes: Mapping[int, int],
    ) -> None:
        """Start `argv`; NoShell if that fails."""
        # An exception between fork and exec would leave two of us: ptyprocess looks for OSError there, no other.
        if any("\0" in word for word in (*argv, *environment, *environment.values())):
            raise NoShell(f"{argv[0]} cannot be started with a NUL in its arguments or environment")

        def prepare() -> None:
            default_signals()
            with contextlib.suppress(termios.error):
                modes.apply(STDIN, terminal_modes)

        try:
            process = PtyProcess.spawn(
                list(argv), env=dict(environment), dimensions=size.applied(), preexec_fn=prepare
            )
        except (OSError, PtyProcessError) as error:
            raise NoShell(f"{argv[0]} cannot be started here: {error}") from error
        self.pid: int = process.pid
        self.ended = False
        self._viewers: list[Viewer] = []
        self._scrollback = Scrollback()
        self._master = os.dup(process.fd)
        process.fileobj.close()
        process.closed = True  # its own end would sleep, kill and wait
        self._source = Source(os.dup(self._master), self._output, lambda: None, burst=BURST)
        self._sink = Sink(os.dup(self._master), self._congested)
        when_ended(self.pid, self._end)
        self._source.resume()

    def __repr__(self) -> str:
        state = "ended" if self.ended else f"{len(self._viewers)} viewers"
        return f"<Terminal {self.pid} {state} {self._scrollback!r}>"

    @property
    def detached(self) -> bool:
        """Whether nobody looks at it, while its command goes on."""
        return not self.ended and not self._viewers

    def attach(self, viewer: Viewer) -> None:
        """Show the terminal to a viewer, from its scrollback on."""
        replay = self._scrollback.replay()
        self._viewers.append(viewer)
        if replay:
            viewer.show(replay)

    def detach(self, viewer: Viewer) -> None:
        """The viewer is gone; the terminal stays."""
        if viewer in self._viewers:
            self._viewers.remove(viewer)
        self.pace()

    def pace(self) -> None:
        """Read on if every viewer keeps up, else let the command wait."""
        if all(viewer.writable for viewer in self._viewers):
            self._source.resume()
        else:
            self._source.pause()

    def type(self, data: bytes) -> None:
        """Input from a viewer."""
        self._sink.write(data)

    def resize(self, size: Size) -> None:
        """The window of a viewer changed; the newest wins."""
        if not self.ended:
            with contextlib.suppress(OSError):
                termios.tcsetwinsize(self._master, size.applied())

    @property
    def viewers(self) -> int:
        """How many logins look at it."""
        return len(self._viewers)

    def foreground_group(self) -> int:
        """Return the process group that has the terminal now, 0 if none."""
        try:
            return max(os.tcgetpgrp(self._master), 0)
        except OSError:
            return 0

    def signal(self, number: int) -> None:
        """Send a signal to what runs in the foreground, as a key of the terminal would."""
        if group := self.foreground_group():
            signal_group(group, number)

    def hang_up(self) -> None:
        """Close the terminal: its processes get SIGHUP from the kernel."""
        self._source.close()
        self._sink.close()
        self._close_master()

    def _output(self, data: bytes) -> None:
        self._scrollback.append(data)
        for viewer in self._viewers:
            viewer.show(data)
        if self._viewers:
            self.pace()
        elif CURSOR_QUERY in data:
            self._sink.write(CURSOR_ANSWER)

    def _congested(self, congested: bool) -> None:
        for viewer in self._viewers:
            viewer.input_congested(congested)

    def _end(self, status: int) -> None:
        """The shell has ended: show its last words; what it left in the background loses the terminal."""
        if not self._master_closed:
            self._source.drain()
            self._sink.close()
            self._close_master()
        self.ended = True
        viewers, self._viewers = self._viewers, []
        for viewer in viewers:
            viewer.terminal_ended(status)

    @property
    def _master_closed(self) -> bool:
        return self._master < 0

    def _close_master(self) -> None:
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
