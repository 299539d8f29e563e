"""Root file systems for images, built once without a registry and kept between runs.

    python -m tests.containers.roots

builds at once all that are missing, so that no test waits for one; where they cannot be built, the tests will say so.
"""

import contextlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor

from tests.containers.host import Unavailable, locked, require

TAGS = {
    "bullseye": "debian:bullseye-slim",
    "bookworm": "debian:bookworm-slim",
    "trixie": "debian:trixie-slim",
    "busybox": "busybox:latest",
}
"""What can be had, and the names under which Dockerfiles know it. Debian's: bash, dash, python3 (3.9, 3.11, 3.13)."""

PACKAGES = "python3,python3-venv"
"""What our own Dockerfiles install, too: their apt-get finds it there."""

EDITION = 2
"""Counted up when what is built here changes: archives of other editions are left alone."""

NEEDLESS = (
    *("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man"),
    *("var/cache/apt", "var/lib/apt/lists", "var/log"),
)
"""Half of what debootstrap makes: each engine that is started would read it again."""

SOURCES = "etc/apt/sources.list"
"""Where apt-get would look for packages; without it, it asks nobody: containers of the tests have no way out."""

BUSYBOX = "/bin/busybox"
BUILD_SECONDS = 240
"""A root takes 30 s on a quiet machine with two cores."""


def archive(name: str) -> str:
    """Return the path of a root's tar file; build it first where it is missing. Raises Unavailable."""
    os.makedirs(directory := cache(), exist_ok=True)
    path = os.path.join(directory, f"{name}-{EDITION}.tar")
    with locked(path):
        if not os.path.exists(path):
            unfinished = f"{path}.{os.getpid()}"
            try:
                (_pack_busybox if name == "busybox" else _pack_debian)(name, unfinished)
                os.rename(unfinished, path)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(unfinished)
    return path


def cache() -> str:
    """Return the directory that is kept between runs."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(home, "holdfast-tests")


def _pack_debian(suite: str, path: str) -> None:
    with tempfile.TemporaryDirectory(prefix="root-", dir=cache()) as root:
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, root],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        if done.returncode:
            raise Unavailable(f"debootstrap {suite}: {' '.join(done.stdout.split()[-50:])}")
        for needless in NEEDLESS:
            shutil.rmtree(os.path.join(root, needless), ignore_errors=True)
        os.unlink(os.path.join(root, SOURCES))
        os.mkdir(os.path.join(root, "addon"))  # where a read-only root cannot get a mount point
        subprocess.run(["tar", "--numeric-owner", "-C", root, "-cf", path, "."], check=True)


def _pack_busybox(_name: str, path: str) -> None:
    """Pack one static program, its many names, and nothing else: no passwd, no libc, no certificates."""
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with tarfile.open(path, "w") as tar:
        for name, mode in (("bin", 0o755), ("addon", 0o755), ("tmp", 0o1777)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        with open(BUSYBOX, "rb") as program:
            entry = tarfile.TarInfo("bin/busybox")
            content = program.read()
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
        for applet in {*applets, "sh"} - {"busybox"}:
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)


def main() -> None:
    with contextlib.suppress(Unavailable), ThreadPoolExecutor() as workers:
        require("debootstrap", "busybox", "tar")
        for _ in workers.map(archive, TAGS):
            pass


if __name__ == "__main__":
    main()
