"""Build the keeper by itself, which starts the agent from source.

    standalone.py OUTPUT [NAME=VALUE...] [--main=FILE] [-- FLAG...]

For its tests: in a moment, with other values of the constants that both keepers share, and with other flags of the
compiler (CC and FLAGs); FILE is another `main` than that.
"""

import os
import re
import subprocess
import sys
import sysconfig

import generate

KEEPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keeper")
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")
LATE = "LATE_SECONDS="
COMPILER = ("musl-gcc", "-static")


def main(output: str, constants: list[str], flags: list[str], main_file: str = "standalone.c") -> None:
    """Write the program `output`; its tables stay beside it."""
    folder = f"{output}.tables"
    generate.main(folder)
    _change(os.path.join(folder, "tables.h"), constants)
    sources = [name for name in os.listdir(KEEPER) if name.endswith(".c") and name != "standalone.c"]
    subprocess.run(
        [
            *(os.environ["CC"].split() if "CC" in os.environ else COMPILER),
            *(*FLAGS, *flags, "-I", KEEPER, "-I", folder, *_interpreter(constants)),
            *(os.path.join(KEEPER, name) for name in sorted([*sources, main_file])),
            *(os.path.join(folder, "tables.c"), "-o", output),
        ],
        check=True,
    )


def _change(path: str, constants: list[str]) -> None:
    with open(path, encoding="ascii") as file:
        text = file.read()
    for constant in constants:
        name, _, value = constant.partition("=")
        text, count = re.subn(rf"(?m)^#define {name} .*$", f"#define {name} {value}", text)
        if count != 1:
            raise SystemExit(f"{name}: no such constant")
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _interpreter(constants: list[str]) -> tuple[str, str]:
    """Return an interpreter that other users can reach, too, and how it runs the agent from here."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    driver = f"import sys; sys.path[:0] = {[sysconfig.get_path('purelib'), generate.REPOSITORY]}; sys.argv[:1] = []; "
    for constant in constants:
        if constant.startswith(LATE):  # for both keepers, as some steps are left to Python
            driver += (
                f"import agent.keeper.keeper as k; k.STEP_TIMEOUT_MARGIN = {constant.removeprefix(LATE)}; "
            )
    driver += "from agent.cli import main; sys.exit(main())"
    return f'-DPYTHON="/usr/bin/{version}"', f'-DDRIVER="{driver}"'


if __name__ == "__main__":
    words = sys.argv[2:]
    split = words.index("--") if "--" in words else len(words)
    files = [word.removeprefix("--main=") for word in words[:split] if word.startswith("--main=")]
    numbers = [word for word in words[:split] if not word.startswith("--main=")]
    main(sys.argv[1], numbers, words[split + 1 :], *files[-1:])
