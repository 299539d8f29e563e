"""Which program the step is."""

import pytest

from agent.config import read
from agent.keeper import step
from agent.keeper.hooks import launch
from agent.keeper.hooks.launch import Launch


@pytest.mark.parametrize(
    ("words", "argv"),
    [
        (["--", "make", "-j"], ("make", "-j")),
        (["--shell", "bash", "-c", "echo"], ("bash", "-c", "echo")),
        (["--shell", "sh", "-c", "echo", "zero", "-x"], ("sh", "-c", "echo", "zero", "-x")),
        (["--shell", "sh", "/dev/null", "-x"], ("sh", "/dev/null", "-x")),
        (["--shell", "sh", "--errexit", "/dev/null"], ("sh", "-e", "/dev/null")),
        (["--shell", "bash", "--errexit", "-c", "echo", "zero"], ("bash", "-e", "-c", "echo", "zero")),
        (["--shell", "sh", "-"], ("sh",)),
        (["--shell", "bash", "--errexit", "-", "-x", "a"], ("bash", "-e", "-s", "--", "-x", "a")),
    ],
)
def test_plain(words, argv):
    launch = step.plain(read(words, {}))
    assert (launch.argv, launch.armed, launch.environment) == (argv, False, {})


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
    assert launch.candidates(name, {} if path is None else {"PATH": path}) == candidates


def test_a_command_that_cannot_be_executed(tmp_path, capfd):
    """The last reason that is more than absence is told, as by a shell: found, but not to be executed."""
    (tmp_path / "tool").write_text("")
    environment = {"PATH": f"/nonexistent:{tmp_path}:/also-not"}
    for name, code in (("tool", 126), ("other", 127), ("/none/at/all", 127)):
        launch = Launch((name,), environment)
        assert step.become(launch, launch) == code
    assert capfd.readouterr().err.splitlines() == [
        "agent: tool: Permission denied",
        "agent: other: command not found",
        "agent: /none/at/all: No such file or directory",
    ]
