"""A Docker Engine of the tests' own: one for all workers of a test run, gone with the last of them.

    python -m tests.containers.engine NAME

starts the *guard*: a process beside the tests that starts the engine, listens on the abstract socket NAME, and ends all
of it when nobody is connected any more. So whoever uses the engine need only hold a connection, and one that is killed
leaves nothing behind. No iptables rule of the machine is touched: the engine has a bridge and addresses of its own.
"""

import contextlib
import ctypes
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import sha256

from tests.containers.host import REPOSITORY, Unavailable, locked, require, search_path
from tests.containers.roots import TAGS, archive

START_SECONDS = 60.0
"""0.5 s on a quiet machine."""
STOP_SECONDS = 30.0
FIRST_USER_SECONDS = 30.0
"""For whoever started the guard to connect."""
COMMAND_SECONDS = 60.0
"""For any docker command: an import of a root is the longest."""
NEEDED = ("docker", "dockerd", "debootstrap", "busybox", "ip", "setpriv", "tar")
MEMORY_WANTED = 8 << 30
"""Bytes free, with which half a gigabyte of images is kept in memory: from disk, their removal may take 30 s."""
_MNT_DETACH = 2


class EngineError(Exception):
    """A docker command failed; the text is its complaint."""


class Engine:
    """A user's end: where the engine listens, and the docker command for it."""

    def __init__(self, shared: str) -> None:
        """Use the engine of all that name the same `shared` path; start it where it is not there yet.

        Raises Unavailable.
        """
        require(*NEEDED)
        self._guard, self.directory, self.address = _connect(shared)
        self._images: set[str] = set()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")},
            "DOCKER_HOST": f"unix://{self.directory}/socket",
            "DOCKER_CONFIG": f"{self.directory}/config",
        }
        """What the docker command needs; `address` is the host's on the default bridge."""

    def __repr__(self) -> str:
        return f"<Engine in {self.directory}>"

    def docker(self, *words: str, seconds: float = COMMAND_SECONDS) -> str:
        """Run a docker command; its standard output, stripped. Raises EngineError."""
        done = subprocess.run(
            ["docker", *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            raise EngineError(f"docker {' '.join(words[:2])}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def image(self, name: str) -> str:
        """Return the tag of one of the roots, as an image that is there; any other name is a tag already."""
        tag = TAGS.get(name, name)
        if tag != name and name not in self._images:
            path = archive(name)
            with locked(os.path.join(self.directory, name)):
                if not self.docker("images", "--quiet", tag):
                    self.docker("import", path, tag)
            self._images.add(name)
        return tag

    def close(self) -> None:
        """Use it no more; if we were the last, it is gone when this returns."""
        self._guard.shutdown(socket.SHUT_WR)
        while self._guard.recv(64):
            pass
        self._guard.close()


def _connect(shared: str) -> tuple[socket.socket, str, str]:
    """Return a connection to the guard, the engine's directory and the host's address."""
    name = f"holdfast-tests-engine-{sha256(shared.encode()).hexdigest()[:16]}"
    complaint = ""
    for _ in range(3):  # a guard that is just leaving answers nobody
        guard = socket.socket(socket.AF_UNIX)
        try:
            guard.connect("\0" + name)
        except ConnectionRefusedError:
            subprocess.run(
                [sys.executable, "-m", "tests.containers.engine", name],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
            with contextlib.suppress(ConnectionRefusedError):
                guard.connect("\0" + name)
        guard.settimeout(START_SECONDS + STOP_SECONDS)
        with contextlib.suppress(OSError), guard.makefile("r", encoding="utf-8") as lines:
            match lines.readline().rstrip("\n").split("\t"):
                case ["ready", directory, address]:
                    return guard, directory, address
                case ["failed", complaint]:
                    pass
        guard.close()
    raise Unavailable(complaint or "no Docker Engine could be started")


# The guard.


def main(name: str) -> None:
    """Become the guard of this name, in the background; return where there is one already."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind("\0" + name)
    except OSError:
        return
    listener.listen(64)
    if os.fork():
        return
    os.setsid()
    with tempfile.TemporaryDirectory(prefix="holdfast-engine-", ignore_cleanup_errors=True) as directory:
        users: set[socket.socket] = set()
        if os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") > MEMORY_WANTED:
            mount = ["mount", "-t", "tmpfs", "-o", "mode=0711", "holdfast-engine", directory]
            subprocess.run(mount, capture_output=True, check=False)  # where that is refused, disk will do
        try:
            with _engine(directory) as (daemon, address):
                _serve(listener, users, f"ready\t{directory}\t{address}\n".encode(), daemon)
        except Unavailable as error:
            with contextlib.suppress(OSError):
                user, _ = listener.accept()
                user.sendall(f"failed\t{' '.join(str(error).split())}\n".encode())
        finally:
            listener.close()
            _unmount(directory)
    # Only now do the last users see our end.


def _serve(listener: socket.socket, users: set[socket.socket], greeting: bytes, daemon: int) -> None:
    """Greet whoever comes, until the last has left or the engine has ended."""
    patience: float | None = FIRST_USER_SECONDS
    while True:
        ready, _, _ = select.select([listener, daemon, *users], [], [], patience)
        if not ready or daemon in ready:
            return
        if listener in ready:
            user, _ = listener.accept()
            users.add(user)
            with contextlib.suppress(OSError):  # it may have died while the engine started
                user.sendall(greeting)
            patience = None
            continue
        for user in ready:
            if len(users) == 1:
                listener.close()  # from now on others start an engine of their own
                return  # and this one, still open, waits until ours is gone
            users.discard(user)
            user.close()


@contextlib.contextmanager
def _engine(directory: str) -> Iterator[tuple[int, str]]:
    """Run dockerd in the block; a descriptor that tells its end, and the host's address on its bridge."""
    with _bridge() as (bridge, address, pool), _notices(directory) as (notices, variable):
        log = os.path.join(directory, "log")
        words = [
            *("setpriv", "--pdeathsig", "TERM", shutil.which("dockerd", path=search_path()) or "dockerd"),
            *("--data-root", f"{directory}/data", "--exec-root", f"{directory}/exec"),
            *("--pidfile", f"{directory}/pid", "--host", f"unix://{directory}/socket"),
            *("--bridge", bridge, "--default-address-pool", f"base={pool},size=28"),
            *("--iptables=false", "--ip-masq=false", "--ip-forward=false"),
        ]
        with open(log, "wb") as output:
            process = subprocess.Popen(
                words,
                env={**os.environ, **variable, "PATH": search_path()},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        with os.fdopen(os.pidfd_open(process.pid)) as end:
            try:
                ready, _, _ = select.select([notices, end], [], [], START_SECONDS)
                if notices not in ready:
                    with open(log, encoding="utf-8", errors="replace") as output:
                        raise Unavailable(f"dockerd did not start: {output.read()[-500:]}")
                yield end.fileno(), address
            finally:
                _stop(directory, process)


def _stop(directory: str, process: "subprocess.Popen[bytes]") -> None:
    """Remove what is left of the containers and networks, then end the engine."""
    clean = (
        "docker ps -aq | xargs --no-run-if-empty docker rm --force --volumes; docker network prune --force"
    )
    environment = {**os.environ, "DOCKER_HOST": f"unix://{directory}/socket", "PATH": search_path()}
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            ["sh", "-c", clean], env=environment, capture_output=True, timeout=STOP_SECONDS, check=False
        )
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _bridge() -> Iterator[tuple[str, str, str]]:
    """Have a bridge with an address that nobody else has: its name, the address, a pool for more networks."""
    ip = shutil.which("ip", path=search_path()) or "ip"
    taken = subprocess.run([ip, "-4", "-o", "address"], capture_output=True, text=True, check=True).stdout
    used = {int(number) for number in re.findall(r"\b10\.213\.(\d+)\.", taken)}
    number = next(n % 256 for n in range(os.getpid(), os.getpid() + 256) if n % 256 not in used)
    name, address = f"holdfast{number}", f"10.213.{number}.1"
    try:
        for words in (
            ("link", "add", name, "type", "bridge"),
            ("address", "add", f"{address}/24", "dev", name),
            ("link", "set", name, "up"),
        ):
            done = subprocess.run([ip, *words], capture_output=True, text=True, check=False)
            if done.returncode:
                raise Unavailable(f"ip {' '.join(words)}: {done.stderr.strip()}")
        yield name, address, f"10.214.{number}.0/24"
    finally:
        subprocess.run([ip, "link", "delete", name], capture_output=True, check=False)


@contextlib.contextmanager
def _notices(directory: str) -> Iterator[tuple[socket.socket, Mapping[str, str]]]:
    """Have a socket on which a daemon says that it is ready, as to systemd: sd_notify(3)."""
    path = os.path.join(directory, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(path)
        yield notices, {"NOTIFY_SOCKET": path}


def _unmount(directory: str) -> None:
    """Take away what is mounted there, and what a killed engine left below: else the directory stays."""
    libc = ctypes.CDLL(None)
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        points = [line.split()[4] for line in table]
    for point in sorted(points, reverse=True):
        if point == directory or point.startswith(directory + "/"):
            libc.umount2(os.fsencode(point), _MNT_DETACH)


if __name__ == "__main__":
    main(sys.argv[1])
