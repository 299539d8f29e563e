"""The hook in a Python step until its program has ended. Runs in the step's own interpreter, 3.6 or newer.

Where that has to compile it every line costs the step some 20 µs, so what is needed for files alone, and after a
failure alone, is apart. Nothing is imported that a bare interpreter has not imported by then. Annotations are words:
3.6 evaluates others.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType, TracebackType
    from typing import Any

OLDEST = (3, 6)
FRAMES = 2 if (3, 7) <= sys.version_info < (3, 12) else 1
"""How much deeper than bare the program is: the call of `exec` counts too from 3.7 to 3.11."""


class Hook:
    """The context in which the program runs; `sys.argv[1:]` is the command line that a bare interpreter would get."""

    def __init__(self, script: "bytes", failed: "bytes", report: "int", answers: "int", text: "int") -> None:
        """Take `hook_python_script.py` and `hook_python_failed.py`, and the descriptors; RuntimeError: too old."""
        if sys.version_info < OLDEST:
            raise RuntimeError
        self.parts = {"script": script, "die": failed}
        self.words = sys.argv[1:]
        self.process = os.getpid()
        self.report = report
        self.answers = answers
        self.pipes = [identity(report), identity(answers)]
        self.main = sys.modules["__main__"].__dict__
        self.code = sys._getframe(1).f_code  # noqa: SLF001  (no other way leads to a frame)
        self.display = sys.__excepthook__
        self.file = "<string>"
        self.source = b""
        self.mask: set[int] = set()
        os.set_inheritable(answers, False)
        os.close(text)

    def part(self, name: "str") -> "Any":
        """Return a function of another part of the hook."""
        names = globals()
        exec(compile(self.parts[name], "<hook>", "exec", 0, True), names)
        return names[name]

    def program(self) -> "CodeType | str | bytes":
        """Make `__main__` and `sys` what they are for the program, and return what is to be executed."""
        del self.main["_"]
        sys.argv[:] = self.words
        if hasattr(sys, "orig_argv"):
            del sys.orig_argv[1:3]
        if self.is_script:
            program: CodeType | str | bytes = self.part("script")(self)
        else:
            program = self.text(sys.argv.pop(1))
        sys.setrecursionlimit(sys.getrecursionlimit() + FRAMES)
        return program

    def text(self, text: "str") -> "CodeType | str | bytes":
        """Return it as for `-c`: the interpreter appends a newline; before 3.10 a text may declare its encoding.

        Not compiled where it need not be: the first call of `compile` makes types for all of the syntax, in 1.3 ms.
        """
        try:
            self.source = f"{text}\n".encode()
        except UnicodeEncodeError:
            self.start_again()
        source = self.source.decode() if sys.version_info >= (3, 10) else self.source
        linecache: Any = sys.modules.get("linecache")  # since 3.13: tracebacks show the lines of a text
        if not linecache:
            return source
        linecache.cache.pop(self.file, None)
        code = compile(source, self.file, "exec", 0, True)
        lines = self.source.decode().splitlines(True)
        linecache.cache[self.file] = (len(text) + 1, None, lines, self.file)
        return code

    def start_again(self) -> None:
        """Leave it to a bare interpreter to say what is wrong with the program."""
        os.execv(sys.executable, [sys.executable, *self.words])

    @property
    def is_script(self) -> bool:
        """Tell a file, or standard input, from the text of `-c`."""
        return self.words[0] != "-c"

    def forget_script(self) -> None:
        """Take from `__main__` what the interpreter takes away when a file has ended."""
        if self.is_script:
            self.main.pop("__file__", None)
            if sys.version_info >= (3, 8):
                self.main.pop("__cached__", None)

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
            self.part("die")(self, value, traceback)


def identity(descriptor: int) -> "tuple[int, int, int]":
    """Tell a pipe from whatever may have its number later."""
    status = os.fstat(descriptor)
    return (status.st_mode, status.st_dev, status.st_ino)
