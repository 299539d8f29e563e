"""One build container with the agent in it, as a runner starts it."""

import contextlib
import json
import os
import re
import select
import shlex
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from signal import SIGKILL
from typing import Any

from examples.loopback import Relay
from examples.programs import Program
from tests.containers.engine import Engine, EngineError
from tests.openssh import Way

AGENT = "/addon/agent"
SSH_LINE = re.compile(r"^ssh (?:-p (?P<port>\d+) )?(?P<user>[^@\s]+)@(?P<host>\S+)$", re.MULTILINE)
PASTED_LINE = re.compile(r'^ssh -o ProxyCommand="[^"]+" \S+$', re.MULTILINE)
PATIENCE = 60.0
"""Seconds that anything may take on a machine that does much else."""


class Container:
    """`docker run` in the foreground: its log, its exit code, and what the host can do to it.

    `words` are what PID 1 is; `agent run` in front of them if they begin with an option or `--`.
    """

    def __init__(
        self,
        engine: Engine,
        addon: str,
        image: str,
        *words: str,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._engine = engine
        self.name = f"holdfast-{uuid.uuid4().hex[:12]}"
        argv = [AGENT, "run", *words] if words[0].startswith("-") else list(words)
        # No network is what costs least; a container that is to have one says so.
        network = () if any(word.startswith("--net") for word in options) else ("--network", "none")
        variables = [word for name, value in (env or {}).items() for word in ("--env", f"{name}={value}")]
        self.program = Program(
            [
                *("docker", "run", "--name", self.name, "--volume", f"{addon}:/addon:ro"),
                *network,
                *variables,
                *options,
                engine.image(image),
                *argv,
            ],
            env=engine.environment,
        )

    def __repr__(self) -> str:
        return f"<Container {self.name} {self.program!r}>"

    # What a build sees of it.

    @property
    def log(self) -> str:
        """All of its output that was read so far."""
        return self.program.output

    def wait_for(self, pattern: str, seconds: float = PATIENCE) -> re.Match[str]:
        """Read its log until PATTERN is in it."""
        return self.program.wait_for(pattern, seconds)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for its end; its exit code."""
        code = self.program.wait(seconds)
        state = self.state()
        assert not state["Running"], state
        assert code == state["ExitCode"], (code, state, self.log)
        return code

    # The ways in.

    def line(self) -> str:
        """Wait for the printed ssh command that needs no network, and return it as it is."""
        return self.wait_for(PASTED_LINE.pattern)[0]

    def way(self, relay: Relay | None = None) -> Way:
        """Wait for the way in: by the relay, else by the printed line that needs no network."""
        if relay:
            line = self.wait_for(SSH_LINE.pattern)
            assert line["user"].startswith(f"TOKEN:{relay.account}:")
            user = line["user"].replace("TOKEN", relay.user_token, 1)
            return Way(user, line["host"], int(line["port"] or 22))
        return pasted(self.line())

    @property
    def session(self) -> str:
        """The session id, once the log tells it."""
        return self.wait_for(SSH_LINE.pattern)["user"].rpartition(":")[2]

    # What the host does to it.

    def exec(
        self,
        *words: str,
        options: Sequence[str] = (),
        stdin: bytes = b"",
        seconds: float = PATIENCE,
    ) -> "subprocess.CompletedProcess[str]":
        """`docker exec`: its exit code, and its outputs apart."""
        done = subprocess.run(
            ["docker", "exec", "--interactive", *options, self.name, *words],
            env=self._engine.environment,
            input=stdin,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
        outputs = (output.decode(errors="replace") for output in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(done.args, done.returncode, *outputs)

    def agent(self, *words: str, options: Sequence[str] = ()) -> "subprocess.CompletedProcess[str]":
        """`docker exec … agent WORDS`."""
        return self.exec(AGENT, *words, options=options)

    def resume(self, *words: str, options: Sequence[str] = ()) -> None:
        """`agent resume WORDS`; on a busy machine the container's end may kill it before it can exit with 0."""
        done = self.agent("resume", *words, options=options)
        assert done.returncode in (0, 128 + SIGKILL), done

    def stop(self, seconds: int = 10) -> None:
        """`docker stop`: TERM to PID 1, and KILL after so many seconds."""
        self._engine.docker("stop", "--time", str(seconds), self.name)

    def kill(self, signal: str = "KILL") -> None:
        """`docker kill`: a signal to PID 1."""
        self._engine.docker("kill", "--signal", signal, self.name)

    def state(self) -> dict[str, Any]:
        """What the engine knows: `Running`, `ExitCode`, `OOMKilled`, `Pid`, …."""
        state: dict[str, Any] = json.loads(
            self._engine.docker("inspect", "--format", "{{json .State}}", self.name)
        )
        return state

    def until_running(self, seconds: float = PATIENCE) -> None:
        """Wait until PID 1 is its program: only then can others be started beside it."""
        deadline = time.monotonic() + seconds
        while self.exec("true").returncode:
            assert time.monotonic() < deadline, self.program.output

    # What the host sees of its processes.

    @property
    def pid(self) -> int:
        """PID 1's, on the host."""
        return int(self.state()["Pid"])

    def remove(self) -> None:
        """Take it away, whatever state it is in."""
        try:
            self._engine.docker("rm", "--force", "--volumes", self.name)
        except EngineError as error:  # one that was never made is as good as removed
            if "No such container" not in str(error):
                raise
        finally:
            self.program.stop()


def pasted(line: str) -> Way:
    """Read a printed ssh command as a shell would."""
    ssh, flag, option, session = shlex.split(line)
    assert (ssh, flag) == ("ssh", "-o")
    return Way("", session, 22, (flag, option))


def processes(init: int) -> dict[int, str]:
    """Return the state letter (Z: zombie) of every process in the PID namespace of `init`, by the host's pid."""
    wanted = os.readlink(f"/proc/{init}/ns/pid")
    found = {}
    for entry in os.listdir("/proc"):
        # A process may end at any moment, and a zombie has no namespace links for others than root.
        with contextlib.suppress(OSError):
            if entry.isdigit() and os.readlink(f"/proc/{entry}/ns/pid") == wanted:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                    found[int(entry)] = stat.read().rpartition(")")[2].split()[0]
    return found


def ended(pids: Sequence[int], seconds: float = PATIENCE) -> bool:
    """Wait until processes of the host have ended; False if some have not."""
    deadline = time.monotonic() + seconds
    for pid in pids:
        with contextlib.suppress(ProcessLookupError), os.fdopen(os.pidfd_open(pid)) as end:
            if not select.select([end], [], [], max(0, deadline - time.monotonic()))[0]:
                return False
    return True
