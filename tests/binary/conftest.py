"""The static binary `dist/agent`, as `make binary` leaves it."""

import os
import subprocess

import pytest

from tests.containers.conftest import (  # noqa: F401  (fixtures, and what skips where there are no containers)
    container,
    engine,
    podman,
    pytest_runtest_call,
    pytest_runtest_setup,
    relay,
    shared,
    ssh,
)

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.path.join(REPOSITORY, "dist", "agent")
BUILD = os.path.join(REPOSITORY, "build", "binary")
WORK = os.path.join(BUILD, "amd64")
PATIENCE = 60


class Runner:
    """Starts a copy of the binary, or the binary, with no environment but what is given."""

    def __init__(self, path):
        self.path = str(path)

    def __call__(self, *words, env=None, **options):
        return subprocess.run(
            [self.path, *words],
            env={"PATH": os.environ["PATH"], **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            **options,
        )


@pytest.fixture
def binary():
    return Runner(BINARY)


@pytest.fixture
def cache(tmp_path):
    """An empty directory for the cache, and the environment that names it."""
    path = tmp_path / "cache"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def unpacked(binary, cache):
    """The payload's directory in the cache, after a first start."""
    assert binary("--version", env={"HOLDFAST_CACHE": str(cache)}).returncode == 0
    (own,) = cache.iterdir()
    (payload,) = own.iterdir()
    return payload
