"""Real containers: a Docker Engine of the tests' own, images of four kinds, and the agent mounted at /addon."""

import contextlib
import os
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from examples.loopback import Relay
from examples.loopback import relay as fresh_relay
from tests.containers.addon import addon as built_addon
from tests.containers.container import Container
from tests.containers.engine import Engine
from tests.containers.host import Unavailable
from tests.containers.pod import Podman
from tests.openssh import Ssh

TIMEOUT = 360
"""Seconds for a test: the first that wants an image builds it, beside another that builds the next."""
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(TIMEOUT))


class Starter(Protocol):
    """What the fixture `container` is."""

    def __call__(
        self, image: str, *words: str, options: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> Container: ...


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    with skipping():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    with skipping():
        return (yield)


@contextlib.contextmanager
def skipping() -> Iterator[None]:
    """Skip a test where this machine cannot run containers; where CI says that it is CI, that is a failure."""
    try:
        yield
    except Unavailable as lack:
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail(str(lack), pytrace=False)
        pytest.skip(str(lack))


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The directory that all workers of this test run have in common."""
    base = tmp_path_factory.getbasetemp()
    return str(base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base)


@pytest.fixture(scope="session")
def engine(shared: str) -> Iterator[Engine]:
    """The engine; started by the first worker that wants it, ended with the last."""
    engine = Engine(shared)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def addon(shared: str) -> str:
    """The directory to mount at /addon."""
    return built_addon(shared)


@pytest.fixture
def container(engine: Engine, addon: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Starter]:
    """Start containers: `container("bookworm", "--timeout", "1m", "--", "false", options=["--init"])`.

    While the test runs, a `docker` command in an ssh line of the log finds the engine.
    """
    for name in ("DOCKER_HOST", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, engine.environment[name])

    with contextlib.ExitStack() as started:

        def start(
            image: str, *words: str, options: Sequence[str] = (), env: Mapping[str, str] | None = None
        ) -> Container:
            one = Container(engine, addon, image, *words, options=options, env=env)
            started.callback(one.remove)
            return one

        yield start


@pytest.fixture
def podman(monkeypatch: pytest.MonkeyPatch) -> Iterator[Podman]:
    """Podman with no image; a `podman` command in an ssh line of the log finds its containers."""
    # pytest's own directories have longer names, and then Podman learns of a container's end 20 s late.
    with tempfile.TemporaryDirectory(prefix="holdfast-pod-") as directory:
        podman = Podman(directory)
        for name, value in podman.variables.items():
            monkeypatch.setenv(name, value)
        yield podman


@pytest.fixture(scope="session")
def relay(engine: Engine) -> Iterator[Relay]:
    """A relay on the host, which containers reach with `options=["--network", "bridge"]`."""
    with fresh_relay(engine.address) as served:
        yield served


@pytest.fixture(scope="session")
def ssh() -> Ssh:
    """The OpenSSH client."""
    return Ssh()
