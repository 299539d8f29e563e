"""The command `agent`: which of its parts runs."""

import gc
import os
import sys

HELP = """\
usage: agent run [OPTIONS] -- COMMAND [ARG...]
       agent run [OPTIONS] --shell bash|sh|python|pwsh (-c TEXT | FILE | -) [ARG...]
       agent status [--json]
       agent resume [--pass | --fail [CODE]]
       agent inspect
       agent doctor [OPTIONS]
       agent completion bash|zsh|fish
       agent connect [SESSION]
       agent [-f FILE] -F
       agent install DIR
       agent --version | --licenses | --help

  run         run a build step; if it fails, keep it where it is and let its author in by ssh
  status      show the session that this container is held for
  resume      end the hold: with the step's own code, with 0, or with CODE (1)
  inspect     open a prompt inside the failed interpreter itself
  doctor      look whether a session could open here
  completion  print the completion of this command for a shell
  install     put the static binary, ready unpacked, where build containers mount it
  connect     join standard input and output to the session's SSH server (for ssh -o ProxyCommand)
  -F          what today's runners call instead of tmate, from a trap of theirs (-f: a tmate.conf)

`agent run --help` lists the options.
"""

COMMANDS = ("run", "status", "resume", "inspect", "doctor", "install", "connect", "completion", "help")

USAGE_EXIT = 2


def main() -> int:
    """Run the command line in `sys.argv` and return the exit code; `run` ends as the step does."""
    forget_foreign_modules()
    from agent.errors import UsageError  # noqa: PLC0415  (only now is it sure to be ours)

    try:
        return _dispatch(sys.argv[1:])
    except UsageError as error:
        sys.stderr.write(f"agent: {' '.join(str(error).splitlines())}\n")
        return USAGE_EXIT


def forget_foreign_modules() -> None:
    """Drop the build's PYTHONPATH and our script's directory: a `socket.py` there must not become ours.

    Where our own package lies in one of them, it stays, but behind the standard library.
    """
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    foreign = {_absolute(entry) for entry in (*entries, os.path.dirname(sys.argv[0]))}
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path[:] = [entry for entry in sys.path if _absolute(entry) not in foreign]
    if home in foreign:
        sys.path.append(home)


def _absolute(entry: str) -> str:
    """Return an absolute path; where the working directory was removed, a relative one leads nowhere."""
    try:
        return os.path.abspath(entry)
    except OSError:
        return entry


def _dispatch(arguments: list[str]) -> int:
    match arguments:
        case ["run", "--help" | "-h"]:
            from agent.options import describe  # noqa: PLC0415  (each command loads what it needs)

            return _print(describe())
        case ["run", *rest]:
            gc.disable()  # for the keeper, which makes no rings of objects, and the session process while it sleeps
            from agent.keeper.run import main as run  # noqa: PLC0415

            return run(rest)
        case ["_state" | "_session" as command, *rest] if rest:
            return _serve_ourselves(command, rest)
        case ["status" | "resume" | "inspect" | "connect" as command, *rest]:
            from agent.session.client import main as ask  # noqa: PLC0415

            return ask(command, rest)
        case ["doctor", *rest]:
            from agent.doctor import main as examine  # noqa: PLC0415

            return examine(rest)
        case ["completion", *rest]:
            from agent.completion import main as complete  # noqa: PLC0415

            return _print(complete(rest, COMMANDS))
        case ["help" | "--help" | "-h" | "--version" | "-V" | "--licenses" | "install" as word, *_]:
            return _tell(word)
        case [word, *_] if word.startswith("-") and not word.startswith("--"):
            from agent.keeper.dropin import main as drop_in  # noqa: PLC0415

            return drop_in(arguments)
    return _refuse(arguments)


def _serve_ourselves(command: str, words: list[str]) -> int:
    """Run what only we call, in the places where we need a process of our own."""
    if command == "_session":  # the session process of the keeper in C, once a session opens
        from agent.session.woken import main as wake  # noqa: PLC0415

        wake(words)
    from agent.inherited import write_state  # noqa: PLC0415

    return write_state(int(words[0]))  # for a failed shell, which has no other child that tells all


def _tell(word: str) -> int:
    """Say what we are."""
    match word:
        case "--version" | "-V":
            from agent.about import versions  # noqa: PLC0415

            return _print(versions())
        case "--licenses":
            from agent.about import licences  # noqa: PLC0415

            return _print(licences())
        case "install":
            from agent.errors import UsageError  # noqa: PLC0415

            raise UsageError("only the static binary installs itself; this agent runs from source")
    return _print(HELP)


def _refuse(arguments: list[str]) -> int:
    from agent.errors import UsageError  # noqa: PLC0415
    from agent.options import nearest  # noqa: PLC0415

    if not arguments:
        raise UsageError("a command is missing: see agent --help")
    word = arguments[0]
    raise UsageError(f"unknown command {word}{nearest(word, COMMANDS)}: see agent --help")


def _print(text: str) -> int:
    sys.stdout.write(text)
    return 0
