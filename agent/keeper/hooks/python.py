"""How a Python step is started. Its program runs inside ours, with its own lines, names and arguments."""

import os
import stat

from agent.config import Config
from agent.keeper.hooks.launch import Launch, Numbers, find_program, read_hook
from agent.options import STDIN

GRACE_SECONDS = 5.0
"""For functions of `atexit` and for threads, which wait as long as the interpreter is held."""

# What stands behind is the bare command line. One read takes all that a pipe holds. An interpreter that is too old for
# the hook, or that came without the descriptor (through a wrapper that closes them), starts again without.
_BOOT = """\
try:
    _ = __import__("os").read(@TEXT@, 65536).split(b"\\0") + [{}]
    exec(_[0], _[3])
    _ = _[3]["Hook"](_[1], _[2])
except Exception:
    _ = __import__("sys")
    __import__("os").execv(_.executable, [_.executable] + _.argv[1:])
with _:
    exec(_.program())
"""

_PARTS = ("hook_python.py", "hook_python_script.py", "hook_python_failed.py")

_HEAD = 16
"""Bytes of a compiled file's header."""
_ZIP_TAIL = 22 + 65535
"""Bytes at the end of a ZIP archive in which its last record begins (APPNOTE 4.3.16)."""
_ZIP_END = b"PK\5\6"


def plain(config: Config) -> Launch:
    """Start it as the user would."""
    return Launch((_interpreter(config), *_words(config)), config.environment)


def arm(config: Config, numbers: Numbers) -> Launch:
    """Start it with the hook; plain where the interpreter does more than to run a text."""
    if config.environment.get("PYTHONINSPECT") or (config.text is None and not _is_text(config.command[0])):
        return plain(config)
    boot = _BOOT.replace("@TEXT@", str(numbers.text))
    return Launch(
        (_interpreter(config), "-c", boot, *_words(config)),
        config.environment,
        armed=True,
        hook="\0".join(read_hook(name, numbers) for name in _PARTS).encode(),
        grace=GRACE_SECONDS,
    )


def _interpreter(config: Config) -> str:
    return find_program(("python3", "python"), config.environment.get("PATH", os.defpath))


def _words(config: Config) -> tuple[str, ...]:
    """Return the command line behind the interpreter's name."""
    return config.command if config.text is None else ("-c", config.text, *config.command)


def _is_text(name: str) -> bool:
    """Tell whether the interpreter finds one text there: no archive, folder, compiled file, named pipe, terminal."""
    if name.startswith("-"):  # others are the interpreter's own options
        return name == STDIN and not os.isatty(0)
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):
            return False
        with open(name, "rb") as file:
            head = file.read(_HEAD)
            file.seek(max(os.fstat(file.fileno()).st_size - _ZIP_TAIL, 0))
            return head[2:4] != b"\r\n" and _ZIP_END not in file.read()
    except OSError:
        return False
