"""The hook in a Python step whose program is a file, or comes on standard input.

Runs behind `hook_python.py`, in the same namespace.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    from agent.keeper.hooks.hook_python import Hook

STDIN = "-"
PIPE = 65536
"""Bytes that a pipe holds."""


def script(hook: "Hook") -> "CodeType":
    """Compile the program, and prepare `__main__` as for a file.

    The interpreter's parser says of a file what `compile` does not: where anything is wrong, a bare one is asked.
    """
    name = hook.words[0]
    sys.modules.pop("linecache", None)  # 3.13 has it for -c alone
    if name == STDIN:
        hook.file = "<stdin>"
    else:
        hook.file = os.path.join(os.getcwd(), name) if sys.version_info >= (3, 9) else name
        if not getattr(sys.flags, "safe_path", False):
            sys.path[0] = os.path.dirname(os.path.realpath(name))
        loader: Any = sys.modules["_frozen_importlib_external"]
        hook.main["__loader__"] = loader.SourceFileLoader("__main__", hook.file)
    hook.main.update(__file__=hook.file, __cached__=None)
    said = Said()
    stderr, sys.stderr = sys.stderr, said
    start = None
    try:
        descriptor = 0 if name == STDIN else os.open(name, os.O_RDONLY)
        start = position(descriptor)
        hook.source = whole(descriptor)
        if name != STDIN:
            os.close(descriptor)
        check(hook.source, name)
        code = compile(hook.source, hook.file, "exec", 0, True)
    except Exception:
        if name != STDIN or give_back(hook.source, start):
            hook.start_again()
        raise
    finally:
        sys.stderr = stderr
    for words in said.words:
        stderr.write(words)
    return code


def check(source: bytes, name: str) -> None:
    """ValueError where `compile` would take what the interpreter does not."""
    head = b"".join(source.split(b"\n", 2)[:2])
    if b"\0" in source:
        raise ValueError("NUL")
    if b"coding" not in head:
        source.decode()
    elif name == STDIN and b"utf" not in head.lower():
        raise ValueError("encoding")


def position(descriptor: int) -> "int | None":
    """Return where a descriptor stands in its file; None: it has no such thing."""
    try:
        return os.lseek(descriptor, 0, os.SEEK_CUR)
    except OSError:
        return None


def whole(descriptor: int) -> bytes:
    """Read to the end."""
    parts: list[bytes] = []
    while True:
        part = os.read(descriptor, PIPE)
        if not part:
            return b"".join(parts)
        parts.append(part)


def give_back(source: bytes, start: "int | None") -> bool:
    """Put what was read back into standard input; tells whether that could be."""
    if start is not None:
        os.lseek(0, start, os.SEEK_SET)
    elif len(source) > PIPE:
        return False
    else:
        reader, writer = os.pipe()
        os.write(writer, source)
        os.dup2(reader, 0)
    return True


class Said:
    """Keeps what a compiler warns of, until it is known that nobody else will."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def write(self, words: str) -> None:
        """Write to a stream."""
        self.words.append(words)
