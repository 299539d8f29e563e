"""Which program the step is."""

import pytest

from agent.config import read
from agent.keeper import step


@pytest.mark.parametrize(
    ("words", "argv"),
    [
        (["--", "make", "-j"], ("make", "-j")),
        (["--shell", "bash", "-c", "echo"], ("bash", "-c", "echo")),
        (["--shell", "sh", "-c", "echo", "zero", "-x"], ("sh", "-c", "echo", "zero", "-x")),
        (["--shell", "sh", "/dev/null", "-x"], ("sh", "/dev/null", "-x")),
    ],
)
def test_argv(words, argv):
    assert step.argv(read(words, {})) == argv


@pytest.mark.parametrize(
    ("name", "path", "candidates"),
    [
        ("make", "/a:/b", ["/a/make", "/b/make"]),
        ("make", ":/b:", ["make", "/b/make", "make"]),
        ("./make", "/a", ["./make"]),
        ("/x/make", "/a", ["/x/make"]),
        ("make", None, ["/bin/make", "/usr/bin/make"]),
        ("", "/a", []),
    ],
)
def test_candidates(name, path, candidates):
    assert step.candidates(name, {} if path is None else {"PATH": path}) == candidates


def test_a_command_that_cannot_be_executed(tmp_path, capfd):
    """The last reason that is more than absence is told, as by a shell: found, but not to be executed."""
    (tmp_path / "tool").write_text("")
    environment = {"PATH": f"/nonexistent:{tmp_path}:/also-not"}
    assert step.become(("tool",), environment) == 126
    assert step.become(("other",), environment) == 127
    assert step.become(("/none/at/all",), environment) == 127
    assert capfd.readouterr().err.splitlines() == [
        "agent: tool: Permission denied",
        "agent: other: command not found",
        "agent: /none/at/all: No such file or directory",
    ]
