"""OpenSSH servers on loopback with files of their own, and the one client configuration of the benchmark."""

import contextlib
import getpass
import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from examples.programs import Program, run, running

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
"""By its full path: sshd starts itself again, and an ordinary user's PATH has no sbin."""

SFTP_SERVER = "/usr/lib/openssh/sftp-server"
PRIVILEGE_SEPARATION = "/run/sshd"
"""Debian's sshd wants this directory of root; elsewhere the init system makes it."""

LISTENING = r"Server listening on"
FORWARDED = r"Allocated port (\d+) for remote forward"


@dataclass(frozen=True)
class Keys:
    """Files: a host key, a user's key, and the list that lets the latter in."""

    host: str
    user: str
    authorized: str


def make_keys(directory: str) -> Keys:
    """Make fresh ed25519 keys in DIRECTORY."""
    keys = Keys(*(os.path.join(directory, name) for name in ("host_key", "user_key", "authorized_keys")))
    for path in (keys.host, keys.user):
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path])
    shutil.copyfile(keys.user + ".pub", keys.authorized)
    return keys


def bare_home(directory: str) -> str:
    """Make an empty home for the shells of all peers: what is timed is the server, not somebody's .bashrc."""
    home = os.path.join(directory, "home")
    os.makedirs(home, exist_ok=True)
    return home


def free_port() -> int:
    """Find a loopback port that is free just now: sshd and ssh take no port 0 and tell."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def sshd_argv(directory: str, keys: Keys) -> tuple[list[str], int]:
    """Write the configuration of one more sshd; its argv (it stays in the foreground) and its port."""
    port = free_port()
    path = os.path.join(directory, f"sshd_config-{port}")
    settings = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": keys.host,
        "AuthorizedKeysFile": keys.authorized,
        "StrictModes": "no",  # the directory above is /tmp
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "PrintMotd": "no",
        "PidFile": "none",
        "SetEnv": f"HOME={bare_home(directory)}",
        "MaxStartups": "100",
    }
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"{name} {value}\n" for name, value in settings.items())
        file.write(f"Subsystem sftp {SFTP_SERVER}\nSubsystem sftp-internal internal-sftp\n")
    return [SSHD, "-D", "-e", "-f", path], port


@contextlib.contextmanager
def privilege_separation() -> Iterator[None]:
    """Make the directory that sshd wants, where it is missing and we may make it."""
    missing = os.geteuid() == 0 and not os.path.isdir(PRIVILEGE_SEPARATION)
    if missing:
        os.mkdir(PRIVILEGE_SEPARATION, 0o755)
    try:
        yield
    finally:
        if missing:
            os.rmdir(PRIVILEGE_SEPARATION)


@contextlib.contextmanager
def sshd(directory: str, keys: Keys) -> Iterator[tuple[Program, int]]:
    """Run an sshd; the program and its port."""
    argv, port = sshd_argv(directory, keys)
    with running(argv) as program:
        program.wait_for(LISTENING)
        yield program, port


class ClientConfig:
    """The ssh configuration of all peers: nothing of the user's own takes part."""

    def __init__(self, directory: str, keys: Keys) -> None:
        self.path = os.path.join(directory, "ssh_config")
        self._identity = keys.user

    def add(self, host: str, *, port: int, user: str | None = None, jump: str | None = None) -> None:
        """Add a host on 127.0.0.1; USER is ours if not given."""
        settings = {
            "HostName": "127.0.0.1",
            "Port": str(port),
            "User": user or getpass.getuser(),
            "ProxyJump": jump or "none",
            "IdentityFile": self._identity,
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "GlobalKnownHostsFile": "/dev/null",
            "UserKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "no",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
        }
        with open(self.path, "a", encoding="ascii") as file:
            file.write(f"Host {host}\n")
            file.writelines(f"    {name} {value}\n" for name, value in settings.items())


def reverse_argv(config: ClientConfig, jump: str, target_port: int) -> list[str]:
    """Give the argv of the `ssh -R` that offers a loopback port on the host JUMP; it prints FORWARDED."""
    forward = f"127.0.0.1:0:127.0.0.1:{target_port}"
    return [
        "ssh",
        "-F",
        config.path,
        "-N",
        "-o",
        "LogLevel=INFO",
        "-o",
        "ExitOnForwardFailure=yes",
        "-R",
        forward,
        jump,
    ]
