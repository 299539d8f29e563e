"""How a Python step is started. Its program runs inside ours, with its own lines, names and arguments."""

import marshal
import os
import stat

from agent import launched
from agent.config import Config
from agent.keeper.hooks.launch import Launch, Numbers, fill_in, find_program
from agent.options import STDIN

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from types import CodeType

GRACE_SECONDS = 5.0
"""For functions of `atexit` and for threads, which wait as long as the interpreter is held."""

# What stands behind is the bare command line. One read takes all that a pipe holds: the parts of the hook, and the
# first one compiled, for the version in front of it. An interpreter that is too old for the hook, or that came without
# the descriptor (through a wrapper that closes them), starts again without.
_BOOT = """\
try:
    _ = __import__("os").read(@TEXT@, 65536).split(b"\\0", 4)
    _ += [{}]
    if _[3].decode() == __import__("_frozen_importlib_external").MAGIC_NUMBER.hex():
        _[0] = __import__("marshal").loads(_[4])
    exec(_[0], _[5])
    _ = _[5]["Hook"](_[1], _[2], @REPORT@, @ANSWERS@, @TEXT@)
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
    return Launch(
        (_interpreter(config), "-c", fill_in(_BOOT, numbers), *_words(config)),
        config.environment,
        armed=True,
        hook=hook(),
        grace=GRACE_SECONDS,
    )


def hook() -> bytes:
    """Return what the interpreter is to read; to compile the first part would cost it 2 ms."""
    parts = [launched.read_beside(__spec__, name) for name in _PARTS]
    return b"\0".join((*parts, *_compiled(_PARTS[0])))


def _compiled(name: str) -> tuple[bytes, bytes]:
    """Return the version of our own interpreter, as its compiled files have it, and the code; from source only."""
    if launched.BINARY:
        return b"", b""
    import _frozen_importlib_external as importer  # noqa: PLC0415

    loader = importer.SourceFileLoader(name, os.path.join(os.path.dirname(__file__), name))
    code = loader.get_code(name)
    assert code
    return importer.MAGIC_NUMBER.hex().encode(), marshal.dumps(_nameless(code))


def _nameless(code: "CodeType") -> "CodeType":
    """Return code that is from no file: a step whose coverage is measured would have ours in its report."""
    constants = (_nameless(each) if isinstance(each, type(code)) else each for each in code.co_consts)
    return code.replace(co_filename="<string>", co_consts=tuple(constants))


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
