"""Write what the keeper in C has in common with the agent in Python: `generate.py FOLDER`.

tables.h and tables.c hold the options, the constants, and the very texts of the hooks: nothing is said twice.
"""

import os
import signal
import sys

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, REPOSITORY)

from agent import ci, config, link, output, values  # noqa: E402
from agent.keeper import child, ending, keeper, pipes, running, step, watch  # noqa: E402
from agent.keeper.hooks import launch, python, shells  # noqa: E402
from agent.options import OPTIONS  # noqa: E402
from agent.session import asleep, guard  # noqa: E402

KINDS = ("relay_url", "path", "address", "when", "switch", "duration", "label", "shell")
"""The parsers of `agent.values` that an option may have: what they are called in C."""

HOOKS = "agent/keeper/hooks"
PLACES = ("REPORT", "ANSWERS", "TEXT")
"""Of the descriptors' numbers in a hook's text, in the order of `struct numbers`."""

LINE = 100
"""Columns of a line."""


def main(folder: str) -> None:
    """Write both files."""
    assert {option.parse.__name__ for option in OPTIONS} <= set(KINDS)
    assert guard.PARENT_DEATH == signal.SIGRTMIN + 1 == 35  # signals.h
    assert launch.Numbers.__slots__ == ("answers", "report", "text")  # pipes.h
    os.makedirs(folder, exist_ok=True)
    for name, text in (("tables.h", header()), ("tables.c", data())):
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(text)


def header() -> str:
    """Return the text of tables.h."""
    rows = [
        "/* Made by packaging/launcher/generate.py from the agent's own modules. */",
        "#ifndef TABLES_H",
        "#define TABLES_H",
        "",
        '#include "table.h"',
        "",
        *(f"#define {name} {value}" for name, value in constants().items()),
        "",
        "enum option_name {",
        *(f"    OPTION_{option.field.upper()}," for option in OPTIONS),
        "    OPTION_COUNT,",
        "};",
        "",
        "extern const struct option OPTIONS[OPTION_COUNT];",
        *(f"extern const char *const {name}[]; /* ends with NULL */" for name in lists()),
        "extern const struct error_text ERROR_TEXTS[]; /* ends with a text of NULL */",
        *(f"extern const struct bytes {name};" for name in texts()),
        "",
        "#endif",
        "",
    ]
    return "\n".join(rows)


def data() -> str:
    """Return the text of tables.c."""
    rows = [
        "/* Made by packaging/launcher/generate.py from the agent's own modules. */",
        '#include "tables.h"',
        "",
        "#include <errno.h>",
        "#include <stddef.h>",
        "",
        "const struct option OPTIONS[OPTION_COUNT] = {",
    ]
    for option in OPTIONS:
        variables = ", ".join([*map(quoted, option.variables), "NULL"])
        rows += [
            "    {",
            f"        .name = {quoted(option.name)},",
            f"        .kind = VALUE_{option.parse.__name__.upper()},",
            f"        .is_switch = {str(not option.metavar).lower()},",
            f"        .variables = {{{variables}}},",
            f"        .standard = {quoted(option.default) if option.default is not None else 'NULL'},",
            "    },",
        ]
    rows += ["};", ""]
    for name, words in lists().items():
        rows += [
            f"const char *const {name}[] = {{",
            *(f"    {quoted(word)}," for word in words),
            "    NULL,",
            "};",
            "",
        ]
    rows += ["const struct error_text ERROR_TEXTS[] = {"]
    rows += [f"    {{{name}, {quoted(os.strerror(number))}}}," for name, number in errors()]
    rows += ["    {0, NULL},", "};", ""]
    for name, text in texts().items():
        pieces = literal(text)
        rows += [f"static const char {name}_BYTES[] =", *(f"    {piece}" for piece in pieces[:-1])]
        rows += [
            f"    {pieces[-1]};",
            f"const struct bytes {name} = {{{name}_BYTES, sizeof {name}_BYTES - 1}};",
            "",
        ]
    return "\n".join(rows)


def constants() -> dict[str, str]:
    """Return the numbers and words that both keepers share, as C has them."""
    return {
        "LABEL_LIMIT": str(values.LABEL_LIMIT),
        "TOKEN_LIMIT": str(values.TOKEN_LIMIT),
        "URL_LIMIT": str(values.URL_LIMIT),
        "HOST_LIMIT": str(values.HOST_LIMIT),
        "HOST_LABEL_LIMIT": str(values.HOST_LABEL_LIMIT),
        "LONGEST_SECONDS": str(values.LONGEST_SECONDS),
        "DEFAULT_MAX_TIMEOUT": str(config.DEFAULT_MAX_TIMEOUT),
        "STEP_TIMEOUT_MARGIN": str(config.STEP_TIMEOUT_MARGIN),
        "LATE_SECONDS": str(keeper.STEP_TIMEOUT_MARGIN),
        "SESSION_VARIABLE": quoted(config.SESSION),
        "LINE_LIMIT": str(output.LINE_LIMIT),
        "LINE_PATIENCE_MS": str(output.PATIENCE_MS),
        "LINK_LIMIT": str(link.LIMIT),
        "READY_MS": str(child.READY_MS),
        "SETTLED_MS": str(child.SETTLED_MS),
        "DYING_MS": milliseconds(running._DYING_SECONDS),
        "OPEN_MS": milliseconds(keeper.OPEN_SECONDS),
        "STUCK_MS": milliseconds(keeper.STUCK_SECONDS),
        "GOODBYE_MS": milliseconds(watch.GOODBYE_SECONDS),
        "FAREWELL_MS": milliseconds(watch.FAREWELL_SECONDS),
        "GRACE_MS": milliseconds(launch.GRACE_SECONDS),
        "PYTHON_GRACE_MS": milliseconds(python.GRACE_SECONDS),
        "TERM_MS": milliseconds(ending.TERM_SECONDS),
        "KILL_MS": milliseconds(ending.KILL_SECONDS),
        "ENDING_NAP_MS": milliseconds(ending.NAP_SECONDS),
        "SWEEP_NAP_MS": milliseconds(guard.NAP_SECONDS),
        "SWEEP_MS": milliseconds(guard.GIVE_UP_SECONDS),
        "SESSION_FAILED_EXIT": str(asleep.FAILED),
        "HIGHEST_NUMBER": str(pipes.HIGHEST),
        "LOWEST_NUMBER": str(pipes.LOWEST),
        "NUMBER_TRIES": str(pipes._TRIES),
        "ARGUMENT_LIMIT": str(shells.ARGUMENT_LIMIT),
        "BASH_FLAGS": quoted(shells._FLAGS),
        "ZIP_TAIL_BYTES": str(python._ZIP_TAIL),
        "NOT_FOUND_EXIT": str(step.NOT_FOUND),
        "NOT_EXECUTABLE_EXIT": str(step.NOT_EXECUTABLE),
        "FALLBACK_SHELL": quoted(step._FALLBACK_SHELL),
        "DEFAULT_PATH": quoted(os.defpath),
    }


def lists() -> dict[str, tuple[str, ...]]:
    """Return the lists of words that both share."""
    return {
        "SECRETS": config.SECRETS,
        "DEBUG_SWITCHES": ci.DEBUG_SWITCHES,
        "DEBUGGING_OFF": ci._DEBUGGING_OFF,
        "SWITCHED_ON": values.ON,
        "SWITCHED_OFF": values._OFF,
        "BASH_WORDS": shells._WORDS,
        "BASH_NOT_SET_OPTIONS": shells._NOT_SET_OPTIONS,
    }


def texts() -> dict[str, bytes]:
    """Return the hooks, with the places for the descriptors' numbers still in them."""
    return {
        "HOOK_BASH": shells.bash_hook(None, traced=False).encode(),
        "HOOK_BASH_TRACED": shells.bash_hook(None, traced=True).encode(),
        "HOOK_BASH_FAILED": shells.failed_line("hook_bash_failed.sh").encode(),
        "HOOK_SH": shells.text_of("hook_sh.sh").encode(),
        "HOOK_SH_FAILED": shells.failed_line("hook_sh_failed.sh").encode(),
        "HOOK_PYTHON": python.hook(),
        "BOOT_PYTHON": python._BOOT.encode(),
    }


def errors() -> list[tuple[str, int]]:
    """Return what execve may fail with: other C libraries have other words for some."""
    import errno  # noqa: PLC0415

    names = (
        *("E2BIG", "EACCES", "EAGAIN", "EFAULT", "EINVAL", "EIO", "EISDIR", "ELIBBAD", "ELOOP", "EMFILE"),
        *("ENAMETOOLONG", "ENFILE", "ENOENT", "ENOEXEC", "ENOMEM", "ENOTDIR", "EPERM", "ETXTBSY", "ESTALE"),
    )
    return [(name, getattr(errno, name)) for name in names]


def milliseconds(seconds: float) -> str:
    """Return seconds as the keeper in C counts time."""
    return str(round(seconds * 1000))


def quoted(text: str) -> str:
    """Return a C string."""
    return "".join(literal(text.encode()))


def literal(text: bytes) -> list[str]:
    """Return the pieces of a C string, each short enough for a line."""
    pieces, piece = [], ""
    for byte in text:
        letter = chr(byte)
        if letter in '"\\':
            letter = "\\" + letter
        elif not " " <= letter <= "~" or letter == "?":  # ?: no trigraph
            letter = f"\\{byte:03o}"
        piece += letter
        if len(piece) > LINE - 12 or byte == ord("\n"):
            pieces.append(f'"{piece}"')
            piece = ""
    return [*pieces, f'"{piece}"'] if piece or not pieces else pieces


if __name__ == "__main__":
    main(sys.argv[1])
