"""The static binary `dist/agent-arm64`, as `make binary-arm64` leaves it, with a real relay and the real ssh client."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from examples.loopback import Relay
from tests.arm64.emulator import BINARY, PATIENCE, command, make_root, require
from tests.containers.conftest import pytest_runtest_call, pytest_runtest_setup  # noqa: F401  (skip what cannot run here)
from tests.e2e.conftest import Agent, relay, ssh  # noqa: F401  (fixtures)

HERE = Path(__file__).parent
TIMEOUT = 3 * PATIENCE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(TIMEOUT))


@pytest.fixture(scope="session")
def emulator() -> None:
    """Programs for arm64 can be run."""
    require()


@pytest.fixture(scope="session")
def root(emulator: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A root with nothing in it for this machine."""
    return make_root(str(tmp_path_factory.mktemp("arm64") / "root"))


@pytest.fixture(scope="session")
def start(emulator: None, relay: Relay) -> Callable[..., Agent]:  # noqa: F811
    """Start an agent that comes through the relay: `start("--", "false", root=…)`."""

    def start(*words: str, root: str = "/", agent: str = BINARY) -> Agent:
        # Not --token-file: no file of this machine is in another root.
        with open(relay.agent_token_file, encoding="ascii") as file:
            env = {"HOLDFAST_RELAY": relay.url, "HOLDFAST_TOKEN": file.read().strip()}
        return Agent(words, env=env, command=command(agent, root=root))

    return start


@pytest.fixture
def agent(start: Callable[..., Agent]) -> Iterator[Callable[..., Agent]]:
    """The same, for one test."""
    started: list[Agent] = []

    def once(*words: str, **options: str) -> Agent:
        started.append(start(*words, **options))
        return started[-1]

    yield once
    for one in started:
        one.end()
