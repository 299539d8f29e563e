"""What this agent is made of: its versions, and the licences of all that is inside.

Wrappers ask for the version before each step, so nothing is imported for it: the binary has both texts ready.
"""

import os
import sys

from agent.launched import BINARY, read_beside
from tunnel.version import VERSION

LIBRARIES = ("asyncssh", "certifi", "cryptography", "psutil", "ptyprocess", "websockets")
"""Those whose versions are told, as in the binary (`packaging/binary/inventory.py`)."""

_FROM_SOURCE = """\
Holdfast is under the licence Apache-2.0. This agent runs from source: its libraries lie beside it, each with its own
licence in its folder NAME.dist-info. The static binary prints the licences of all that is inside.
"""


def versions() -> str:
    """Return a line each for the agent, its commit, Python and the libraries; the first never changes its form."""
    if BINARY:
        return read_beside(__spec__, "version.txt").decode()
    lines = [
        f"holdfast agent {VERSION}",
        "commit unknown: from source",
        f"python {'.'.join(map(str, sys.version_info[:3]))}",
        *_installed(),
    ]
    return "".join(f"{line}\n" for line in lines)


def licences() -> str:
    """Return the licences of all that is inside."""
    return read_beside(__spec__, "licences.txt").decode() if BINARY else _FROM_SOURCE


def _installed() -> list[str]:
    """Tell the libraries' versions by the names of their folders: `importlib.metadata` would take 30 ms."""
    folders: set[str] = set()
    for path in sys.path:
        if os.path.basename(path) in ("site-packages", "dist-packages") and os.path.isdir(path):
            folders.update(os.listdir(path))
    found = (
        folder.removesuffix(".dist-info").partition("-")
        for folder in folders
        if folder.endswith(".dist-info")
    )
    return sorted(f"{name} {version}" for name, _, version in found if name in LIBRARIES)
