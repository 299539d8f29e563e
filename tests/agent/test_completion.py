"""The completions do in a real bash what they promise, and are made of all that there is."""

import os
import shutil
import subprocess

import pytest

from agent.cli import COMMANDS
from agent.completion import main
from agent.errors import UsageError
from agent.options import OPTIONS


def complete(*words):
    """Return what bash would offer for the last of these words."""
    script = f"""{main(["bash"], COMMANDS)}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_agent
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "-c", script, "bash", "agent", *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("re",), ["resume"]),
        (("run", "--wh"), ["--when"]),
        (("run", "--when", "a"), ["always"]),
        (("run", "--shell", ""), ["bash", "sh", "python", "pwsh"]),
        (("run", "--relay", ""), []),
        (("resume", "--"), ["--pass", "--fail"]),
        (("status", "-"), ["--json"]),
        (("doctor", "--tok"), ["--token-file"]),
        (("completion", "z"), ["zsh"]),
    ],
)
def test_bash(words, offered):
    assert complete(*words) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_and_option_is_there(shell):
    text = main([shell], COMMANDS)
    assert all(command in text for command in COMMANDS)
    assert all(option.name.removeprefix("--") in text for option in OPTIONS)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="needs shellcheck")
def test_shellcheck_finds_nothing(tmp_path):
    file = tmp_path / "agent.bash"
    file.write_text("#!/bin/bash\n" + main(["bash"], COMMANDS))
    subprocess.run(["shellcheck", os.fspath(file)], check=True, timeout=60)


@pytest.mark.parametrize("words", [[], ["tcsh"], ["bash", "zsh"]])
def test_another_word_is_refused(words):
    with pytest.raises(UsageError, match="takes one of: bash, zsh, fish"):
        main(words, COMMANDS)
