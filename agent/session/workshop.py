"""What a session has for its logins: shells, their environment, and the terminals that are open."""

import os
import pwd
from collections.abc import Mapping, Sequence

from agent.session.environment import choose_shell, shell_environment, step_environment
from agent.session.errors import NoShell
from agent.session.inspect.records import ShellState
from agent.session.processes import runs_anything
from agent.session.terminal import Size, Terminal

MAX_TERMINALS = 64
"""Shells at a time; a login that wants one more is told so."""


class Workshop:
    """Makes shells, and remembers the terminals of those that went on alone."""

    def __init__(self, session: str, base: Mapping[str, str], agent_directory: str) -> None:
        self._session = session
        self._base = base
        self._agent_directory = agent_directory
        self._terminals: list[Terminal] = []

    @property
    def terminals(self) -> tuple[Terminal, ...]:
        """The terminals whose shell still runs."""
        self._terminals = [terminal for terminal in self._terminals if not terminal.ended]
        return tuple(self._terminals)

    def shell(self) -> str:
        """Return the path of the shell that logins get; NoShell if the container has none."""
        found = choose_shell(
            (self._base.get("SHELL", ""), _passwd_shell()), lambda name: os.access(name, os.X_OK)
        )
        if found is None:
            raise NoShell("there is no shell in this container")
        return found

    def environment(
        self, wanted: Mapping[str, str], terminal: str | None, keys: str | None
    ) -> dict[str, str]:
        """Return a shell's environment.

        `wanted` is what the client sent, `terminal` its TERM, `keys` the socket of its forwarded ssh-agent.
        """
        return shell_environment(
            self._base,
            session=self._session,
            agent_directory=self._agent_directory,
            wanted=wanted,
            terminal=terminal,
            keys=keys,
        )

    def adopt(self, state: ShellState, interpreter: int) -> None:
        """Take over what the step had changed when it failed: from here all that we start inherits it.

        A directory that was removed can still be entered by its process, the failed `interpreter`.
        """
        self._base = step_environment(state.environment)
        for folder in (state.cwd, f"/proc/{interpreter}/cwd"):
            try:
                os.chdir(folder)
            except OSError:
                continue
            break
        if state.umask is not None:
            os.umask(state.umask)

    @property
    def busy(self) -> bool:
        """Whether somebody looks at a terminal, or something runs in one."""
        return any(each.viewers or runs_anything(each.pid) for each in self.terminals)

    def detached_terminal(self) -> Terminal | None:
        """Return the terminal that was left last by a dropped login, to go on there."""
        return next((terminal for terminal in reversed(self.terminals) if terminal.detached), None)

    def open_terminal(
        self, argv: Sequence[str], environment: Mapping[str, str], size: Size, modes: Mapping[int, int]
    ) -> Terminal:
        """Open a terminal that outlives its logins; NoShell if that fails."""
        if len(self.terminals) >= MAX_TERMINALS:
            raise NoShell(f"{MAX_TERMINALS} shells are open already")
        terminal = Terminal(argv, environment, size, modes)
        self._terminals.append(terminal)
        return terminal

    def hang_up(self) -> None:
        """Close every terminal."""
        for terminal in self.terminals:
            terminal.hang_up()


def _passwd_shell() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_shell
    except KeyError:  # a UID without an entry, as in many containers
        return ""
