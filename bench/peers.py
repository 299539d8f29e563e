"""What is compared: four ways into the same machine, each with an entry in one ssh configuration."""

from collections.abc import Mapping
from dataclasses import dataclass

SSHD = "sshd"
REVERSE = "ssh -R, ProxyJump"
DIRECT = "Holdfast direct"
RELAYED = "Holdfast, relay"
NAMES = (SSHD, REVERSE, DIRECT, RELAYED)


@dataclass(frozen=True)
class Opener:
    """How a way in is opened once a step has failed, and how one sees that it is open."""

    argv: tuple[str, ...]
    pattern: str
    """What is printed when it is open (a multi-line regular expression)."""
    wraps_step: bool
    """Whether ARGV is to be followed by the step; else it runs after the step."""


@dataclass(frozen=True)
class Peer:
    """One of the four: its ssh command, the processes that serve it, and how another is opened."""

    name: str
    host: str
    config: str
    servers: tuple[int, ...]
    """Process ids whose trees carry its bytes, at both ends of a relay."""
    in_build: tuple[int, ...]
    """Process ids whose trees live in the build container."""
    opener: Opener
    sftp_subsystems: Mapping[str, str]
    """Figure prefix → SSH subsystem."""

    def ssh(self, *command: str) -> list[str]:
        """Give the argv of its ssh client."""
        return ["ssh", "-F", self.config, self.host, *command]

    def sftp(self, subsystem: str) -> list[str]:
        """Give the argv of its sftp client, which reads a batch from its standard input."""
        return ["sftp", "-q", "-F", self.config, "-s", subsystem, "-b", "-", self.host]
