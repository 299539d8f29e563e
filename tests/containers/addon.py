"""The agent as build containers get it: a directory, mounted at /addon, with all that it needs.

It must run in images with another Python, another libc or none. So it is our own interpreter with its standard library,
the packages, and every shared library of them, started by the loader beside it.
"""

import compileall
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig

from packaging.requirements import Requirement

from tests.containers.host import REPOSITORY, locked, require

OWN_PACKAGES = ("agent", "tunnel")
DISTRIBUTION = "holdfast"
UNUSED = shutil.ignore_patterns(
    *("site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip"),
    *("lib2to3", "pydoc_data", "_tkinter*", "config-*", "*.a", "*.opt-?.pyc"),
)
"""Of the standard library: a third of it in files, none of it ours."""

MOUNTED = "/addon"
"""Where it is mounted, always: a script can name its interpreter, and a program its loader, by absolute path only."""

SEARCHED = f"{MOUNTED}/lib"
"""For libraries. As DT_RPATH, which comes before the build's LD_LIBRARY_PATH and the image's own libraries."""

LAUNCHER = f"""\
#!{MOUNTED}/bin/python -IS
import sys
sys.path.append(sys.prefix + "/site-packages")
from agent.cli import main
sys.exit(main())
"""
"""No shell script: a shell adds PWD or SHLVL to the environment, which is the step's, and may be missing."""


def addon(shared: str) -> str:
    """Return the directory to mount, built below `shared` where it is not there yet. Raises Unavailable.

    With `HOLDFAST_TEST_AGENT`, it is what that binary installs: `make test-binary`.
    """
    path = os.path.join(shared, "addon")
    if binary := os.environ.get("HOLDFAST_TEST_AGENT"):
        with locked(path):
            subprocess.run([binary, "install", path], check=True)
        return path
    require("ldd", "patchelf")
    with locked(path):
        if not os.path.exists(path):
            unfinished = f"{path}.{os.getpid()}"
            _build(unfinished)
            os.rename(unfinished, path)
    return path


def _build(directory: str) -> None:
    version = f"python{sysconfig.get_python_version()}"
    library = os.path.join(directory, "lib", version)
    packages = os.path.join(directory, "site-packages")
    shutil.copytree(sysconfig.get_path("stdlib"), library, ignore=UNUSED, symlinks=False)
    os.mkdir(os.path.join(directory, "bin"))
    interpreter = os.path.join(directory, "bin", "python")
    shutil.copy2(os.path.realpath(sys.executable), interpreter)
    for name in _distributions(DISTRIBUTION):
        _copy_distribution(name, packages)
    for name in OWN_PACKAGES:
        shutil.copytree(os.path.join(REPOSITORY, name), os.path.join(packages, name), dirs_exist_ok=True)
    compileall.compile_dir(directory, quiet=2, workers=2)
    _copy_libraries(directory, interpreter)
    launcher = os.path.join(directory, "agent")
    with open(launcher, "w", encoding="ascii") as file:
        file.write(LAUNCHER)
    os.chmod(launcher, 0o755)
    subprocess.run(["chmod", "-R", "a+rX", directory], check=True)  # whatever our umask is


def _distributions(name: str) -> set[str]:
    """Name a distribution and all that it requires at run time, without its extras."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        found.add(name := waiting.pop())
        for line in importlib.metadata.requires(name) or ():
            required = Requirement(line)
            if required.name not in found and (
                not required.marker or required.marker.evaluate({"extra": ""})
            ):
                waiting.append(required.name)
    return found


def _copy_distribution(name: str, packages: str) -> None:
    for file in importlib.metadata.files(name) or ():
        if ".." in file.parts or file.suffix == ".pth":  # a console script; what makes an install editable
            continue
        target = os.path.join(packages, file)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(file.locate(), target)


def _copy_libraries(directory: str, interpreter: str) -> None:
    """Copy the shared libraries of every program and module, and have none looked for elsewhere."""
    modules = [
        os.path.join(folder, file)
        for folder, _, files in os.walk(directory)
        for file in files
        if ".so" in file and not file.endswith(".py")
    ]
    listed = subprocess.run(
        ["ldd", interpreter, *modules], capture_output=True, text=True, check=False
    ).stdout
    loader = ""
    for path in sorted({*re.findall(r"^\t(?:\S+ => )?(/\S+) \(0x", listed, re.MULTILINE)}):
        if not path.startswith(directory):  # a wheel brings some of its own, which are found there
            name = os.path.basename(path)
            shutil.copy2(os.path.realpath(path), os.path.join(directory, "lib", name))
            if name.startswith("ld-"):
                loader = name
    assert loader, f"no loader in what ldd says: {listed[:500]}"
    _patch([interpreter], "--set-interpreter", f"{MOUNTED}/lib/{loader}")
    libraries = [entry.path for entry in os.scandir(os.path.join(directory, "lib")) if entry.is_file()]
    others = [*modules, *libraries]
    lists = _patch(others, "--print-rpath").split("\n")
    # Whoever has a list of its own does not see the interpreter's; a wheel's may name what it brings.
    listing = [(file, own) for file, own in zip(others, lists, strict=False) if own]
    for option, files in (
        ("--set-rpath", [interpreter, *(file for file, own in listing if "$ORIGIN" not in own)]),
        ("--add-rpath", [file for file, own in listing if "$ORIGIN" in own]),
    ):
        if files:
            _patch(files, "--force-rpath", option, SEARCHED)


def _patch(files: list[str], *change: str) -> str:
    return subprocess.run(["patchelf", *change, *files], capture_output=True, text=True, check=True).stdout
