"""What the shells of a session see: pure functions over mappings."""

import os
from collections.abc import Callable, Iterable, Mapping

from agent.config import SECRETS, SESSION

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What Docker gives to a container that sets no PATH."""

_OURS = "__holdfast"
"""How the names of our hooks' variables begin: exported where the step says `set -a`."""

_SHELLS = ("/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/bin/sh", "/bin/ash")
_NO_SHELLS = frozenset({"nologin", "false", "true", "sync", "git-shell"})


def shell_environment(
    base: Mapping[str, str],
    *,
    session: str,
    agent_directory: str,
    wanted: Mapping[str, str],
    terminal: str | None = None,
    keys: str | None = None,
) -> dict[str, str]:
    """Return the step's environment `base`, which holds none of our secrets, with the little that a login adds.

    Added are `HOLDFAST_SESSION`, the agent's directory at the end of PATH, TERM on a PTY, the user's ssh-agent if
    it is forwarded, and of what the client `wanted` the locale, where the step has none: its own would name locales
    that the container lacks.
    """
    environment = dict(base)
    environment[SESSION] = session
    path = environment.get("PATH") or DEFAULT_PATH
    if agent_directory and agent_directory not in path.split(":"):
        path = f"{path}:{agent_directory}"
    environment["PATH"] = path
    if terminal is not None:
        environment["TERM"] = terminal
    if keys is not None:
        environment["SSH_AUTH_SOCK"] = keys
    if not any(name == "LANG" or name.startswith("LC_") for name in environment):
        environment.update((n, v) for n, v in wanted.items() if n == "LANG" or n.startswith("LC_"))
    return environment


def step_environment(exported: Mapping[str, str]) -> dict[str, str]:
    """Return what a failed interpreter exports, without our secrets and what its asking has left there."""
    return {
        name: value
        for name, value in exported.items()
        if name not in SECRETS and name != "_" and not name.startswith(_OURS)
    }


def choose_shell(candidates: Iterable[str], executable: Callable[[str], bool]) -> str | None:
    """Return the shell for a login: the first usable of `candidates`, preferring bash to a bare sh."""
    usable = [
        name
        for name in (*candidates, *_SHELLS)
        if name.startswith("/") and os.path.basename(name) not in _NO_SHELLS and executable(name)
    ]
    rich = [name for name in usable if os.path.basename(name) not in ("sh", "ash", "dash")]
    return next(iter([*rich, *usable]), None)
