"""What a failed Python program is asked for: runs inside its interpreter, 3.6 or newer, where the hook waits.

`hook`, `failure` and `write` come from there (`agent/keeper/hooks/hook_python_failed.py`).
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, TextIO

    from agent.keeper.hooks.hook_python import Hook

STANDARD_LIBRARY = os.path.dirname(os.__file__)
QUITTERS = "_sitebuiltins"
"""The module of `exit` and `quit`: of interest is the frame that called them."""
STREAMS = ("stdin", "stdout", "stderr")


def state(write: "Callable[[list[bytes]], None]") -> None:
    """Write what a child would inherit."""
    fields = [b"state=", b"umask=" + mask()]
    try:
        fields.append(b"cwd=" + os.getcwdb())
    except OSError:  # it was removed: a name that leads nowhere
        fields.append(b"cwd=" + os.readlink(b"/proc/self/cwd"))
    write(fields + [b"env:" + name + b"=" + value for name, value in os.environb.items()])


def mask() -> bytes:
    """Return the umask; where the kernel tells it (since 4.7) without setting it, for other threads may make files."""
    try:
        with open("/proc/self/status", "rb") as file:
            return next(line.split()[1] for line in file if line.startswith(b"Umask:"))
    except (OSError, StopIteration):
        found = os.umask(0)
        os.umask(found)
        return f"{found:04o}".encode()


def prompt(hook: "Hook", failure: "BaseException", write: "Callable[[list[bytes]], None]", path: str) -> None:
    """Open a debugger where the program failed, on the PTY `path`, until it is left. Then all is as it was."""
    kept = Kept()
    try:
        talk(hook, failure, path)
    except Exception:
        return  # `left` says it
    finally:
        kept.put_back()
        write([b"left="])


class Kept:
    """What a prompt changes in the interpreter, and how it was."""

    def __init__(self) -> None:
        self.path = sys.path[:]
        # The program's own folder may hold a code.py; and readline writes to standard output when it is imported.
        sys.path[:] = [each for each in sys.path if each.startswith(STANDARD_LIBRARY)]
        self.readline = sys.modules.get("readline")
        sys.modules["readline"] = None  # type: ignore[assignment]
        import linecache
        import signal

        self.signal: Any = signal
        self.interrupt = signal.getsignal(signal.SIGINT)
        self.lines: Any = linecache
        self.cache = dict(linecache.cache)
        self.trace = sys.gettrace()
        self.streams = [getattr(sys, name, None) for name in STREAMS]

    def put_back(self) -> None:
        """Make all as it was; but SIGHUP stays ignored, for the terminal may go later than the debugger."""
        sys.settrace(self.trace)
        for name, stream in zip(STREAMS, self.streams):
            setattr(sys, name, stream)
        self.lines.cache.clear()
        self.lines.cache.update(self.cache)
        self.signal.signal(self.signal.SIGINT, self.interrupt)
        del sys.modules["readline"]
        if self.readline:
            sys.modules["readline"] = self.readline
        sys.path[:] = self.path


def talk(hook: "Hook", failure: "BaseException", path: str) -> None:
    """Run the debugger on the PTY. It becomes our controlling terminal: ^C is a signal then, and its end is one too."""
    import signal

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    descriptor = os.open(path, os.O_RDWR)
    try:
        reader = open(descriptor, encoding="utf-8", errors="replace", closefd=False)
        writer = open(descriptor, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
        for name, ours in zip(STREAMS, (reader, writer, writer)):
            setattr(sys, name, Stream(ours, getattr(sys, name, None)))
        blocked = signal.pthread_sigmask(signal.SIG_SETMASK, hook.mask)
        try:
            debug(hook, failure, reader, writer)
        except Exception as error:
            print("agent: no debugger:", repr(error), file=writer)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    finally:
        os.close(descriptor)


def debug(hook: "Hook", failure: "BaseException", reader: "TextIO", writer: "TextIO") -> None:
    """Open pdb, and open it again until it is left."""
    import linecache
    import pdb

    if hook.file[0] == "<":  # no file holds the program's lines
        lines = hook.source.decode("utf-8", "replace").splitlines(True)
        linecache.cache[hook.file] = (len(hook.source), None, lines, hook.file)
    debugger = pdb.Pdb(stdin=reader, stdout=writer, nosigint=True, readrc=False)
    while not left(debugger, hook, failure):
        pass


def left(debugger: "Any", hook: "Hook", failure: "BaseException") -> bool:
    """Let the debugger talk; tells whether it was left: `run` and its like raise something instead."""
    from bdb import BdbQuit

    debugger.reset()
    traceback = innermost = failure.__traceback__
    while innermost and innermost.tb_next:
        innermost = innermost.tb_next
    if innermost and innermost.tb_frame.f_globals.get("__name__") == QUITTERS:
        debugger.cmdqueue.append("up")
    try:
        if traceback is None:  # a text that is no program
            print(type(failure).__name__, failure, sep=": ", file=debugger.stdout)
            debugger.interaction(None, module_frame(hook))
        else:
            debugger.interaction(None, failure if sys.version_info >= (3, 13) else traceback)
    except (BdbQuit, OSError):  # OSError: the terminal is gone
        return True
    except BaseException as error:
        print("***", repr(error), file=debugger.stdout)
        return False
    return True


def module_frame(hook: "Hook") -> "TracebackType | None":
    """Return a traceback that leads to the program's names, where it has not come to a frame of its own."""
    try:
        eval("0/0", hook.main)
    except ZeroDivisionError as error:
        return error.__traceback__ and error.__traceback__.tb_next
    return None


class Stream:
    """Stands for a standard stream: the debugger's in its own thread, the program's in all others."""

    def __init__(self, ours: "TextIO", theirs: "TextIO | None") -> None:
        from _thread import get_ident

        self.__dict__.update(_ours=ours, _theirs=theirs, _ident=get_ident, _thread=get_ident())

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._ours if self._ident() == self._thread else self._theirs, name)
