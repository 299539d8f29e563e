"""What stands between a build container and the relay: a network without a way out, and proxies that lead out of it."""

import contextlib
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.programs import Program, running
from tests.containers.container import PATIENCE, Container
from tests.containers.engine import Engine
from tests.containers.host import require, search_path

USER, PASSWORD = "builder", "pa.ss-that-nobody-may-see"
QUOTED = "pa%2Ess-that-nobody-may-see"
"""The password as it may stand in a URL; tinyproxy takes letters, digits, points and dashes."""

HTTP_PORT, SOCKS_PORT = 8888, 1080


@dataclass(frozen=True)
class Network:
    """A network of containers; `address` is the host's in it."""

    name: str
    address: str


@contextlib.contextmanager
def network(engine: Engine, *, cut_off: bool) -> Iterator[Network]:
    """Have a network; one that is `cut_off` has no host in it: containers there reach each other, nothing else."""
    name = f"holdfast-{uuid.uuid4().hex[:12]}"
    bridge = f"hf{name[-12:]}"
    engine.docker("network", "create", "--opt", f"com.docker.network.bridge.name={bridge}", name)
    try:
        where = "{{range .IPAM.Config}}{{.Gateway}}{{end}}"
        address = engine.docker("network", "inspect", "--format", where, name)
        if cut_off:
            ip = shutil.which("ip", path=search_path()) or "ip"
            subprocess.run([ip, "address", "flush", "dev", bridge], check=True, capture_output=True)
        yield Network(name, address)
    finally:
        engine.docker("network", "rm", name)


@dataclass(frozen=True)
class Proxy:
    """A real proxy in a container of its own, with one foot in a network that is cut off and one outside."""

    container: Container
    port: int

    def url(self, scheme: str, credentials: str = "") -> str:
        """Name it as a build container knows it: by the engine's DNS."""
        return f"{scheme}://{credentials}{self.container.name}:{self.port}"


class Proxies:
    """Starts proxies: the host's programs, for the image is of the same Debian."""

    def __init__(
        self, engine: Engine, start: Callable[..., Container], inside: Network, folder: Path
    ) -> None:
        self._engine = engine
        self._start = start
        self._inside = inside
        self._folder = folder

    def http(self, *, protected: bool = False) -> Proxy:
        """Start tinyproxy, for CONNECT to any port; `protected`: with Basic authentication."""
        settings = [f"Port {HTTP_PORT}", "LogLevel Connect", "Timeout 600"]
        settings += [f"BasicAuth {USER} {PASSWORD}"] if protected else []
        file = self._folder / "tinyproxy.conf"
        file.write_text("\n".join([*settings, ""]))
        words = ("tinyproxy", "-d", "-c", "/etc/tinyproxy.conf")
        return self._proxy(words, HTTP_PORT, ("--volume", f"{file}:/etc/tinyproxy.conf:ro"))

    def socks(self, *, protected: bool = False) -> Proxy:
        """Start microsocks; `protected`: with a user name and a password."""
        words = ["microsocks", "-p", str(SOCKS_PORT)]
        words += ["-u", USER, "-P", PASSWORD] if protected else []
        return self._proxy(words, SOCKS_PORT)

    def _proxy(self, words: Sequence[str], port: int, options: Sequence[str] = ()) -> Proxy:
        require(words[0])
        program = shutil.which(words[0], path=search_path())
        volume = ("--volume", f"{program}:/usr/bin/{words[0]}:ro")
        one = self._start("bookworm", *words, options=["--network", self._inside.name, *volume, *options])
        one.until_running()
        self._engine.docker("network", "connect", "bridge", one.name)
        where = "{{.NetworkSettings.Networks.bridge.IPAddress}}"
        _wait_for_port(self._engine.docker("inspect", "--format", where, one.name), port)
        return Proxy(one, port)


def _wait_for_port(address: str, port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((address, port), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, f"nobody listens on {address}:{port}"
        else:
            return


@contextlib.contextmanager
def name_server(address: str, **names: str) -> Iterator[Program]:
    """Run dnsmasq on an address of the host's; it knows these names (`_` is a dot), and no others."""
    require("dnsmasq")
    records = [f"--host-record={name.replace('_', '.')},{number}" for name, number in names.items()]
    words = [
        *(shutil.which("dnsmasq", path=search_path()) or "dnsmasq", "--no-daemon", "--conf-file=/dev/null"),
        *("--no-resolv", "--no-hosts", "--local=/test/", "--log-queries", "--user=root"),
        *(f"--listen-address={address}", "--bind-interfaces", *records),
    ]
    with running(words) as program:
        program.wait_for(r"started, version")
        yield program
