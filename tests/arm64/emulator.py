"""Runs programs for arm64 on this machine as a container would: by qemu-user, in namespaces of their own.

The kernel starts each by the emulator, whoever starts it (binfmt_misc). A user namespace may have rules of its own for
that, so nothing is changed on the machine, and nobody need be root. The first program is PID 1, and all end with it.
"""

import os
import shutil
import subprocess

from tests.containers.host import REPOSITORY, Unavailable

BUILD = os.path.join(REPOSITORY, "build", "binary", "arm64")
BINARY = os.path.join(REPOSITORY, "dist", "agent-arm64")
BUSYBOX = os.path.join(BUILD, "steps", "bin", "busybox")

PREPARE = """
set -e
if ! "$1" true 2>/dev/null; then
    mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
    cat /usr/lib/binfmt.d/qemu-aarch64.conf >/proc/sys/fs/binfmt_misc/register
fi
if [ "$0" != / ]; then
    mount --rbind /dev "$0/dev"
    mount -t proc proc "$0/proc"
fi
shift
exec chroot "$0" "$@"
"""
NAMESPACES = (
    "unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
)

PATIENCE = 120
"""Seconds that anything may take: the emulator is ten times slower than the machine, which may be busy."""


def command(*words: str, root: str = "/") -> list[str]:
    """Return the command line that runs one for arm64, in a root."""
    return [*NAMESPACES, "sh", "-c", PREPARE, root, BUSYBOX, *words]


def run(
    *words: str, root: str = "/", env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end."""
    return subprocess.run(
        command(*words, root=root),
        env={"PATH": os.environ["PATH"], **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def require() -> None:
    """Raise Unavailable where no program for arm64 can be run."""
    done = run(BUSYBOX, "true")
    if done.returncode:
        raise Unavailable(
            "programs for arm64 need Debian's packages (packaging/debian.sh arm64), and Linux 6.7 or the emulator in "
            f"binfmt_misc: {done.stderr.strip()}"
        )


def make_root(path: str) -> str:
    """Make a root in which every program is for arm64, with the agent installed as in a build container."""
    for name in ("bin", "dev", "proc", "tmp", "addon"):
        os.makedirs(os.path.join(path, name))
    os.chmod(os.path.join(path, "tmp"), 0o1777)
    shutil.copy(BUSYBOX, os.path.join(path, "bin"))
    for applet in {*run(BUSYBOX, "--list").stdout.split()} - {"busybox"}:
        os.symlink("busybox", os.path.join(path, "bin", applet))
    done = run(BINARY, "install", os.path.join(path, "addon"))
    assert done.returncode == 0, done.stderr
    return path
