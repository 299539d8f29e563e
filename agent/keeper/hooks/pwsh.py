"""How a PowerShell step is started. The hook stands in front of the text, on its line, so that line numbers stay."""

from agent.config import Config
from agent.keeper.hooks.launch import Launch, Numbers, find_program, read_hook
from agent.options import STDIN

_ERREXIT = "$ErrorActionPreference = 'Stop'\n"
"""What runners put before a script; on a line of its own, as theirs."""

_LONGEST_WORD = 131_071
"""Bytes of one word of a command line: the kernel's 32 pages, without the NUL."""

_FIRST = ("param", "using", "begin", "process", "end", "clean", "dynamicparam")
"""Words that can stand at the very beginning of a text only, and so not behind a hook."""


def plain(config: Config) -> Launch:
    """Start it as the runners do."""
    preamble = _ERREXIT if config.errexit else ""
    if config.text is not None:
        return _launch(config, "-Command", preamble + config.text, *config.command)
    if config.command[0] == STDIN:
        return _launch(config, "-Command", *config.command)
    if config.errexit:
        return _launch(config, "-Command", preamble + _call(*config.command))
    return _launch(config, "-File", *config.command)


def arm(config: Config, numbers: Numbers) -> Launch:
    """Start it with the hook; plain where that does not fit in."""
    bare = plain(config)
    program, option, text, *rest = bare.argv
    armed = prefix(numbers) + text
    if (
        option != "-Command"
        or (config.text is None and not config.errexit)
        or must_be_first(text)
        or len(armed.encode("utf-8", "surrogateescape")) > _LONGEST_WORD
    ):
        return bare
    return Launch((program, option, armed, *rest), config.environment, armed=True)


def prefix(numbers: Numbers) -> str:
    """Return the hook as one line. What is needed after a failure is a string in it."""
    failed = _one_line(read_hook("hook_pwsh_failed.ps1", numbers))
    return _one_line(read_hook("hook_pwsh.ps1", numbers)).replace("@FAILED@", failed.replace("'", "''"))


def must_be_first(text: str) -> bool:
    """Tell whether a text begins, behind comments and attributes, with what nothing may stand before."""
    rest = _without_comments(text)
    attributes = rest.startswith("[")
    while rest.startswith("["):
        rest = _without_comments(_without_brackets(rest))
    word = rest[: next((at for at, each in enumerate(rest) if not each.isalnum()), len(rest))].lower()
    return word == "param" if attributes else word in _FIRST


def _without_comments(text: str) -> str:
    text = text.lstrip()
    while text.startswith(("#", "<#")):
        _, _, text = text.partition("\n" if text[0] == "#" else "#>")
        text = text.lstrip()
    return text


def _without_brackets(text: str) -> str:
    """Return what follows a bracket's partner, quoted ones not counted."""
    depth, quote = 0, ""
    for at, each in enumerate(text):
        if quote:
            quote = "" if each == quote else quote
        elif each in "'\"":
            quote = each
        elif each == "[":
            depth += 1
        elif each == "]":
            depth -= 1
            if depth == 0:
                return text[at + 1 :]
    return ""


def _call(name: str, *arguments: str) -> str:
    """Return the text that runs a file as Actions does; a code other than 0 given to `exit` becomes 1 there."""
    path = name if "/" in name else f"./{name}"
    words = (word if _is_parameter(word) else _quote(word) for word in arguments)
    return " ".join((".", _quote(path), *words))


def _is_parameter(word: str) -> bool:
    """Tell a parameter's name, `-Name` or `-Name:`, which quoted would be a value."""
    return word.startswith("-") and word[1:].removesuffix(":").isalpha()


def _quote(word: str) -> str:
    """Quote for PowerShell, to which the typographic quotation marks are the same as the plain one."""
    for mark in "'\u2018\u2019\u201a\u201b":
        word = word.replace(mark, mark * 2)
    return f"'{word}'"


def _one_line(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return "".join(line for line in lines if not line.startswith("#"))


def _launch(config: Config, *words: str) -> Launch:
    program = find_program(("pwsh",), config.environment.get("PATH", ""))
    return Launch((program, *words), config.environment)
