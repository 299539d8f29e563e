"""Sets up all peers at once on loopback, and takes everything down again."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence

from bench import openssh
from bench.peers import DIRECT, RELAYED, REVERSE, SSHD, Opener, Peer
from examples.loopback import relay
from examples.programs import installed, running

SSH_LINE = r"^ssh (?:-p (?P<port>\d+) )?(?P<user>\S+)@\S+$"
"""The ssh command in the agent's log, alone on its line."""

FAILING_STEP = (
    *(sys.executable, "-I", "-S", "-c"),
    "import os, time; print(time.monotonic_ns(), flush=True); os._exit(1)",
)
"""Tells when it fails, by the clock that all processes share (CLOCK_MONOTONIC)."""

SFTP = {"sftp": "sftp"}
SSHD_SFTP = {"sftp": "sftp", "sftp_internal": "sftp-internal"}


class Lab(contextlib.ExitStack):
    """The peers, each added by a method of its own; all that was started ends with the block.

    Their files, and those of the measurements, are in DIRECTORY.
    """

    def __init__(self, directory: str) -> None:
        super().__init__()
        self.directory = directory
        self.peers: list[Peer] = []
        self._keys = openssh.make_keys(directory)
        self._config = openssh.ClientConfig(directory, self._keys)

    def add_sshd(self) -> None:
        """Add plain OpenSSH: its server is reached directly."""
        server, port = self.enter_context(openssh.sshd(self.directory, self._keys))
        self._config.add("sshd", port=port)
        another, _ = openssh.sshd_argv(self.directory, self._keys)
        opener = Opener(tuple(another), openssh.LISTENING, wraps_step=False)
        self._add(SSHD, "sshd", servers=[server.pid], in_build=[server.pid], opener=opener, sftp=SSHD_SFTP)

    def add_reverse(self) -> None:
        """Add OpenSSH alone doing what a relay does: `ssh -R` to a host that users jump over."""
        inner, inner_port = self.enter_context(openssh.sshd(self.directory, self._keys))
        outer, outer_port = self.enter_context(openssh.sshd(self.directory, self._keys))
        self._config.add("jump", port=outer_port)
        argv = openssh.reverse_argv(self._config, "jump", inner_port)
        forwarder = self.enter_context(running(argv))
        allocated = forwarder.wait_for(openssh.FORWARDED)
        self._config.add("reverse", port=int(allocated[1]), jump="jump")
        in_build = [inner.pid, forwarder.pid]
        opener = Opener(tuple(argv), openssh.FORWARDED, wraps_step=False)
        self._add(REVERSE, "reverse", servers=[*in_build, outer.pid], in_build=in_build, opener=opener)

    def add_direct(self) -> None:
        """Add the agent listening on loopback, with nothing configured."""
        self._add_agent(DIRECT, "direct", [])

    def add_relayed(self) -> None:
        """Add the agent behind a relay."""
        served = self.enter_context(relay())
        token = f"{served.user_token}:{served.account}"
        self._add_agent(RELAYED, "relayed", served.agent_options(), token=token, relays=[served.program.pid])

    def _add_agent(
        self, name: str, host: str, options: Sequence[str], *, token: str = "", relays: Sequence[int] = ()
    ) -> None:
        argv = (installed("agent"), "run", *options, "--")
        environment = os.environ | {"HOME": openssh.bare_home(self.directory)}
        agent = self.enter_context(running([*argv, *FAILING_STEP], env=environment))
        line = agent.wait_for(SSH_LINE)
        session = line["user"].rpartition(":")[2]
        self._config.add(host, port=int(line["port"]), user=f"{token}:{session}" if token else session)
        opener = Opener(argv, SSH_LINE, wraps_step=True)
        self._add(name, host, servers=[agent.pid, *relays], in_build=[agent.pid], opener=opener)

    def _add(
        self,
        name: str,
        host: str,
        *,
        servers: Sequence[int],
        in_build: Sequence[int],
        opener: Opener,
        sftp: dict[str, str] = SFTP,
    ) -> None:
        path = self._config.path
        self.peers.append(Peer(name, host, path, tuple(servers), tuple(in_build), opener, sftp))


@contextlib.contextmanager
def all_peers(names: Sequence[str]) -> Iterator[Lab]:
    """Set up a lab with the peers NAMES, in their order in the tables."""
    with (
        tempfile.TemporaryDirectory(prefix="holdfast-bench-") as directory,
        openssh.privilege_separation(),
        Lab(directory) as lab,
    ):
        for name, add in (
            (SSHD, lab.add_sshd),
            (REVERSE, lab.add_reverse),
            (DIRECT, lab.add_direct),
            (RELAYED, lab.add_relayed),
        ):
            if name in names:
                add()
        yield lab
