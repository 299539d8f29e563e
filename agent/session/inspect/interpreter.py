"""The failed interpreter as the session knows it: what it says, and the one prompt inside it."""

import asyncio
import contextlib
import os
import signal
import termios
from typing import TYPE_CHECKING, Protocol

import psutil

from agent.config import Config
from agent.keeper.pipes import Pipes
from agent.session.errors import NoPrompt
from agent.session.inspect import records
from agent.session.inspect.questions import ask_prompt
from agent.session.pumps import Sink, Source
from agent.session.terminal import Size

if TYPE_CHECKING:
    from collections.abc import Callable

STATE_SECONDS = 3.0
"""Time for the state to come, which takes some 50 ms; then shells get the one that the step started with."""

INTERRUPT, END_OF_INPUT = b"\x03", b"\x04"
LEAVE = INTERRUPT + 2 * END_OF_INPUT
"""To leave a prompt. Twice: the first end may be that of the very `read` which is interrupted, and dash reads on."""

END_MARK = b"\0holdfast\0"
"""Written behind a prompt's last output: the kernel hands that over in order, but later than the `left` record."""


class Inspector(Protocol):
    """Whoever looks into the interpreter."""

    def show(self, data: bytes) -> None:
        """Take output."""

    def input_congested(self, congested: bool) -> None:
        """Pause or go on sending input."""

    def prompt_ended(self) -> None:
        """The prompt was left, or the interpreter is gone."""


class Interpreter:
    """A failed step's interpreter, which waits. Its prompt's PTY stays, for it may become its terminal.

    `asked`: it was asked for its state, and may answer.
    """

    def __init__(self, config: Config, pipes: Pipes, pid: int, agent: str, *, asked: bool) -> None:
        self.pid = pid
        self.report: asyncio.Future[records.Report] = asyncio.get_running_loop().create_future()
        self.state: asyncio.Future[records.ShellState | None] = asyncio.get_running_loop().create_future()
        if not asked:
            self.state.set_result(None)
        self._config = config
        self._pipes = pipes
        self._agent = agent
        self._records = records.Records()
        self._first = True
        self._open = False
        self._inspector: Inspector | None = None
        self._pty: tuple[int, int] | None = None
        self._last_words: bytes | None = None
        self._sink: Sink | None = None
        self._output: Source | None = None
        self._hook = Source(os.dup(pipes.reports), self._heard, self._silent)
        self._hook.resume()
        self._gone = asyncio.Event()
        self._end: Callable[[], None] = lambda: None
        self._watch_end()

    def __repr__(self) -> str:
        return f"<Interpreter {self.pid} {self.standing}>"

    @property
    def standing(self) -> str:
        """In a word, for `agent status`."""
        if self._gone.is_set():
            return "ended"
        return "being inspected" if self._inspector else "waiting"

    @property
    def inspected(self) -> bool:
        """Whether somebody looks into it."""
        return self._inspector is not None

    async def settle(self) -> None:
        """Wait until report and state are known, for so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STATE_SECONDS):
                await asyncio.gather(asyncio.shield(self.report), asyncio.shield(self.state))

    @property
    def known_report(self) -> records.Report:
        """What was reported, as far as it is known."""
        return self.report.result() if self.report.done() else records.Report()

    @property
    def known_state(self) -> records.ShellState | None:
        """What shells are to inherit, if it is known."""
        return self.state.result() if self.state.done() else None

    async def wait_for_end(self, seconds: float) -> None:
        """Wait until the interpreter is gone, for so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._gone.wait()

    # The prompt

    def inspect(self, inspector: Inspector, size: Size) -> None:
        """Open the prompt, or go on in the one that a lost inspector left; NoPrompt if that cannot be."""
        if self._gone.is_set():
            raise NoPrompt("the failed interpreter has ended: there is nothing to look into any more")
        if self._inspector:
            raise NoPrompt("somebody is inspecting already: one at a time")
        name = self._make_pty()
        self.resize(size)
        self._inspector = inspector
        if self._open:
            self.type(b"\n")
            return
        try:
            ask_prompt(self._config, self._pipes, self._agent, name)
        except OSError as error:
            self._inspector = None
            raise NoPrompt(f"the failed interpreter does not listen: {error.strerror}") from None
        self._open = True

    def leave(self, inspector: Inspector) -> None:
        """The inspector is gone; the prompt stays, for the next."""
        if self._inspector is inspector:
            self._inspector = None
            self.pace(writable=True)

    def type(self, data: bytes) -> None:
        """Input from the inspector."""
        if INTERRUPT in data and self._pty and not _foreground(self._pty[0]):
            self._interrupt()
        if self._sink:
            self._sink.write(data)

    def dismiss(self) -> None:
        """The interpreter was released: have it leave its prompt, and what runs there, to die by itself."""
        if self._open:
            self.type(LEAVE)

    def pace(self, *, writable: bool) -> None:
        """Read on, or let the prompt's output wait."""
        if self._output and writable:
            self._output.resume()
        elif self._output:
            self._output.pause()

    def resize(self, size: Size) -> None:
        """The inspector's window has another size."""
        if self._pty:
            with contextlib.suppress(OSError, termios.error):
                termios.tcsetwinsize(self._pty[0], size.applied())

    def close(self) -> None:
        """The session ends. The PTY stays open: its end would be a hang-up for an interpreter that dies by itself."""
        self._end()
        self._hook.close()
        if self._output:
            self._output.close()
        if self._sink:
            self._sink.close()

    def _make_pty(self) -> str:
        if self._pty is None:
            try:
                self._pty = os.openpty()
            except OSError as error:
                raise NoPrompt(f"no terminal can be opened here: {error.strerror}") from None
            os.set_blocking(self._pty[1], False)
            self._output = Source(os.dup(self._pty[0]), self._show, lambda: None)
            self._output.resume()
            self._sink = Sink(os.dup(self._pty[0]), self._congested)
        return os.ttyname(self._pty[1])

    def _show(self, data: bytes) -> None:
        if self._last_words is not None:
            self._last_words += data
            data, mark, rest = self._last_words.partition(END_MARK)
            if not mark:
                return
            self._last_words = None
            self._show(data)
            self._prompt_over()
            data = rest
        if self._inspector:
            self._inspector.show(data)

    def _congested(self, congested: bool) -> None:
        if self._inspector:
            self._inspector.input_congested(congested)

    def _interrupt(self) -> None:
        """Interrupt what runs in the prompt, where it is not the PTY's own session: a step with a terminal."""
        with contextlib.suppress(psutil.Error):
            step = psutil.Process(self.pid)
            # The step first: a shell that is back at its prompt would take it for a second ^C.
            for process in (step, *step.children(recursive=True)):
                process.send_signal(signal.SIGINT)

    # What it says

    def _heard(self, data: bytes) -> None:
        try:
            for fields in self._records.feed(data):
                self._take(fields)
        except records.RecordError:
            self._silent()
            self._hook.close()

    def _take(self, fields: list[bytes]) -> None:
        if self._first:
            self._first = False
            self.report.set_result(records.parse_report(fields))
        elif records.is_state(fields) and not self.state.done():
            self.state.set_result(records.parse_state(fields))
        elif records.is_left(fields):
            self._prompt_left()

    def _silent(self) -> None:
        """Nothing comes any more: what is not known by now never will be."""
        if not self.report.done():
            self.report.set_result(records.Report())
        if not self.state.done():
            self.state.set_result(None)

    def _prompt_left(self) -> None:
        """Show what the prompt has still said, up to a mark behind it, and then end."""
        assert self._pty
        self._last_words = b""
        try:
            os.write(self._pty[1], END_MARK)
        except OSError:  # full: the inspector takes nothing
            self._prompt_over()

    def _prompt_over(self) -> None:
        self._open = False
        self._last_words = None
        inspector, self._inspector = self._inspector, None
        if inspector:
            if self._output:
                self._output.flush()
            inspector.prompt_ended()

    # Its end

    def _watch_end(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            self._gone.set()
            return
        except OSError:  # before Linux 5.3, or a sandbox: its death shows when the prompt is silent
            return

        def end() -> None:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            self._end = lambda: None

        def ended() -> None:
            end()
            self._gone.set()
            self._silent()
            self._prompt_over()

        self._end = end
        loop.add_reader(descriptor, ended)


def _foreground(master: int) -> bool:
    """Tell whether the PTY is somebody's controlling terminal, so that its line discipline interrupts."""
    try:
        return os.tcgetpgrp(master) > 0
    except OSError:
        return False
