"""The lines that a session writes into the build log: pure text."""

import shlex
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from agent.values import is_loopback

RULE = "=" * 12

DROP_IN_SENTENCE = "In order to ssh into your env please copy the following command:"
"""What Harness prints above the command, word for word: people and scripts look for it."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """How a session is reached through a relay."""

    account: str
    host: str
    port: int
    fingerprint: str = ""
    """Of the relay's host key, which is the one that ssh shows; empty if it did not say."""


@dataclass(frozen=True, slots=True)
class Direct:
    """How a session is reached without one."""

    host: str
    port: int
    needs_key: bool


def command_line(way: Relayed | Direct, session: str) -> str:
    """Return the ssh command, without a line end."""
    if isinstance(way, Relayed):
        port = f"-p {way.port} " if way.port != 22 else ""
        return f"ssh {port}TOKEN:{way.account}:{session}@{way.host}"
    return f"ssh -p {way.port} {session}@{way.host}"


def connect_line(runner: Sequence[str], agent: str, session: str) -> str:
    """Return the ssh command that needs no network: `runner` starts a command in this container."""
    return f'ssh -o ProxyCommand="{shlex.join([*runner, agent, "connect"])}" {session}'


def duration(seconds: float) -> str:
    """Return a duration as people say it: `0.4 s`, `12 s`, `3 min 5 s`, `1 h 30 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [(hours, "h"), (minutes, "min"), (0 if hours else rest, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def outcome(status: int | None) -> str:
    """Return how a step ended: `exit code 2`, or `signal 9 (SIGKILL)` for -9; `running` if it has not."""
    if status is None:
        return "running"
    if status >= 0:
        return f"exit code {status}"
    try:
        return f"signal {-status} ({signal.Signals(-status).name})"
    except ValueError:  # the real-time signals between the first and the last have no names
        return f"signal {-status}"


@dataclass(frozen=True, slots=True)
class Announcement:
    """All that the section says."""

    step: str
    """The step's name, or empty."""
    state: str
    """What became of it: `running`, `reported`, `failed`, `passed` or `unknown` (`link.py`)."""
    outcome: str
    elapsed: float
    """Seconds from the step's start until now, or to its end."""
    failed_at: str
    """Where it failed, as its interpreter has it, or empty."""
    interpreter: str
    """Which one waits to be inspected, or empty."""
    way: Relayed | Direct
    session: str
    connect: str
    """The line for the container's own host, or empty."""
    fingerprint: str
    """The host key's, as ssh shows it."""
    timeout: float
    """Seconds until the session ends by itself."""
    ends_at: str
    """The same as a time of day."""


def section(say: Announcement) -> list[str]:
    """Return the "Wait for SSH" section, a line an item; each command stands alone on its line."""
    return [
        f"{RULE} Wait for SSH {RULE}",
        *(f"holdfast: {line}" for line in _head(say)),
        *_ways_in(say),
        *(f"holdfast: {line}" for line in _ends(say)),
    ]


def _head(say: Announcement) -> list[str]:
    """Return what happened to the step."""
    step = f"step {say.step!r}" if say.step else "the step"
    match say.state:
        case "running":
            return [f"{step} runs, for {duration(say.elapsed)} so far, and goes on; a session was asked for."]
        case "passed":
            return [f"{step} passed after {duration(say.elapsed)}; its container is kept."]
        case "unknown":
            return [f"{step} has failed; its container is kept."]
    lines = [f"{step} failed with {say.outcome} after {duration(say.elapsed)}; its container is kept."]
    if say.failed_at:
        lines.append(f"failed {say.failed_at}")
    if say.interpreter:
        lines.append(f"`agent inspect` in the session opens a prompt inside the failed {say.interpreter}")
    return lines


def _ways_in(say: Announcement) -> list[str]:
    """Return the ssh commands. As the step was another's (drop-in mode), in the words that its users know."""
    known = DROP_IN_SENTENCE if say.state == "unknown" else ""
    if isinstance(say.way, Relayed):
        return [
            *((known,) if known else ()),
            *(
                ()
                if known
                else ("holdfast: to log in, put your token (with permission execute) in place of TOKEN:",)
            ),
            command_line(say.way, say.session),
            *(("holdfast: put your token (with permission execute) in place of TOKEN",) if known else ()),
            "holdfast: scp, sftp, rsync and git want + for each :",
            f"holdfast: the relay authenticates you and sees what passes; its host key {say.way.fingerprint}",
        ]
    lines = []
    if say.connect:
        lines += [known or "holdfast: to log in from the machine that runs this container:", say.connect]
    lines += [
        f"holdfast: to log in from {_vantage(say.way, inside=bool(say.connect))}:"
        if say.connect or not known
        else known,
        command_line(say.way, say.session),
        "holdfast: with one of the authorised keys"
        if say.way.needs_key
        else "holdfast: the session id in it is the secret",
        f"holdfast: host key {say.fingerprint}",
    ]
    return lines


def _ends(say: Announcement) -> list[str]:
    """Return what ends the session."""
    first = f"ends after {duration(say.timeout)}, at {say.ends_at}; sooner when the build is aborted,"
    match say.state:
        case "running":
            return [
                f"{first} when the step passes and",
                "nobody is logged in, or by `agent resume` in the session",
            ]
        case "passed" | "unknown":
            return [first, "or by `agent resume` in the session"]
    return [first, "or by `agent resume` in the session (--pass, --fail: with another exit code)"]


def _vantage(way: Direct, *, inside: bool) -> str:
    """Return from where a session without a relay can be reached."""
    if not is_loopback(way.host):
        return "a machine that reaches this one"
    return "inside it" if inside else "this machine"
