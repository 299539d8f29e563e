"""The step's environment has no effect on us, and ours none on the step."""

import os
import signal
import subprocess

import pytest

from tests.binary.conftest import BINARY

NONSENSE = {
    "LD_PRELOAD": "/nonsense",
    "LD_DEBUG": "all",
    "LD_LIBRARY_PATH": "/nonsense",
    "LD_AUDIT": "/nonsense",
    "LD_BIND_NOW": "1",
    "GLIBC_TUNABLES": "glibc.malloc.check=3:glibc.nonsense",
    "MALLOC_CHECK_": "3",
    "PYTHONPATH": "/nonsense",
    "PYTHONHOME": "/nonsense",
    "PYTHONVERBOSE": "3",
    "PYTHONINSPECT": "1",
    "PYTHONDUMPREFS": "1",
    "PYTHONWARNINGS": "error",
    "PYTHONSTARTUP": "/nonsense",
    "PYTHONUTF8": "nonsense",
    "PYTHONMALLOC": "nonsense",
    "OPENSSL_CONF": "/nonsense",
    "LC_ALL": "nonsense",
    "LOCPATH": "/nonsense",
    "TZ": "nonsense",
}
MODES = {"cache": {}, "memory": {"HOLDFAST_CACHE": ""}}
PRINT = "import os,sys; sys.stdout.buffer.write(open('/proc/self/environ','rb').read())"


@pytest.mark.parametrize("mode", MODES)
def test_nonsense_has_no_effect(binary, mode):
    plain = binary("--version", env=MODES[mode])
    done = binary("--version", env={**NONSENSE, **MODES[mode]})
    assert (done.returncode, done.stdout, done.stderr) == (0, plain.stdout, b"")


OBEYED = ("LD_", "GLIBC_", "MALLOC_")
"""By the step itself, which would write of it."""
BARE_ENVIRONMENTS = {
    "nonsense": [f"{name}={value}" for name, value in NONSENSE.items() if not name.startswith(OBEYED)],
    "empty": [],
    "odd": ["A=", "=odd", "no equals sign", "B=\xff\xfe", "C=a\nb", "-=x", "--=y", ""],
    "many": [f"V{number}=" + "x" * 1000 for number in range(500)],
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", BARE_ENVIRONMENTS)
def test_the_step_has_exactly_what_the_runner_gave(mode, name, tmp_path):
    """To the byte and in the order of a bare start; and /proc shows the same of us."""
    given = [*BARE_ENVIRONMENTS[name], *(f"{key}={value}" for key, value in MODES[mode].items())]
    bare = environment_of(tmp_path, given, ["/usr/bin/python3", "-IS", "-c", PRINT])
    wrapped = environment_of(tmp_path, given, [BINARY, "run", "--", "/usr/bin/python3", "-IS", "-c", PRINT])
    usual = [entry for entry in bare.split(b"\0") if b"=" in entry[1:]]
    assert [entry for entry in wrapped.split(b"\0") if entry] == usual


STARTER = """
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int count, char **words)
{
    char *environment[1000];
    int at = 0;
    for (int i = 2; i < 2 + atoi(words[1]); i++)
        environment[at++] = words[i];
    environment[at] = NULL;
    execve(words[2 + at], words + 2 + at, environment);
    perror("execve");
    return 1;
}
"""


def environment_of(folder, given, words):
    """Run a command with an environment that no shell could give: its output."""
    starter = folder / "starter"
    if not starter.exists():
        subprocess.run(
            ["gcc", "-Wno-unused-parameter", "-x", "c", "-", "-o", str(starter)],
            input=STARTER.encode(),
            check=True,
        )
    given = [entry.encode("latin-1") for entry in given]
    done = subprocess.run(
        [str(starter), str(len(given)), *given, *words], capture_output=True, check=True, timeout=60
    )
    assert done.stderr == b""
    return done.stdout


LOOK = r"for name in environ cmdline comm; do tr '\0' '|' </proc/$PPID/$name; echo; done"


@pytest.mark.parametrize("mode", MODES)
def test_proc_shows_of_us_what_the_runner_gave(binary, mode):
    env = {"A": "1", "LD_LIBRARY_PATH": "/nonsense", **MODES[mode]}
    done = binary("run", "--", "/bin/sh", "-c", LOOK, env=env)
    environ, cmdline, comm, *_ = done.stdout.decode().split("\n")
    expected = [f"{name}={value}" for name, value in {"PATH": os.environ["PATH"], **env}.items()]
    assert environ.rstrip("|").split("|") == expected
    assert cmdline.startswith(f"{BINARY}|run|--|/bin/sh|-c|")
    assert comm == "agent"


@pytest.mark.parametrize("mode", MODES)
def test_no_token_is_left_in_proc(binary, mode):
    env = {"HOLDFAST_TOKEN": "token-that-nobody-may-see", **MODES[mode]}
    done = binary("run", "--", "/bin/sh", "-c", "cat /proc/$PPID/environ; env", env=env)
    assert b"token-that-nobody-may-see" not in done.stdout
    assert b"PATH=" in done.stdout


@pytest.mark.parametrize("mode", MODES)
def test_no_descriptor_is_left_to_the_step(binary, mode):
    """But the hook's, which the step is to have (`keeper.md` 13)."""
    look = "ls -l /proc/self/fd"
    env = MODES[mode]
    names = {
        line.split()[8]: line.split()[-1]
        for line in binary("run", "--", *look.split(), env=env).stdout.decode().splitlines()[1:]
    }
    ours = [
        target
        for number, target in names.items()
        if number not in ("0", "1", "2") and not target.startswith("/proc/")
    ]
    assert [target for target in ours if not target.startswith("pipe:")] == []
    assert len(ours) <= 1


@pytest.mark.parametrize("closed", ["", "0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
@pytest.mark.parametrize("mode", MODES)
def test_closed_standard_descriptors(mode, closed, tmp_path):
    """None of ours lands on their numbers."""
    script = f"{BINARY} run -- sh -c 'ls /proc/self/fd >{tmp_path}/seen; exit 0' {closed}"
    done = subprocess.run(
        ["sh", "-c", script],
        env={"PATH": os.environ["PATH"], **MODES[mode]},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0


@pytest.mark.parametrize("numbers", [(), (13,), (25,), (13, 25)])
@pytest.mark.parametrize("when", ["failure", "never"])
def test_signals_that_python_would_ignore_arrive_as_they_were(binary, numbers, when):
    """SIGPIPE and SIGXFSZ (`keeper.md` 4), which an agent from source cannot know."""

    def prepare():
        for number in (13, 25):
            signal.signal(number, signal.SIG_IGN if number in numbers else signal.SIG_DFL)

    def ignored(words):
        done = subprocess.run(
            words, preexec_fn=prepare, restore_signals=False, capture_output=True, check=True
        )
        return next(line for line in done.stdout.decode().splitlines() if line.startswith("SigIgn"))

    look = ["cat", "/proc/self/status"]
    assert ignored([BINARY, "run", "--when", when, "--", *look]) == ignored(look)


@pytest.mark.parametrize("way", ["absolute", "relative", "dotted", "path", "link"])
def test_it_knows_its_own_path(binary, way, tmp_path):
    """What its lines and shells call it by."""
    os.symlink(BINARY, link := f"{tmp_path}/agent")
    folder, name = os.path.split(BINARY)
    words, cwd = {
        "absolute": (BINARY, "/"),
        "relative": (f"dist/{name}", os.path.dirname(folder)),
        "dotted": (f"./{name}", folder),
        "path": (name, "/"),
        "link": (link, "/"),
    }[way]
    script = f"{words} run --timeout 1s -- false"
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=cwd,
        env={"PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f" {link if way == 'link' else BINARY} connect" in done.stderr
