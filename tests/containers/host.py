"""What the machine that runs the tests must have, and how processes on it take turns."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Unavailable(Exception):
    """This machine cannot give what a test in containers needs; the text is one line that says what."""


def require(*commands: str) -> None:
    """Raise Unavailable if we are not root, or a command is missing."""
    if os.geteuid() != 0:
        raise Unavailable("containers need root")
    if lacking := [command for command in commands if not shutil.which(command, path=search_path())]:
        raise Unavailable(f"containers need Debian's packages (packaging/debian.sh): no {', '.join(lacking)}")


def search_path() -> str:
    """Return our PATH, and where daemons are: an ordinary user's lacks that, and so may ours."""
    return os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Be the only process in the block that is named by a path."""
    with open(f"{path}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
