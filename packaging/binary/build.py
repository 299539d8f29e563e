"""Builds the static binary: `build.py TARGET BUILD OUTPUT`, after agent.spec has written BUILD/collected.json.

TARGET (target.py) is amd64, or arm64 after foreign.py has fetched what that is made of. All else is in BUILD/TARGET.

    collected.json ─► modules, shared objects ─► interpreter ─► payload.zst ─► the launcher, with it inside

The same sources give the same bytes, wherever they are built.
"""

import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import inventory
import libraries
import payload
import target as targets
from archive import frozen, write_archive
from target import Target

REPOSITORY = inventory.REPOSITORY
LAUNCHER = os.path.join(REPOSITORY, "packaging", "launcher")
KEEPER = os.path.join(LAUNCHER, "keeper")
BOOT = os.path.join(REPOSITORY, "packaging", "binary", "boot.py")

FROZEN = ("encodings", "encodings.aliases", "encodings.utf_8")
"""What the interpreter imports before it has an archive to import from."""

TEXTS = {"agent/keeper/hooks": "hook_", "agent/session/inspect": "inside_"}
"""Where files lie that the agent reads from beside its modules, and how their names begin."""

WARNINGS = ("-Wall", "-Wextra", "-Werror")
INTERPRETER_LIBRARIES = ("-Wl,-Bstatic", "-lexpat", "-lz", "-Wl,-Bdynamic", "-lm")
STARTING = ("program", "start", "cache", "directory", "install", "payload")
"""The launcher's sources that a step which passes has no need of."""

KEEPER_ALONE = "standalone.c"
"""The keeper's own program, for its tests."""


Collected = dict[str, dict[str, str]]
"""What agent.spec writes: the files by name, of each kind."""


def main(target: Target, build: str, output: str) -> None:
    """Build the binary and its bill of materials."""
    with open(os.path.join(build, "collected.json"), encoding="utf-8") as file:
        collected = placed(json.load(file), target)
    work = os.path.join(build, target.name)
    os.makedirs(work, exist_ok=True)
    tree = os.path.join(work, "tree")
    shutil.rmtree(tree, ignore_errors=True)
    os.mkdir(tree)

    extensions = copy_extensions(collected["extensions"], tree, target)
    modules = module_sources(collected, target)
    interpreter = build_interpreter(work, tree, target)
    needed = libraries.needed([interpreter, *collected["extensions"].values()], target)
    for name, path in needed.items():
        libraries.copy_stripped(path, os.path.join(tree, name), target)
    if target.clone3:
        libraries.without_clone3(os.path.join(tree, libraries.LIBC), target.clone3)
    shutil.copyfile(libraries.find(target.loader, target), os.path.join(tree, payload.LOADER))

    components = list_components(build, collected, needed, target)
    version = read_version()
    files = data_files(collected["data"])
    files["agent/version.txt"] = inventory.version_text(version, components).encode()
    files["agent/licences.txt"] = inventory.licences_text(components).encode()
    write_archive(os.path.join(tree, payload.MODULES), modules, files, extensions)

    names = [payload.LOADER, *needed, payload.PROGRAM, payload.MODULES]
    payload.write_payload(tree, [*names, *(os.path.basename(path) for path in extensions.values())], work)
    os.makedirs(output, exist_ok=True)
    binary = os.path.join(output, target.binary)
    build_launcher(build, work, binary, target)
    with open(f"{binary}.cdx.json", "w", encoding="utf-8") as file:
        json.dump(inventory.bill(version, components, target), file, indent=1)


def placed(collected: Collected, target: Target) -> Collected:
    """Return the files that were found on this machine as they are for the target."""
    return {
        kind: files if kind == "base" else {name: target.place(path) for name, path in files.items()}
        for kind, files in collected.items()
    }


def module_name(entry: str) -> str:
    """Return the module that a shared object is: `a/b.cpython-311-….so` is a.b."""
    return (
        entry.removeprefix("python3.11/lib-dynload/")
        .removeprefix("lib-dynload/")
        .split(".")[0]
        .replace("/", ".")
    )


def copy_extensions(collected: dict[str, str], tree: str, target: Target) -> dict[str, str]:
    """Copy the modules that are shared objects; returns their files by name."""
    copies = {}
    for entry, path in sorted(collected.items()):
        name = module_name(entry)
        copies[name] = os.path.join(tree, name + payload.EXTENSION_SUFFIX)
        libraries.copy_stripped(path, copies[name], target)
    return copies


def module_sources(collected: Collected, target: Target) -> dict[str, str]:
    """Return the source file of each module, those too that PyInstaller starts with."""
    sources = {name: path for name, path in collected["modules"].items() if path.endswith(".py")}
    return sources | {name: standard_source(name, target) for name in collected["base"]}


def standard_source(name: str, target: Target) -> str:
    """Return the source file of a module of the standard library."""
    base = os.path.join(target.standard_library, *name.split("."))
    return next(path for path in (f"{base}.py", f"{base}/__init__.py") if os.path.exists(path))


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
    build: str, collected: Collected, needed: dict[str, str], target: Target
) -> list[inventory.Component]:
    """Return all that is inside and not ours."""
    ours = [*collected["modules"].values(), *collected["extensions"].values()]
    static = ("libexpat.a", "libz.a")
    files = [
        *needed.values(),
        libraries.find(target.loader, target),
        target.libpython,
        *(libraries.find(name, target) for name in static),
        target.musl,
    ]
    return [
        *inventory.python_components([file for file in ours if file], target),
        *inventory.debian_components(files, target),
        inventory.zstd_component(os.path.join(build, "zstd", "zstd.c")),
    ]


def build_interpreter(work: str, tree: str, target: Target) -> str:
    """Compile the program that embeds the interpreter."""
    table = {name: standard_source(name, target) for name in FROZEN}
    with open(os.path.join(work, "frozen.h"), "w", encoding="ascii") as file:
        file.write(frozen({**table, "_boot": BOOT}))
    program = os.path.join(tree, payload.PROGRAM)
    subprocess.run(
        [
            *(*target.gcc, "-O2", *WARNINGS, "-no-pie", "-fno-pie", "-I", work, "-I", LAUNCHER),
            *("-isystem", target.headers, f"-ffile-prefix-map={REPOSITORY}=."),
            *(os.path.join(LAUNCHER, "interpreter.c"), target.libpython, *INTERPRETER_LIBRARIES),
            *("-Wl,--export-dynamic", "-Wl,--build-id=none", "-Wl,-z,relro", "-s", "-o", program),
        ],
        check=True,
    )
    return program


def build_launcher(build: str, work: str, output: str, target: Target) -> None:
    """Compile the launcher with the payload inside, static.

    What `agent run` needs lies together at the front, the C library behind it, and then the rest; code and constants
    are in one segment. A step pays for each of the kernel's mappings, for each piece of 64 KiB that is touched, and for
    each page that is copied (data.ld).
    """
    zstd = os.path.join(build, "zstd")
    decoder = os.path.join(work, "zstd.o")
    flags = ("-static", "-ffunction-sections", "-fdata-sections", "-I", zstd)
    if not os.path.exists(decoder) or os.path.getmtime(decoder) < os.path.getmtime(__file__):
        subprocess.run(
            [
                *(*target.musl_gcc, "-O3", *flags, "-DZSTD_DISABLE_ASM", "-DZSTD_LEGACY_SUPPORT=0"),
                *("-c", os.path.join(zstd, "zstd.c"), "-o", decoder),
            ],
            check=True,
        )
    subprocess.run([sys.executable, os.path.join(LAUNCHER, "generate.py"), work], check=True)
    keeper = sorted(name for name in os.listdir(KEEPER) if name.endswith(".c") and name != KEEPER_ALONE)
    first = [os.path.join(LAUNCHER, "main.c"), *(os.path.join(KEEPER, name) for name in keeper)]
    first += [os.path.join(work, "tables.c")]
    rest = [os.path.join(LAUNCHER, f"{name}.c") for name in STARTING]
    rest += [os.path.join(work, "contents.c"), decoder, os.path.join(LAUNCHER, "payload.S")]
    unfinished = os.path.join(work, target.binary)
    subprocess.run(
        [
            *(*target.musl_gcc, "-O2", *flags, *WARNINGS, f"-ffile-prefix-map={REPOSITORY}=."),
            *("-I", LAUNCHER, "-I", KEEPER, "-I", work, f"-Wa,-I{work}"),
            *(*first, "-lc", *rest),
            *("-Wl,--gc-sections", "-Wl,-z,noseparate-code", f"-Wl,-T,{os.path.join(LAUNCHER, 'data.ld')}"),
            *("-Wl,--build-id=none", "-s", "-o", unfinished),
        ],
        check=True,
    )
    os.replace(unfinished, output)


if __name__ == "__main__":
    folder = os.path.abspath(sys.argv[2])
    main(targets.named(sys.argv[1], folder), folder, os.path.abspath(sys.argv[3]))
