"""The shared libraries of the static binary: which are needed, stripped, and one system call rewritten."""

import os
import re
import shutil
import subprocess

FOLDERS = ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu")
LOADER = "ld-linux-x86-64.so.2"
LIBC = "libc.so.6"

_CLONE3 = bytes.fromhex("b8b30100000f05")  # mov $435,%eax; syscall
_ENOSYS = bytes.fromhex("48c7c0daffffff")  # mov $-ENOSYS,%rax


def needed(files: list[str]) -> dict[str, str]:
    """Return the libraries (name: file) that these programs and shared objects need, and what those need in turn."""
    found: dict[str, str] = {}
    waiting = list(files)
    while waiting:
        for name in _needed(waiting.pop()):
            if name not in found and name != LOADER:
                found[name] = find(name)
                waiting.append(found[name])
    return dict(sorted(found.items()))


def find(name: str) -> str:
    """Return the file of a library."""
    return next(path for folder in FOLDERS if os.path.exists(path := os.path.join(folder, name)))


def _needed(file: str) -> list[str]:
    text = subprocess.run(["readelf", "-d", file], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.+)\]", text)


def copy_stripped(source: str, target: str) -> None:
    """Copy a shared object without what only a linker or a debugger reads."""
    shutil.copyfile(source, target)
    subprocess.run(["strip", "--strip-unneeded", target], check=True)


def without_clone3(path: str) -> None:
    """Have the C library find no `clone3`, so that it uses `clone`.

    Some container engines answer it with EPERM, and then no thread can be started.
    """
    with open(path, "rb") as file:
        content = file.read()
    if content.count(_CLONE3) != 1:
        raise SystemExit(f"{path}: clone3 is called in {content.count(_CLONE3)} places, not in one")
    with open(path, "wb") as file:
        file.write(content.replace(_CLONE3, _ENOSYS))
