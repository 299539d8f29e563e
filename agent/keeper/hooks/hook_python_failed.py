"""The hook in a Python step whose program has failed: it dies as bare, but reports and waits before that.

Runs behind `hook_python.py`, in the same namespace.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from agent.keeper.hooks.hook_python import Hook, identity

FIELD_LIMIT = 700
"""Bytes of a field of a report: all of them together stay below 3,500."""

KEYBOARD_INTERRUPT = 130 if sys.version_info >= (3, 8) else 1
"""From 3.8 on an interpreter dies of SIGINT."""

SIGNALS = range(1, 32)
"""All but those of real time, of which the C library keeps some."""

LONGEST = 2**63
"""Beyond what a C long holds the interpreter takes -1 for a code."""


def die(hook: "Hook", value: "BaseException", traceback: "TracebackType | None") -> None:
    """Go the way of an exception that nothing has caught: back in the interpreter, by its excepthook or by its exit."""
    value.__traceback__ = strip(hook, traceback)
    if not isinstance(value, SystemExit):
        sys.excepthook = LastWords(hook)
    elif os.getpid() == hook.process:
        leave(hook, value, value)


class LastWords:
    """Stands in for `sys.excepthook` when the interpreter calls that: calls the true one, and then all is printed."""

    def __init__(self, hook: "Hook") -> None:
        self.hook = hook
        self.missing = not hasattr(sys, "excepthook")
        self.true: Any = getattr(sys, "excepthook", None)

    def __call__(
        self, kind: "type[BaseException]", value: "BaseException", given: "TracebackType | None"
    ) -> None:
        """Print, hold, and return to the interpreter, which ends with 1, or by SIGINT."""
        traceback = sys.last_traceback = value.__traceback__ = strip(self.hook, given)
        if self.missing:
            del sys.excepthook
        else:
            sys.excepthook = self.true
        if self.hook.is_script or sys.version_info < (3, 8):
            flush()
        end = self._print(kind, value, traceback)
        if end is not None and os.getpid() == self.hook.process:
            leave(self.hook, end, value)
        elif end is not None:
            raise end
        hold(self.hook, KEYBOARD_INTERRUPT if kind is KeyboardInterrupt else 1, value)
        self.hook.forget_script()

    def _print(
        self, kind: "type[BaseException]", value: "BaseException", traceback: "TracebackType | None"
    ) -> "SystemExit | None":
        """Print as the interpreter does; returns the exception if the program's own excepthook left by `sys.exit`."""
        display = self.hook.display
        try:
            if self.missing:
                write_error("sys.excepthook is missing\n")
                display(kind, value, traceback)
            else:
                self.true(kind, value, traceback)
        except SystemExit as end:
            return end
        except BaseException as error:
            write_error("Error in sys.excepthook:\n")
            error.__traceback__ = strip(self.hook, error.__traceback__)
            display(type(error), error, error.__traceback__)
            write_error("\nOriginal exception was:\n")
            display(kind, value, traceback)
        return None


def strip(hook: "Hook", traceback: "TracebackType | None") -> "TracebackType | None":
    """Leave out the frames that bare were not there."""
    while traceback and hook.is_ours(traceback.tb_frame):
        traceback = traceback.tb_next
    return traceback


def leave(hook: "Hook", end: "SystemExit", failure: "BaseException") -> None:
    """Exit as the interpreter does for `SystemExit`, after the hold."""
    if hook.is_script or sys.version_info < (3, 9):
        flush()
    try:
        word: object = end.code
    except Exception:
        word = end
    if word is None:
        code = 0
    elif isinstance(word, int):
        code = int(word) & 255 if -LONGEST <= word < LONGEST else 255
    else:
        write_message(word)
        write_error("\n")
        word = code = 1
    hold(hook, code, failure)
    raise SystemExit(word)


def write_message(message: object) -> None:
    """Write what a program gave `sys.exit`; where its standard error takes it not, it is lost."""
    try:
        if getattr(sys, "stderr", None) is None:
            os.write(2, str(message).encode("utf-8", "backslashreplace"))
        else:
            sys.stderr.write(str(message))
    except Exception:
        return


def write_error(words: str) -> None:
    """Write words of the interpreter's own; it knows a second way."""
    try:
        sys.stderr.write(words)
    except Exception:
        try:
            os.write(2, words.encode())
        except OSError:
            return


def flush() -> None:
    """Bring into the log what the program has written; the interpreter itself says at its end if that cannot be."""
    for name in ("stderr", "stdout"):
        try:
            getattr(sys, name).flush()
        except Exception:
            continue


def hold(hook: "Hook", code: int, failure: "BaseException") -> None:
    """Report, and wait for the release; only in the process that was started, and where its pipes are still there.

    Meanwhile signals are blocked, and dropped at the end: what a handler raises must not end the wait, or lose a line.
    """
    if code == 0 or os.getpid() != hook.process:
        return
    import _signal  # type: ignore[import-not-found]  # noqa: PLC0415  (all of the interpreter's own that need be there)

    hook.mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
    try:
        if hook.pipes != [identity(hook.report), identity(hook.answers)]:
            return
        flush()
        report = record([f"code={code:03}".encode(), *describe(hook, failure)])
        _signal.pthread_sigmask(_signal.SIG_BLOCK, SIGNALS)
        os.write(hook.report, report)
    except BaseException:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, hook.mask)
        return
    wait(hook, failure)
    while _signal.sigtimedwait(SIGNALS, 0):
        pass
    _signal.pthread_sigmask(_signal.SIG_SETMASK, hook.mask)


def wait(hook: "Hook", failure: "BaseException") -> None:
    """Evaluate what comes in, line by line, until the end: nothing else ends the wait."""

    def write(fields: "list[bytes]") -> None:
        """Send a record of any length."""
        data = record(fields)
        while data:
            data = data[os.write(hook.report, data) :]

    names = {"failure": failure, "hook": hook, "write": write}
    pending = b""
    while True:
        try:
            data = os.read(hook.answers, 65536)
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                evaluate(line, dict(names))
                remember(failure)
        except OSError:
            return
        except BaseException:  # in a program with threads a signal may find a way
            continue


def evaluate(line: bytes, names: "dict[str, object]") -> None:
    """Run a line of the agent's. Nothing that goes wrong in it is the program's affair."""
    try:
        exec(line, names)
    except BaseException:
        return


def remember(failure: "BaseException") -> None:
    """Tell the interpreter again what the program died of: it ends by SIGINT if its last text was interrupted."""
    try:
        exec("raise KeyboardInterrupt" if type(failure) is KeyboardInterrupt else "pass", {})
    except KeyboardInterrupt:
        return


def record(fields: "list[bytes]") -> bytes:
    """Put a record together, as PROTOCOL.md has it."""
    return b"".join(field + b"\0" for field in fields) + b"\0"


def describe(hook: "Hook", failure: "BaseException") -> "list[bytes]":
    """Return the fields about the place: the innermost line that is the program's own, and the error."""
    line, function = 0, ""
    if isinstance(failure, SyntaxError) and failure.filename == hook.file:
        line = failure.lineno or 0
    traceback = failure.__traceback__
    while traceback:
        if traceback.tb_frame.f_code.co_filename == hook.file:
            line, function = traceback.tb_lineno, traceback.tb_frame.f_code.co_name
        traceback = traceback.tb_next
    lines = hook.source.splitlines()
    command = lines[line - 1].strip() if 0 < line <= len(lines) else b""
    fields = [
        ("line", str(line).encode() if line else b""),
        ("function", b"" if function == "<module>" else function.encode("utf-8", "backslashreplace")),
        ("command", command),
        ("error", name(failure)),
    ]
    return [f"{key}=".encode() + value[:FIELD_LIMIT].replace(b"\0", b" ") for key, value in fields if value]


def name(failure: "BaseException") -> bytes:
    """Name an exception as the last line of a traceback does."""
    kind = type(failure)
    words = (
        kind.__qualname__
        if kind.__module__ in ("builtins", "__main__")
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    try:
        message = str(failure).strip().split("\n")[0]
    except Exception:
        message = "<unprintable>"
    return (f"{words}: {message}" if message else words).encode("utf-8", "backslashreplace")
