"""Shell completion, made from the tables of commands and options: `eval "$(agent completion bash)"`."""

from agent.errors import UsageError
from agent.options import OPTIONS, Option

HELP = """\
usage: agent completion bash|zsh|fish

Prints the completion of `agent` for your shell:
    eval "$(agent completion bash)"     in ~/.bashrc; the same with zsh
    agent completion fish | source      in config.fish
"""

_WORDS = {"status": ("--json",), "resume": ("--pass", "--fail"), "completion": ("bash", "zsh", "fish")}
"""What follows the commands that are not `run`."""

_BASH = """\
_agent() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    case $before in
{values}
    esac
    case ${{COMP_WORDS[1]}} in
        run|doctor) mapfile -t COMPREPLY < <(compgen -W {options} -- "$word");;
{commands}
    esac
    if [ "$COMP_CWORD" = 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W {names} -- "$word")
    fi
}}
complete -o default -F _agent agent
"""


def main(arguments: list[str], commands: tuple[str, ...]) -> str:
    """Return the completion for the shell that is named; UsageError for another word."""
    match arguments:
        case ["--help" | "-h"]:
            return HELP
        case ["bash"]:
            return _bash(commands)
        case ["zsh"]:
            return f"autoload -U +X bashcompinit && bashcompinit\n{_bash(commands)}"
        case ["fish"]:
            return _fish(commands)
    raise UsageError("agent completion takes one of: bash, zsh, fish")


def _choices(option: Option) -> tuple[str, ...]:
    """Return the words of an option that takes one of several."""
    return tuple(option.metavar.split("|")) if "|" in option.metavar else ()


def _bash(commands: tuple[str, ...]) -> str:
    values = [
        f'        {option.name}) mapfile -t COMPREPLY < <(compgen -W {_quoted(_choices(option))} -- "$word"); return;;'
        if _choices(option)
        else f"        {option.name}) return;;"
        for option in OPTIONS
        if option.metavar
    ]
    others = [
        f'        {name}) mapfile -t COMPREPLY < <(compgen -W {_quoted(words)} -- "$word");;'
        for name, words in _WORDS.items()
    ]
    return _BASH.format(
        values="\n".join(values),
        options=_quoted(tuple(option.name for option in OPTIONS)),
        commands="\n".join(others),
        names=_quoted((*commands, "--version", "--help")),
    )


def _fish(commands: tuple[str, ...]) -> str:
    lines = [f"complete -c agent -n __fish_use_subcommand -f -a {_quoted(commands)}"]
    for option in OPTIONS:
        value = f" -x -a {_quoted(_choices(option))}" if _choices(option) else " -r" if option.metavar else ""
        lines.append(
            f"complete -c agent -n '__fish_seen_subcommand_from run doctor' -l {option.name.removeprefix('--')}"
            f"{value} -d {_quoted((option.help,))}"
        )
    lines += [
        f"complete -c agent -n '__fish_seen_subcommand_from {name}' -f -a {_quoted(words)}"
        for name, words in _WORDS.items()
    ]
    return "\n".join(lines) + "\n"


def _quoted(words: tuple[str, ...]) -> str:
    text = " ".join(words)
    quoted = text.replace("'", "'\\''")
    return f"'{quoted}'"
