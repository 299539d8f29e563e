"""A relay on loopback with an account and two tokens, made by its own command line, and gone at the end."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from examples.programs import Program, installed, run, running

ACCOUNT = "demo"
USER = "you"
BUILD_USER = "build"
TOKEN_LIFETIME = "1d"  # noqa: S105 -- a duration: a demo that is forgotten overnight can be entered no more


@dataclass(frozen=True)
class Relay:
    """A running relay: where its two fronts listen, and who may use it."""

    program: Program
    host: str
    http_port: int
    ssh_port: int
    account: str
    user_token: str = field(repr=False)
    agent_token_file: str
    scheme: str = "ws"

    @property
    def url(self) -> str:
        """What the agent's `--relay` takes."""
        return f"{self.scheme}://{self.host}:{self.http_port}"

    def agent_options(self) -> list[str]:
        """Give what `agent run` needs to come through this relay."""
        return ["--relay", self.url, "--token-file", self.agent_token_file]


@contextlib.contextmanager
def relay(host: str = "127.0.0.1", certificate: tuple[str, str] | None = None) -> Iterator[Relay]:
    """Serve a fresh relay on an address of ours; its state is in a temporary directory. Both are gone at the end.

    With a `certificate`, the files of it and its key, agents come over TLS.
    """
    with tempfile.TemporaryDirectory(prefix="holdfast-relay-") as state:
        environment = os.environ | {"XDG_STATE_HOME": state}
        command = installed("relay")

        def administer(*arguments: str) -> str:
            return run([command, *arguments], env=environment)

        def new_user(login: str, permission: str) -> str:
            administer("user", "add", login, "--account", ACCOUNT, "--permission", permission)
            who = ("--account", ACCOUNT, "--user", login, "--permission", permission)
            return administer("token", "create", *who, "--expires", TOKEN_LIFETIME)

        administer("account", "add", ACCOUNT)
        user_token = new_user(USER, "execute")
        agent_token_file = os.path.join(state, "agent-token")
        with open(os.open(agent_token_file, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(new_user(BUILD_USER, "agent") + "\n")

        listen = ["--http", f"{host}:0", "--ssh", f"{host}:0"]
        scheme = "ws"
        if certificate:
            listen += ["--tls-cert", certificate[0], "--tls-key", certificate[1]]
            scheme = "wss"
        with running([command, "serve", *listen], env=environment) as program:
            yield Relay(
                program=program,
                host=host,
                http_port=int(program.wait_for(rf"{scheme}://[\d.]+:(\d+)")[1]),
                ssh_port=int(program.wait_for(r"ssh -p (\d+) ")[1]),
                account=ACCOUNT,
                user_token=user_token,
                agent_token_file=agent_token_file,
                scheme=scheme,
            )
