"""Which container are we in, as its host names it: pure functions over what /proc and the environment say."""

import re
from collections.abc import Mapping

_CONTAINER_ID = re.compile(r"/(?:containers|overlay-containers|sandboxes|docker|libpod-)/?([0-9a-f]{64})\b")
_IDENTITY = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf")
"""Engines mount these from a directory named by the container's id; elsewhere an id is another container's."""

MARKS = ("/.dockerenv", "/run/.containerenv")
"""Files that Docker and Podman put into every container."""


def container_id(mountinfo: str) -> str | None:
    """Return the id of 64 hexadecimal digits from `/proc/self/mountinfo`, if an engine left it there."""
    for line in mountinfo.splitlines():
        # proc(5): the fourth field is the root within the mounted file system, the fifth the mount point.
        root, mount_point = (line.split(" ") + [""] * 5)[3:5]
        found = _CONTAINER_ID.search(root)
        if found and mount_point in _IDENTITY:
            return found.group(1)
    return None


def runner(
    mountinfo: str, environment: Mapping[str, str], hostname: str, uid: int, *, marked: bool
) -> list[str] | None:
    """Return the command by which the host starts another in this container; None if we are in none.

    `marked` says that one of the engines' mark files is there. Its id is as short as `docker ps` shows it.
    """
    if "KUBERNETES_SERVICE_HOST" in environment:
        return ["kubectl", "exec", "-i", hostname, "--"]
    found = container_id(mountinfo)
    if found or marked:
        engine = "podman" if "libpod" in mountinfo or environment.get("container") == "podman" else "docker"
        return [engine, "exec", "-i", "-u", str(uid), found[:12] if found else hostname]
    return None
