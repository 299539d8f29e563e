"""Kubernetes Pods without Kubernetes: `podman play kube`, with a storage of the tests' own and no daemon."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence

from examples.programs import Program
from tests.containers.engine import EngineError
from tests.containers.host import REPOSITORY, require
from tests.containers.roots import archive

COMMAND_SECONDS = 60.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What Docker gives to an image that says nothing, and Podman does not."""

CONTAINERS_CONF = """\
[containers]
default_ulimits = []
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
events_logfile_path = "{directory}/events"
lock_type = "file"
runtime = "runc"
tmp_dir = "{directory}/tmp"
"""
"""No systemd is needed; crun refuses a mixed cgroup hierarchy, and raised limits need more rights than we may have."""

STORAGE_CONF = """\
[storage]
driver = "overlay"
graphroot = "{directory}/storage"
runroot = "{directory}/run"
"""


class Podman:
    """The podman command, with a configuration in a directory of its own."""

    def __init__(self, directory: str) -> None:
        """Raises Unavailable."""
        require("podman", "catatonit", "runc", "debootstrap", "busybox")
        self._directory = directory
        files = {"containers.conf": CONTAINERS_CONF, "storage.conf": STORAGE_CONF}
        for name, text in files.items():
            with open(os.path.join(directory, name), "w", encoding="ascii") as file:
                file.write(text.format(directory=directory))
        self.variables = {
            "CONTAINERS_CONF": os.path.join(directory, "containers.conf"),
            "CONTAINERS_STORAGE_CONF": os.path.join(directory, "storage.conf"),
        }
        """What a podman command in an ssh line needs."""

    def run(self, *words: str) -> str:
        """Run a podman command; its standard output, stripped. Raises EngineError."""
        done = subprocess.run(
            ["podman", *words],
            env=os.environ | self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if done.returncode:
            raise EngineError(f"podman {' '.join(words[:2])}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def image(self, name: str) -> str:
        """Return the name of one of the roots as an image that is there."""
        tag = f"localhost/{name}:latest"
        self.run("import", "--quiet", "--change", f"ENV PATH={PATH}", archive(name), tag)
        return tag

    def make_image(
        self,
        tag: str,
        programs: Mapping[str, str],
        entrypoint: Sequence[str] = (),
        *,
        seed: str | None = None,
    ) -> None:
        """Make an image of busybox with PROGRAMS, texts by their paths, and a directory as /seed."""
        path = os.path.join(self._directory, "image.tar")
        shutil.copy(archive("busybox"), path)
        with tarfile.open(path, "a") as tar:
            for name, program in programs.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(program), 0o755
                tar.addfile(entry, io.BytesIO(program.encode()))
            if seed:
                tar.add(seed, "seed")
        changes = [f"ENV PATH={PATH}", *([f"ENTRYPOINT {json.dumps(entrypoint)}"] if entrypoint else ())]
        self.run("import", "--quiet", *(word for text in changes for word in ("--change", text)), path, tag)

    @contextlib.contextmanager
    def pod(self, manifest: str, *containers: str) -> Iterator[dict[str, "PodContainer"]]:
        """Have a Pod in the block; its CONTAINERS, which are named POD-CONTAINER, by name."""
        path = os.path.join(self._directory, "pod.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(manifest)
        started: dict[str, PodContainer] = {}
        try:
            self.run("play", "kube", path)
            for name in containers:
                started[name] = PodContainer(self, name)
            yield started
        finally:
            for one in started.values():
                one.log_reader.stop()
            self.run("play", "kube", "--down", path)


class PodContainer:
    """One container of a Pod: its log, and its exit code."""

    def __init__(self, podman: Podman, name: str) -> None:
        self._podman = podman
        self._name = name
        self.log_reader = Program(["podman", "logs", "--follow", name], env=os.environ | podman.variables)

    def wait_for(self, pattern: str, seconds: float = 60) -> re.Match[str]:
        """Read its log until PATTERN is in it."""
        return self.log_reader.wait_for(pattern, seconds)

    def wait(self) -> int:
        """Wait for its end; its exit code."""
        return int(self._podman.run("wait", self._name))


BUILD_POD = os.path.join(REPOSITORY, "packaging", "wrappers", "kubernetes.yaml")
BUILD_IMAGE = "registry.example.com/ci/build:latest"
"""In that manifest."""

MAKE = "#!/bin/sh\necho making $1 as $(id -u)\nexit 5\n"
"""The step of the manifest is `make test`."""


@contextlib.contextmanager
def build_pod(podman: Podman) -> Iterator[PodContainer]:
    """Have the very Pod that users get in the block, on the host's network, for no other can be made on every machine.

    The agent's image is there already.
    """
    podman.make_image(BUILD_IMAGE, {"bin/make": MAKE})
    try:
        podman.run("play", "kube", "--network", "host", BUILD_POD)
        step = PodContainer(podman, "build-step")
        try:
            yield step
        finally:
            step.log_reader.stop()
    finally:
        podman.run("play", "kube", "--down", BUILD_POD)
