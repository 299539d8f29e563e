"""The hook in a Python step, from its start to the program's end. Runs in the step's own interpreter, 3.6 or newer.

Nothing is imported here that a bare interpreter has not imported by then. Annotations are words: 3.6 evaluates others.
What is needed only after a failure is in `hook_python_failed.py`; it is not even parsed before.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType, TracebackType
    from typing import Any

REPORT = int("@REPORT@")
ANSWERS = int("@ANSWERS@")
TEXT = int("@TEXT@")

STDIN = "-"
PIPE = 65536
"""Bytes that a pipe holds."""
OLDEST = (3, 6)
FRAMES = 2 if (3, 7) <= sys.version_info < (3, 12) else 1
"""How much deeper than bare the program is: the call of `exec` counts too from 3.7 to 3.11."""


class Hook:
    """The context in which the program runs; `sys.argv[1:]` is the command line that a bare interpreter would get."""

    def __init__(self, failed: "str") -> None:
        """`failed`: the text of `hook_python_failed.py`. RuntimeError: not in this interpreter."""
        if sys.version_info < OLDEST:
            raise RuntimeError("too old")
        self.failed = failed
        self.words = sys.argv[1:]
        self.process = os.getpid()
        self.pipes = [identity(REPORT), identity(ANSWERS)]
        self.main = sys.modules["__main__"].__dict__
        self.code = sys._getframe(1).f_code  # noqa: SLF001  (no other way leads to a frame)
        self.display = sys.__excepthook__
        self.file = ""
        self.source = b""
        self.start: int | None = None
        os.set_inheritable(ANSWERS, False)
        os.close(TEXT)

    def program(self) -> "CodeType":
        """Make `__main__` and `sys` what they are for the program, and return its code."""
        del self.main["_"]
        sys.argv[:] = self.words
        if hasattr(sys, "orig_argv"):
            del sys.orig_argv[1:3]
        text = sys.argv.pop(1) if self.words[0] == "-c" else None
        code = self._script(self.words[0]) if text is None else self._text(text)
        sys.setrecursionlimit(sys.getrecursionlimit() + FRAMES)
        return code

    def _text(self, text: "str") -> "CodeType":
        """As for `-c`: the interpreter appends a newline, and before 3.10 lets a text declare its encoding."""
        self.file = "<string>"
        try:
            self.source = f"{text}\n".encode()
        except UnicodeEncodeError:
            self._start_again()
        linecache: Any = sys.modules.get("linecache")  # since 3.13: tracebacks show the lines of a text
        if linecache:
            linecache.cache.pop(self.file, None)
        source = self.source.decode() if sys.version_info >= (3, 10) else self.source
        code = compile(source, self.file, "exec", 0, True)
        if linecache:
            lines = self.source.decode().splitlines(True)
            linecache.cache[self.file] = (len(text) + 1, None, lines, self.file)
        return code

    def _script(self, name: "str") -> "CodeType":
        """As for a file, or `-`: standard input. An error is its own to tell."""
        sys.modules.pop("linecache", None)  # 3.13 has it for -c alone
        if name == STDIN:
            self.file = "<stdin>"
        else:
            self.file = os.path.join(os.getcwd(), name) if sys.version_info >= (3, 9) else name
            if not getattr(sys.flags, "safe_path", False):
                sys.path[0] = os.path.dirname(os.path.realpath(name))
            loader: Any = sys.modules["_frozen_importlib_external"]
            self.main["__loader__"] = loader.SourceFileLoader("__main__", self.file)
        self.main.update(__file__=self.file, __cached__=None)
        said = Said()
        stderr, sys.stderr = sys.stderr, said
        try:
            self._read(name)
            code = compile(self.source, self.file, "exec", 0, True)
        except Exception:
            self._start_again()
            raise
        finally:
            sys.stderr = stderr
        for words in said.words:
            stderr.write(words)
        return code

    def _read(self, name: "str") -> None:
        """Read the program; ValueError where `compile` would take what the interpreter does not."""
        descriptor = 0 if name == STDIN else os.open(name, os.O_RDONLY)
        try:
            self.start = os.lseek(descriptor, 0, os.SEEK_CUR)
        except OSError:
            self.start = None
        self.source = whole(descriptor)
        if name != STDIN:
            os.close(descriptor)
        head = b"".join(self.source.split(b"\n", 2)[:2])
        if b"\0" in self.source:
            raise ValueError("NUL")
        if b"coding" not in head:
            self.source.decode()
        elif name == STDIN and b"utf" not in head.lower():
            raise ValueError("encoding")

    def _start_again(self) -> None:
        """Leave it to a bare interpreter to say what is wrong with the program; returns where that cannot be."""
        if self.file == "<stdin>" and self.start is not None:
            os.lseek(0, self.start, os.SEEK_SET)
        elif self.file == "<stdin>":
            if len(self.source) > PIPE:
                return
            reader, writer = os.pipe()
            os.write(writer, self.source)
            os.dup2(reader, 0)
        os.execv(sys.executable, [sys.executable, *self.words])

    def forget_script(self) -> None:
        """Take from `__main__` what the interpreter takes away when a file has ended."""
        if self.is_script:
            self.main.pop("__file__", None)
            if sys.version_info >= (3, 8):
                self.main.pop("__cached__", None)

    @property
    def is_script(self) -> bool:
        """Tell a file, or standard input, from the text of `-c`."""
        return self.file != "<string>"

    def is_ours(self, frame: "FrameType") -> bool:
        """Tell whether a frame is one that a bare interpreter has not."""
        return frame.f_code is self.code or frame.f_globals is globals()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        value: "BaseException | None",
        traceback: "TracebackType | None",
    ) -> None:
        if value is None:
            self.forget_script()
        else:
            more: dict[str, Any] = globals()
            exec(compile(self.failed, "<hook>", "exec", 0, True), more)
            more["die"](self, value, traceback)


def identity(descriptor: int) -> "tuple[int, int, int]":
    """Tell a pipe from whatever may have its number later."""
    status = os.fstat(descriptor)
    return (status.st_mode, status.st_dev, status.st_ino)


class Said:
    """Keeps what a compiler warns of."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def write(self, words: str) -> None:
        """As of a stream."""
        self.words.append(words)


def whole(descriptor: int) -> "bytes":
    """Read to the end."""
    parts: list[bytes] = []
    while True:
        part = os.read(descriptor, PIPE)
        if not part:
            return b"".join(parts)
        parts.append(part)
