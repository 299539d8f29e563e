"""The environment of a shell: the step's, and the documented little more."""

import pytest

from agent.session.environment import choose_shell, shell_environment


def made(
    base: dict[str, str], wanted: dict[str, str] | None = None, terminal: str | None = None
) -> dict[str, str]:
    return shell_environment(
        base, session="s" * 25, agent_directory="/addon", wanted=wanted or {}, terminal=terminal
    )


def test_what_is_added() -> None:
    assert made({"PATH": "/bin", "A": "b"}, terminal="xterm") == {
        "PATH": "/bin:/addon",
        "A": "b",
        "TERM": "xterm",
        "HOLDFAST_SESSION": "s" * 25,
    }


def test_an_agent_on_the_path_is_not_added_twice() -> None:
    assert made({"PATH": "/addon:/bin"})["PATH"] == "/addon:/bin"


def test_a_step_without_a_path_gets_the_usual_one() -> None:
    assert made({})["PATH"].endswith(":/usr/bin:/sbin:/bin:/addon")


@pytest.mark.parametrize(
    ("base", "wanted", "locale"),
    [
        (
            {},
            {"LANG": "de_DE.UTF-8", "LC_TIME": "C", "LD_PRELOAD": "/x"},
            {"LANG": "de_DE.UTF-8", "LC_TIME": "C"},
        ),
        ({"LANG": "C.UTF-8"}, {"LANG": "de_DE.UTF-8"}, {"LANG": "C.UTF-8"}),
        ({"LC_ALL": "C"}, {"LANG": "de_DE.UTF-8"}, {"LC_ALL": "C"}),
    ],
)
def test_the_clients_locale_is_taken_where_the_step_has_none(
    base: dict[str, str], wanted: dict[str, str], locale: dict[str, str]
) -> None:
    found = made(base, wanted)
    assert {n: v for n, v in found.items() if n not in ("PATH", "HOLDFAST_SESSION")} == locale


@pytest.mark.parametrize(
    ("candidates", "there", "chosen"),
    [
        (["/usr/bin/zsh", "/bin/sh"], {"/usr/bin/zsh", "/bin/sh", "/bin/bash"}, "/usr/bin/zsh"),
        (["", "/bin/sh"], {"/bin/sh", "/bin/bash"}, "/bin/bash"),
        (["", "/bin/ash"], {"/bin/ash", "/bin/sh"}, "/bin/ash"),
        (["/usr/sbin/nologin", ""], {"/usr/sbin/nologin", "/bin/sh"}, "/bin/sh"),
        (["bash", ""], {"/bin/sh"}, "/bin/sh"),
        (["", ""], set(), None),
    ],
)
def test_which_shell(candidates: list[str], there: set[str], chosen: str | None) -> None:
    assert choose_shell(candidates, there.__contains__) == chosen
