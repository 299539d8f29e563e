"""Real agents, real relays and the real OpenSSH client."""

import contextlib
import os
import re
import select
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psutil
import pytest

from examples.loopback import Relay
from examples.loopback import relay as fresh_relay
from examples.programs import Program, ProgramError, installed
from tests.openssh import Shell, Ssh, Way

SSH_LINE = r"^ssh (?:-p (?P<port>\d+) )?(?P<user>[^@\s]+)@(?P<host>\S+)$"
ANY_FAILURE = ("sh", "-c", "echo about to fail; exit 7")

GONE_SECONDS = 5.0
"""Within which nothing that an agent started may be left."""


class Agent:
    """`agent run`, as a build would start it; `command`: another agent than the installed one."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: dict[str, str] | None = None,
        cwd: str | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        self._mark = f"HOLDFAST_TEST_MARK={uuid.uuid4().hex}"
        name, _, value = self._mark.partition("=")
        environment = {**clean_environment(), **(env or {}), name: value}
        words = [*(command or [installed("agent")]), "run", *argv]
        self.program = Program(words, env=environment, cwd=cwd)

    @property
    def log(self) -> str:
        return self.program.output

    def wait_for(self, pattern: str, seconds: float = 20) -> re.Match[str]:
        return self.program.wait_for(pattern, seconds)

    def way(self, relay: Relay | None = None, seconds: float = 20) -> Way:
        """The way in that the log tells, with the user's token in its place."""
        line = self.wait_for(SSH_LINE, seconds)
        user = line["user"]
        if relay:
            assert user.startswith(f"TOKEN:{relay.account}:")
            user = user.replace("TOKEN", relay.user_token, 1)
        return Way(user, line["host"], int(line["port"] or 22))

    def wait(self, seconds: float = 20) -> int:
        """Its exit code; fails if anything that it started is still there."""
        code = self.program.wait(seconds)
        self.assert_nothing_left()
        return code

    def end(self) -> None:
        self.program.stop()
        self.assert_nothing_left()

    def assert_nothing_left(self) -> None:
        left = self._left()
        deadline = time.monotonic() + GONE_SECONDS
        while left and (wait := deadline - time.monotonic()) > 0:
            with contextlib.suppress(ProcessLookupError):
                pidfd = os.pidfd_open(left[0].pid)
                select.select([pidfd], [], [], wait)
                os.close(pidfd)
            left = self._left()
        assert not left

    def _left(self) -> list[psutil.Process]:
        left = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                with open(f"/proc/{process.pid}/environ", "rb") as environ:
                    marked = self._mark.encode() in environ.read()
                if marked and process.status() != psutil.STATUS_ZOMBIE:
                    left.append(process)
        return left


def clean_environment() -> dict[str, str]:
    """Ours, without what would configure an agent."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}


@pytest.fixture
def agent() -> Iterator[type[Agent]]:
    """Start agents: `agent([option, …, "--", command, …])`; what is left of them at the end is a failure."""
    started: list[Agent] = []

    def start(argv: Sequence[str], *, env: dict[str, str] | None = None, cwd: str | None = None) -> Agent:
        started.append(Agent(argv, env=env, cwd=cwd))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture(scope="session")
def relay() -> Iterator[Relay]:
    """A relay with an account, a user's token and an agent's."""
    with fresh_relay() as served:
        yield served


@pytest.fixture(scope="session")
def ssh() -> Ssh:
    return Ssh()


@pytest.fixture(params=["direct", "relayed"])
def by_relay(request: pytest.FixtureRequest, relay: Relay) -> Relay | None:
    """The relay, or None for the agent that listens itself."""
    return relay if request.param == "relayed" else None


@dataclass(frozen=True)
class Held:
    """A session that is open."""

    agent: Agent
    way: Way
    directory: str


@pytest.fixture(scope="module", params=["direct", "relayed"])
def held(
    request: pytest.FixtureRequest, relay: Relay, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Held]:
    """One session for all tests of a module, each way in; the step failed with 7."""
    served = relay if request.param == "relayed" else None
    directory = str(tmp_path_factory.mktemp("step"))
    one = Agent([*(served.agent_options() if served else []), "--", *ANY_FAILURE], cwd=directory)
    try:
        yield Held(one, one.way(served), directory)
    finally:
        one.end()


__all__ = ["ANY_FAILURE", "Agent", "Held", "ProgramError", "Relay", "Shell", "Ssh", "Way"]
