"""Builds the static binary: `build.py WORK OUTPUT`, after PyInstaller has written WORK/collected.json (agent.spec).

    collected.json ─► modules, shared objects ─► interpreter ─► payload.zst ─► the launcher, with it inside

The same sources give the same bytes, wherever they are built.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import inventory
import libraries
import payload
from archive import frozen, write_archive

REPOSITORY = inventory.REPOSITORY
LAUNCHER = os.path.join(REPOSITORY, "packaging", "launcher")
KEEPER = os.path.join(LAUNCHER, "keeper")
BOOT = os.path.join(REPOSITORY, "packaging", "binary", "boot.py")
STANDARD_LIBRARY = sysconfig.get_path("stdlib")

FROZEN = ("encodings", "encodings.aliases", "encodings.utf_8")
"""What the interpreter imports before it has an archive to import from."""

TEXTS = {"agent/keeper/hooks": "hook_", "agent/session/inspect": "inside_"}
"""Where files lie that the agent reads from beside its modules, and how their names begin."""

MUSL = "/usr/lib/x86_64-linux-musl/libc.a"
WARNINGS = ("-Wall", "-Wextra", "-Werror")
INTERPRETER_LIBRARIES = ("-Wl,-Bstatic", "-lexpat", "-lz", "-Wl,-Bdynamic", "-lm")
LAUNCHER_SOURCES = ("main", "program", "start", "cache", "directory", "install", "payload")
KEEPER_ALONE = "standalone.c"
"""The keeper's own program, for its tests."""


def main(work: str, output: str) -> None:
    """Build `output`/agent and its bill of materials."""
    with open(os.path.join(work, "collected.json"), encoding="utf-8") as file:
        collected = json.load(file)
    tree = os.path.join(work, "tree")
    shutil.rmtree(tree, ignore_errors=True)
    os.mkdir(tree)

    extensions = copy_extensions(collected["extensions"], tree)
    modules = module_sources(collected)
    interpreter = build_interpreter(work, tree)
    needed = libraries.needed([interpreter, *collected["extensions"].values()])
    for name, path in needed.items():
        libraries.copy_stripped(path, os.path.join(tree, name))
    libraries.without_clone3(os.path.join(tree, libraries.LIBC))
    shutil.copyfile(libraries.find(libraries.LOADER), os.path.join(tree, payload.LOADER))

    components = list_components(work, collected, needed)
    version = read_version()
    files = data_files(collected["data"])
    files["agent/version.txt"] = inventory.version_text(version, components).encode()
    files["agent/licences.txt"] = inventory.licences_text(components).encode()
    write_archive(os.path.join(tree, payload.MODULES), modules, files, extensions)

    names = [payload.LOADER, *needed, payload.PROGRAM, payload.MODULES]
    payload.write_payload(tree, [*names, *(os.path.basename(path) for path in extensions.values())], work)
    os.makedirs(output, exist_ok=True)
    build_launcher(work, os.path.join(output, "agent"))
    with open(os.path.join(output, "agent.cdx.json"), "w", encoding="utf-8") as file:
        json.dump(inventory.bill(version, components), file, indent=1)


def module_name(entry: str) -> str:
    """Return the module that a shared object is: `a/b.cpython-311-….so` is a.b."""
    return (
        entry.removeprefix("python3.11/lib-dynload/")
        .removeprefix("lib-dynload/")
        .split(".")[0]
        .replace("/", ".")
    )


def copy_extensions(collected: dict[str, str], tree: str) -> dict[str, str]:
    """Copy the modules that are shared objects; returns their files by name."""
    copies = {}
    for entry, path in sorted(collected.items()):
        name = module_name(entry)
        copies[name] = os.path.join(tree, name + payload.EXTENSION_SUFFIX)
        libraries.copy_stripped(path, copies[name])
    return copies


def module_sources(collected: dict[str, dict[str, str]]) -> dict[str, str]:
    """Return the source file of each module, those too that PyInstaller starts with."""
    sources = dict(collected["modules"])
    for name in collected["base"]:
        base = os.path.join(STANDARD_LIBRARY, *name.split("."))
        sources[name] = next(p for p in (f"{base}.py", f"{base}/__init__.py") if os.path.exists(p))
    return {name: path for name, path in sources.items() if path and path.endswith(".py")}


def data_files(collected: dict[str, str]) -> dict[str, bytes]:
    """Return the files that are read at run time."""
    paths = {
        f"{folder}/{name}": os.path.join(REPOSITORY, folder, name)
        for folder, beginning in TEXTS.items()
        for name in os.listdir(os.path.join(REPOSITORY, folder))
        if name.startswith(beginning)
    }
    paths["certifi/cacert.pem"] = collected["certifi/cacert.pem"]
    return {name: read(path) for name, path in paths.items()}


def read(path: str) -> bytes:
    """Return a file's content."""
    with open(path, "rb") as file:
        return file.read()


def read_version() -> str:
    """Return the version of Holdfast."""
    names: dict[str, str] = {}
    with open(os.path.join(REPOSITORY, "tunnel", "version.py"), encoding="utf-8") as file:
        exec(file.read(), names)
    return names["VERSION"]


def list_components(
    work: str, collected: dict[str, dict[str, str]], needed: dict[str, str]
) -> list[inventory.Component]:
    """Return all that is inside and not ours."""
    ours = [*collected["modules"].values(), *collected["extensions"].values()]
    static = ("libexpat.a", "libz.a")
    files = [
        *needed.values(),
        libraries.find(libraries.LOADER),
        libpython(),
        *(libraries.find(name) for name in static),
        MUSL,
    ]
    return [
        *inventory.python_components([file for file in ours if file]),
        *inventory.debian_components([os.path.abspath(file) for file in files]),
        inventory.zstd_component(os.path.join(work, "zstd", "zstd.c")),
    ]


def libpython() -> str:
    """Return the static library of the interpreter that runs this."""
    return os.path.join(sysconfig.get_config_var("LIBPL"), sysconfig.get_config_var("LIBRARY"))


def build_interpreter(work: str, tree: str) -> str:
    """Compile the program that embeds the interpreter."""
    sources = {name: os.path.join(STANDARD_LIBRARY, *name.split(".")) for name in FROZEN}
    table = {
        name: f"{p}.py" if os.path.exists(f"{p}.py") else f"{p}/__init__.py" for name, p in sources.items()
    }
    with open(os.path.join(work, "frozen.h"), "w", encoding="ascii") as file:
        file.write(frozen({**table, "_boot": BOOT}))
    program = os.path.join(tree, payload.PROGRAM)
    subprocess.run(
        [
            *("gcc", "-O2", *WARNINGS, "-no-pie", "-fno-pie", "-I", work, "-I", LAUNCHER),
            *("-isystem", sysconfig.get_path("include"), f"-ffile-prefix-map={REPOSITORY}=."),
            *(os.path.join(LAUNCHER, "interpreter.c"), libpython(), *INTERPRETER_LIBRARIES),
            *("-Wl,--export-dynamic", "-Wl,--build-id=none", "-Wl,-z,relro", "-s", "-o", program),
        ],
        check=True,
    )
    return program


def build_launcher(work: str, output: str) -> None:
    """Compile the launcher with the payload inside, static."""
    decoder = os.path.join(work, "zstd", "zstd.o")
    flags = ("-static", "-ffunction-sections", "-fdata-sections", "-I", os.path.join(work, "zstd"))
    if not os.path.exists(decoder) or os.path.getmtime(decoder) < os.path.getmtime(__file__):
        subprocess.run(
            [
                *("musl-gcc", "-O3", *flags, "-DZSTD_DISABLE_ASM", "-DZSTD_LEGACY_SUPPORT=0"),
                *("-c", os.path.join(work, "zstd", "zstd.c"), "-o", decoder),
            ],
            check=True,
        )
    subprocess.run([sys.executable, os.path.join(LAUNCHER, "generate.py"), work], check=True)
    keeper = sorted(name for name in os.listdir(KEEPER) if name.endswith(".c") and name != KEEPER_ALONE)
    sources = [os.path.join(LAUNCHER, f"{name}.c") for name in LAUNCHER_SOURCES]
    sources += [os.path.join(KEEPER, name) for name in keeper]
    unfinished = os.path.join(work, "agent")
    subprocess.run(
        [
            *("musl-gcc", "-O2", *flags, *WARNINGS, f"-ffile-prefix-map={REPOSITORY}=."),
            *("-I", LAUNCHER, "-I", KEEPER, "-I", work),
            *(
                *sources,
                os.path.join(work, "tables.c"),
                os.path.join(work, "contents.c"),
                os.path.join(LAUNCHER, "payload.S"),
                f"-Wa,-I{work}",
            ),
            *(decoder, "-Wl,--gc-sections", "-Wl,--build-id=none", "-s", "-o", unfinished),
        ],
        check=True,
    )
    os.replace(unfinished, output)


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
