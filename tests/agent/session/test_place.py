"""Finding out which container this is, by the traces that engines leave."""

import pytest

from agent.session.place import runner

ID = "0123456789abcdef" * 4
DOCKER = (
    f"700 690 8:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw\n"
)
PODMAN = (
    f"700 690 0:50 /containers/overlay-containers/{ID}/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw\n"
)
OTHER = "f" * 64
DOCKERS_HOST = (
    f"90 22 0:44 / /var/lib/docker/containers/{OTHER}/mounts/shm rw - tmpfs shm rw\n"
    f"91 22 8:1 /var/lib/docker/containers/{OTHER}/hostname /mnt/look rw - ext4 /dev/sda1 rw\n"
)
HOST = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"


@pytest.mark.parametrize(
    ("mountinfo", "environment", "marked", "command"),
    [
        (HOST, {}, False, None),
        (HOST + DOCKERS_HOST, {}, False, None),
        ("short line\n\n", {}, False, None),
        (DOCKERS_HOST + DOCKER, {}, True, ["docker", "exec", "-i", "-u", "12345", ID[:12]]),
        (DOCKERS_HOST, {}, True, ["docker", "exec", "-i", "-u", "12345", "box"]),
        (DOCKER, {}, True, ["docker", "exec", "-i", "-u", "12345", ID[:12]]),
        (DOCKER, {}, False, ["docker", "exec", "-i", "-u", "12345", ID[:12]]),
        (PODMAN, {"container": "podman"}, True, ["podman", "exec", "-i", "-u", "12345", ID[:12]]),
        (HOST, {}, True, ["docker", "exec", "-i", "-u", "12345", "box"]),
        (DOCKER, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, True, ["kubectl", "exec", "-i", "box", "--"]),
    ],
)
def test_runner(mountinfo: str, environment: dict[str, str], marked: bool, command: list[str] | None) -> None:
    assert runner(mountinfo, environment, "box", 12345, marked=marked) == command
