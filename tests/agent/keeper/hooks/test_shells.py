"""When a shell is started with its hook, and how."""

import os
import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import read
from agent.keeper import step
from agent.keeper.hooks import shells
from agent.keeper.hooks.launch import Launch, Numbers, fill_in
from agent.session.inspect import shell
from agent.session.inspect.place import Place

NUMBERS = Numbers(1000, 999, 998)

ARMED = [
    "-c x",
    "-ec x",
    "-e -c x",
    "-ceu x",
    "-xc x",
    "-s",
    "",
    "-",
    "-es -- a",
    "FILE",
    "FILE -v",
    "-- -v",
    "-eo pipefail FILE",
    "-e -o pipefail FILE",
    "--noprofile --norc -eo pipefail FILE",
    "+e FILE",
    "-euxo pipefail FILE",
    "-o errexit +o nounset -T FILE",
]
PLAIN = [
    "-v FILE",
    "-lc x",
    "-l FILE",
    "-i",
    "-ic x",
    "-p FILE",
    "-r FILE",
    "-n FILE",
    "-D FILE",
    "--posix FILE",
    "--login -c x",
    "--rcfile F",
    "--version",
    "--nonsense FILE",
    "-o posix FILE",
    "-eo verbose FILE",
    "-o privileged FILE",
    "-o",
    "-O extglob FILE",
    "-Z FILE",
    "-c -i TEXT",
]


@pytest.mark.parametrize(
    ("line", "armed"), [(line, True) for line in ARMED] + [(line, False) for line in PLAIN]
)
def test_command_lines(line, armed):
    """A line that is armed reads BASH_ENV, and is itself unchanged."""
    config = read(["--", "bash", *line.split()], {"A": "1"})
    launch = step.arm(config, NUMBERS)
    assert launch.armed is armed
    assert launch.argv == config.command
    assert launch.environment == ({"A": "1", "BASH_ENV": "/proc/self/fd/998"} if armed else {"A": "1"})


@pytest.mark.parametrize(
    ("environment", "armed"),
    [
        ({"POSIXLY_CORRECT": ""}, False),
        ({"POSIX_PEDANTIC": "1"}, False),
        ({"SHELLOPTS": "errexit:posix"}, False),
        ({"SHELLOPTS": "verbose"}, False),
        ({"SHELLOPTS": "privileged:errexit"}, False),
        ({"SHELLOPTS": "errexit:xtrace"}, True),
        ({"BASH_ENV": ""}, True),
        ({"BASH_ENV": "~/it's"}, True),
        ({"BASH_ENV": "$HOME/env"}, True),
        ({"BASH_ENV": "${HOME}/env"}, False),
        ({"BASH_ENV": "$(pwd)/env"}, False),
        ({"BASH_ENV": "`pwd`/env"}, False),
        ({"BASH_ENV": '"env"'}, False),
        ({"BASH_ENV": "a\\b"}, False),
    ],
)
def test_environments_of_bash(environment, armed):
    launch = step.arm(read(["--shell", "bash", "-c", "x"], environment), NUMBERS)
    assert launch.armed is armed
    if not armed:
        assert launch.environment == environment


@pytest.mark.parametrize("name", ["bash", "/usr/bin/bash", "./bash"])
def test_names_of_bash(name):
    assert step.arm(read(["--", name, "FILE"], {}), NUMBERS).armed


@pytest.mark.parametrize("name", ["sh", "rbash", "bash5", "dash", "make", "bash/"])
def test_names_of_others(name):
    assert not step.arm(read(["--", name, "FILE"], {}), NUMBERS).armed


def arm_sh(words, environment):
    return step.arm(read(["--shell", "sh", *words], environment), NUMBERS)


@pytest.fixture
def path(tmp_path):
    """Return a PATH on which `sh` is the program of that name."""

    def on(program):
        folder = tmp_path / program
        folder.mkdir()
        (folder / program).write_text("")
        (folder / program).chmod(0o755)
        if program != "sh":
            (folder / "sh").symlink_to(program)
        return {"PATH": f"/nonexistent:{folder}"}

    return on


HOOK = ". /proc/self/fd/998"


def test_sh_by_text(path):
    for program in ("dash", "bash", "busybox", "sh"):
        launch = arm_sh(["--errexit", "-c", "x\ny", "zero", "-v"], path(program))
        assert launch.argv == ("sh", "-e", "-c", f"{HOOK} $LINENO;x\ny", "zero", "-v")
        assert launch.armed
        assert "BASH_ENV" not in launch.environment


def test_sh_by_file(path, tmp_path, monkeypatch):
    """dash gets the file's text, others the file to source; a bash called as sh nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "step.sh").write_bytes(b"x\xff\n")
    busybox, dash = path("busybox"), path("dash")
    for name in ("step.sh", "./step.sh"):
        assert arm_sh([name, "a"], dash).argv == ("sh", "-c", f"{HOOK} $LINENO;x\udcff\n", name, "a")
    assert arm_sh(["step.sh", "a"], busybox).argv == ("sh", "-c", f'{HOOK} 1;. "./$0"', "step.sh", "a")
    assert arm_sh(["./step.sh"], busybox).argv == ("sh", "-c", f'{HOOK} 1;. "$0"', "./step.sh")
    assert arm_sh(["./step.sh"], path("bash")) != arm_sh(["./step.sh"], busybox)
    assert not arm_sh(["./step.sh"], {"PATH": str(tmp_path / "bash")}).armed


def test_files_that_dash_sources(path, tmp_path):
    """What is no text, and what can be read only once."""
    dash, file, pipe = path("dash"), str(tmp_path / "file"), str(tmp_path / "pipe")
    with open(file, "wb") as script:
        script.write(b"x\0y")
    os.mkfifo(pipe)
    for name in (file, pipe):
        assert arm_sh([name], dash).argv == ("sh", "-c", f'{HOOK} 1;. "$0"', name)


def test_sh_that_is_plain(path):
    dash = path("dash")
    assert not arm_sh(["-"], dash).armed
    assert not arm_sh(["-c", "x" * (128 * 1024 - 28)], dash).armed
    assert arm_sh(["-c", "x" * (128 * 1024 - 100)], dash).armed
    assert not arm_sh(["-c", "x"], {**dash, "SHELLOPTS": "xtrace"}).armed


@given(
    st.lists(st.text(max_size=8) | st.sampled_from([*" ".join(ARMED + PLAIN).split(), "-o", "+", "-", "--"]))
)
def test_no_command_line_is_too_odd(words):
    launch = Launch(("bash", *words), {})
    assert shells.arm_bash_command(launch, NUMBERS).argv == launch.argv


@given(st.text(st.characters(codec="utf-8", exclude_characters='\0$`"\\\n')))
def test_any_name_of_a_file_in_bash_env(own):
    launch = shells.arm_bash_command(Launch(("bash", "FILE"), {"BASH_ENV": own}), NUMBERS)
    quoted = own.replace("'", "'\\''")
    assert f"\nBASH_ENV='{quoted}'\n".encode("utf-8", "surrogateescape") in launch.hook


TRACED = [
    "-x F",
    "-euxo pipefail F",
    "-o xtrace F",
    "-eo xtrace F",
    "-e -o pipefail -o xtrace F",
    "-c -x x",
    "+x F",
]
QUIET = [
    "-c x",
    "-e x.sh",
    "-eo errexit x.sh",
    "--noprofile --norc -eo pipefail F",
    "-s -- -x",
    "- -x",
    "-o",
    "",
]


@pytest.mark.parametrize("words", [*TRACED, *QUIET])
def test_which_command_lines_show_commands(words):
    argv = ("bash", *words.split())
    assert shells.understand(argv, {}).traces == (words in TRACED)
    # Of one that bears no hook nothing else is known.
    assert shells.understand(argv, {"SHELLOPTS": "xtrace"}).traces == (words != "-o")


@pytest.mark.parametrize(
    ("words", "from_input"),
    [
        *(
            ("", True),
            ("-e", True),
            ("-s a", True),
            ("-s -- a", True),
            ("-", True),
            ("--", True),
            ("-eo errexit", True),
        ),
        *(
            ("F", False),
            ("-- F", False),
            ("- F", False),
            ("-eo errexit F", False),
            ("-c x", False),
            ("-s -c x", False),
        ),
        *(("-c -e x", False), ("-c", False)),
    ],
)
def test_which_command_lines_have_their_script_on_standard_input(words, from_input):
    assert shells.understand(("bash", *words.split()), {}).reads_input == from_input


HOOKS = ["hook_bash.sh", "hook_bash_failed.sh", "hook_sh.sh", "hook_sh_failed.sh"]


@pytest.mark.parametrize("name", HOOKS)
def test_hooks_are_small(name):
    """They fit into the least pipe that Linux makes, 4 KiB, and into the screens of those who mend them."""
    text = fill_in(shells.text_of(name), NUMBERS)
    assert len(text.encode()) < 4096
    assert max(len(line) for line in text.splitlines()) <= 110
    assert set(re.findall(r"@[A-Z_]+@", text)) <= {"@HIDE@", "@RESTORE@", "@SHOW@", "@BASH_ENV@"}


@pytest.mark.parametrize("name", HOOKS)
def test_shells_read_nothing_that_is_for_readers(name):
    """A comment in the trap's own text, or in what becomes one line, would be none."""
    lines = shells.text_of(name).splitlines()
    assert all(lines)
    assert not any(line.lstrip().startswith("#") for line in lines)


@pytest.mark.parametrize(
    ("name", "shell"),
    [
        ("hook_bash_failed.sh", ["bash"]),
        ("hook_sh_failed.sh", ["dash"]),
        ("hook_sh_failed.sh", ["busybox", "sh"]),
        ("hook_sh_failed.sh", ["bash", "--posix"]),
    ],
)
def test_what_follows_a_failure_is_one_line(name, shell):
    """The hook reads it with one `read`; that it is a program still is for the shell to say."""
    line = shells.failed_line(name)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert len(line) < 4096
    subprocess.run([*shell, "-n", "-c", line], check=True, capture_output=True)


@pytest.mark.parametrize("agent", ["/addon/agent", "/tmp/it's here/agent", "/tmp/a b;c/agent"])
def test_questions_are_single_lines(agent):
    """The hook reads each with one `read`, and takes an empty one for none."""
    place = Place(1000, 999, agent)
    for question in (shell.state(place), shell.prompt(place, "/dev/pts/3")):
        assert question
        assert "\n" not in question
        assert len(question) < 4096
