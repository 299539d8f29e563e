"""The shared libraries of the static binary: which are needed, stripped, and one system call rewritten."""

import os
import re
import shutil
import subprocess

from target import SystemCall, Target

LIBC = "libc.so.6"


def needed(files: list[str], target: Target) -> dict[str, str]:
    """Return the libraries (name: file) that these programs and shared objects need, and what those need in turn."""
    found: dict[str, str] = {}
    waiting = list(files)
    while waiting:
        for name in _needed(waiting.pop()):
            if name not in found and name != target.loader:
                found[name] = find(name, target)
                waiting.append(found[name])
    return dict(sorted(found.items()))


def find(name: str, target: Target) -> str:
    """Return the file of a library."""
    return next(path for folder in target.folders if os.path.exists(path := os.path.join(folder, name)))


def _needed(file: str) -> list[str]:
    text = subprocess.run(["readelf", "-d", file], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.+)\]", text)


def copy_stripped(source: str, copy: str, target: Target) -> None:
    """Copy a shared object without what only a linker or a debugger reads."""
    shutil.copyfile(source, copy)
    subprocess.run([target.strip, "--strip-unneeded", copy], check=True)


def without_clone3(path: str, clone3: SystemCall) -> None:
    """Have the C library find no `clone3`, so that it uses `clone`.

    Some container engines answer it with EPERM, and then no thread can be started.
    """
    with open(path, "rb") as file:
        content = file.read()
    if (places := content.count(clone3.call)) != 1:
        raise SystemExit(f"{path}: clone3 is called in {places} places, not in one")
    with open(path, "wb") as file:
        file.write(content.replace(clone3.call, clone3.answer))
