"""The images of packaging/, built by its Dockerfiles as users build them, from roots under the names that those use."""

import contextlib
import functools
import http.server
import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256

from tests.containers.engine import Engine
from tests.containers.host import REPOSITORY, locked
from tests.containers.roots import cache
from tests.serving import serving

PACKAGING = os.path.join(REPOSITORY, "packaging")
LOCK = os.path.join(PACKAGING, "relay.lock")
PYTHON = "3.11"
"""Debian 12's, for which the relay's image takes wheels; ours may be another."""

AGENT = "registry.example.com/holdfast/agent:latest"
RELAY = "registry.example.com/holdfast/relay:latest"
"""The names in all that users get."""

BUILD_SECONDS = 180.0
"""The relay's takes 20 s on a quiet machine."""


def agent_image(engine: Engine) -> str:
    """Return the tag of the agent's image, with `dist/agent` in it; build it where it is not there yet."""
    return _built(engine, AGENT, "agent")


def relay_image(engine: Engine) -> str:
    """Return the tag of the relay's image; build it where it is not there yet. Packages come from a mirror of ours."""
    with _mirror(engine.address) as url:
        host = url.split("/")[2].rpartition(":")[0]
        options = f"--no-index --find-links {url} --trusted-host {host}"
        return _built(engine, RELAY, "relay", "--build-arg", f"PIP_OPTIONS={options}")


def _built(engine: Engine, tag: str, name: str, *options: str) -> str:
    engine.image("bookworm")
    with locked(os.path.join(engine.directory, f"image-{name}")):
        if not engine.docker("images", "--quiet", tag):
            file = os.path.join(PACKAGING, f"{name}.Dockerfile")
            words = ("build", "--quiet", "--file", file, "--tag", tag, *options, REPOSITORY)
            engine.docker(*words, seconds=BUILD_SECONDS)
    return tag


@contextlib.contextmanager
def _mirror(address: str) -> Iterator[str]:
    """Serve the relay's packages in the block; containers of the tests have no way out to PyPI. The URL of a list."""
    handler = functools.partial(_Quiet, directory=_wheels())
    with http.server.ThreadingHTTPServer((address, 0), handler) as server, serving(server):
        yield f"http://{address}:{server.server_port}/"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name in the standard library)
        pass


def _wheels() -> str:
    """Return a directory with all that the lock file names; it is kept between runs."""
    with open(LOCK, "rb") as file:
        edition = sha256(file.read()).hexdigest()[:16]
    path = os.path.join(cache(), f"wheels-{edition}")
    os.makedirs(cache(), exist_ok=True)
    with locked(path):
        if not os.path.exists(path):
            unfinished = f"{path}.{os.getpid()}"
            subprocess.run(
                [
                    *(sys.executable, "-m", "pip", "download", "--quiet", "--dest", unfinished),
                    *("--require-hashes", "--only-binary", ":all:", "--python-version", PYTHON),
                    *("--requirement", LOCK),
                ],
                check=True,
            )
            os.rename(unfinished, path)
    return path
