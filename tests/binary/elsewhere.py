"""Builds a binary from clean, in another folder; only what `pip` and `apt-get` brought is taken over."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.binary.conftest import BUILD, REPOSITORY


def assert_same(other: Path, goal: str, name: str, *taken: str) -> None:
    """Make `goal` in the folder `other`: `dist/name` has the same bytes there; `taken` is what is taken over."""
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, str(other)], check=True)
    changed = subprocess.run(
        ["git", "ls-files", "--modified", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for file in filter(None, changed.split("\0")):
        os.makedirs(os.path.dirname(other / file), exist_ok=True)
        shutil.copy(os.path.join(REPOSITORY, file), other / file)
    made = other / "build" / "binary"
    for folder in taken:
        (made / folder).parent.mkdir(parents=True, exist_ok=True)
        os.symlink(os.path.join(BUILD, folder), made / folder)
    shutil.copytree(os.path.join(BUILD, "zstd"), made / "zstd")
    ready = ("venv/.ready", "arm64/.ready", "zstd/zstd.c")
    subprocess.run(
        ["make", "--silent", *(f"--old-file=build/binary/{file}" for file in ready), goal],
        cwd=other,
        check=True,
        capture_output=True,
    )
    for file in (name, f"{name}.cdx.json"):
        with open(os.path.join(REPOSITORY, "dist", file), "rb") as ours:
            assert (other / "dist" / file).read_bytes() == ours.read(), file
