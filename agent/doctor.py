"""`agent doctor`: whether a session could open here, before a build needs one."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent import ci
from agent.config import Config, read
from agent.errors import UsageError
from agent.options import take_apart
from agent.output import plain
from tunnel.version import VERSION

HELP = """\
usage: agent doctor [OPTIONS of agent run]

Looks whether a session could open in this container: what the kernel allows, which shells there are, whether the relay
takes the token. Each finding is a line; the exit code is 1 if one of them would keep a session from opening.
"""

GOOD, NOTE, BAD = "ok", "note", "bad"

_COLOURS = {GOOD: "32", NOTE: "33", BAD: "31"}

SHELLS = ("bash", "sh", "python3", "python", "pwsh")

PROBE = "doctor"
"""The build that is asked about where none is known: any will do to see whether the token is taken."""

LEAST_PROCESSES = 16
"""Fewer and a step that uses them up leaves none for a shell to debug in; sftp and `agent status` need none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    grade: str
    text: str

    def show(self, *, colours: bool) -> str:
        """Return the line, in colours for a terminal."""
        grade = f"\x1b[{_COLOURS[self.grade]}m{self.grade}\x1b[0m" if colours else self.grade
        return f"{grade}{' ' * (6 - len(self.grade))}{plain(self.text)}"


def main(arguments: list[str]) -> int:
    """Print what is found; 1 if a session could not open, 2 for a bad option."""
    if arguments and arguments[0] in ("--help", "-h"):
        sys.stdout.write(HELP)
        return 0
    if command := take_apart(arguments).command:
        raise UsageError(f"agent doctor runs no command: leave out {command[0]}")
    config = read([*arguments, "--", "true"], dict(os.environ))
    findings = list(examine(config))
    for finding in findings:
        sys.stdout.write(finding.show(colours=sys.stdout.isatty()) + "\n")
    return 1 if any(finding.grade == BAD for finding in findings) else 0


def examine(config: Config) -> Iterator[Finding]:
    """Look at everything, in the order of a session's life."""
    yield Finding(GOOD, f"holdfast agent {VERSION}, Python {sys.version.split()[0]}")
    yield _mode(config)
    yield from _labels(config)
    yield _shells()
    yield _proc()
    yield _terminal()
    yield from limits(_cgroup_value)
    yield from _ways(config)


def _mode(config: Config) -> Finding:
    if ci.debugging_off(config.environment):
        return Finding(NOTE, "HOLDFAST_DEBUG switches debugging off: steps run with no agent")
    if config.when == "never":
        return Finding(NOTE, "--when never, or --when debug without the CI's switch: steps run with no agent")
    return Finding(GOOD, f"steps are held: {'all' if config.when == 'always' else 'those that fail'}")


def _labels(config: Config) -> Iterator[Finding]:
    known = [
        f"{name} {getattr(config, name)!r}" for name in ("build", "step", "node") if getattr(config, name)
    ]
    if known:
        yield Finding(GOOD, f"labels: {', '.join(known)}")


def _shells() -> Finding:
    folders = os.environ.get("PATH", os.defpath).split(":")
    found = [name for name in SHELLS if any(os.access(os.path.join(f, name), os.X_OK) for f in folders)]
    if not {"bash", "sh"} & set(found):
        return Finding(
            NOTE, f"no bash and no sh in PATH: logins get sftp only (found: {', '.join(found) or 'none'})"
        )
    return Finding(GOOD, f"interpreters in PATH: {', '.join(found)}")


def _proc() -> Finding:
    if not os.path.isdir("/proc/self/fd"):
        return Finding(
            BAD, "/proc is not mounted: nothing can be found that a step leaves behind, nor the session"
        )
    return Finding(GOOD, "/proc is mounted")


def _terminal() -> Finding:
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
    except OSError as error:
        return Finding(BAD, f"no terminal can be opened ({error.strerror}): mount /dev/pts")
    return Finding(GOOD, "terminals can be opened")


def limits(value: Callable[[str], str | None]) -> Iterator[Finding]:
    """Look at the limits of our control group; `value` reads one of its files, None where there is none."""
    if value("memory.oom.group") == "1":
        yield Finding(
            BAD,
            "memory.oom.group is 1: a step that runs out of memory takes the agent with it, and nothing can be held",
        )
    processes = value("pids.max")
    if processes is not None and processes.isdigit() and int(processes) < LEAST_PROCESSES:
        yield Finding(
            NOTE, f"pids.max is {processes}: a shell may not start; sftp, status and resume will work"
        )


def _cgroup_value(name: str) -> str | None:
    """Read a file of our control group, v2 or v1; None where there is none."""
    for folder in _cgroup_folders():
        try:
            with open(os.path.join(folder, name), encoding="ascii") as file:
                return file.read().strip()
        except (OSError, UnicodeError):
            continue
    return None


def _cgroup_folders() -> list[str]:
    """Return where our group may be: under its path, or at the root of a namespace of its own."""
    folders = []
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        for root in ("/sys/fs/cgroup", f"/sys/fs/cgroup/{controllers}"):
            folders += [root + path, root]
    return folders


def _ways(config: Config) -> Iterator[Finding]:
    """Look at the way to the relay, or at the port."""
    if config.relay is None:
        yield Finding(GOOD, f"no relay: a session listens on {config.listen[0]}, and on `agent connect`")
        return
    if not config.token:
        yield Finding(BAD, "the relay needs a token: set HOLDFAST_TOKEN or --token-file")
        return
    from agent.debugged import is_debugged  # noqa: PLC0415  (after all that needs no network)
    from agent.session.dial import Relay, find_way  # noqa: PLC0415
    from agent.session.errors import RelayError  # noqa: PLC0415

    by = ""
    try:
        way = find_way(Relay(config.relay, config.token, config.ca_file))
        by = f" by the proxy of {way.variable}" if way.proxy else ""
        is_debugged(config.relay, config.token, config.ca_file, config.build or PROBE)
    except RelayError as error:
        yield Finding(BAD, f"the relay {config.relay}{by} cannot be used: {error}")
    else:
        trusted = f", trusted by {way.trust.source}," if way.trust else ""
        yield Finding(GOOD, f"the relay {config.relay}{by}{trusted} takes the token")
