"""A Python program ends, prints and finds itself as without a hook, but for the few things that are named here."""

import functools
import os
import re
import signal
import subprocess
import sys
import zipfile

import pytest

from agent.keeper.hooks import python
from tests.agent.keeper.hooks.python_programs import (
    DIFFERENT,
    DIFFERENT_BEFORE_3_12,
    DIFFERENT_FROM_3_12,
    SAME,
)

WORDS = {"text": "-c", "file": "program.py", "stdin": "-"}
TWO_LINES = b"one\ntwo\n"
ACCIDENTAL = re.compile(rb"0x[0-9a-f]+|started \d+")
"""Addresses and the like: they differ from run to run."""


@pytest.fixture
def compare(interpreter, step, tmp_path):
    """Run a program bare and armed; returns both results: code, standard output, standard error."""

    def run(
        program,
        mode="text",
        *,
        data=TWO_LINES,
        words=None,
        armed=True,
        variables=None,
        before=None,
        **options,
    ):
        source = program.encode() if isinstance(program, str) else program
        if mode == "file":
            (tmp_path / "program.py").write_bytes(source)
        words = words or [WORDS[mode], *([program] if mode == "text" else []), "one", "two words"]
        environment = {"PATH": f"{interpreter}:{os.environ['PATH']}", **(variables or {})}
        found = []
        for each in (False, True):
            made = step(python, ["--shell", "python", *words], tmp_path, armed=each, variables=environment)
            assert made.launch.armed == (each and armed)
            if before:
                before()
            result = made.run(source if mode == "stdin" else data, **options)
            found.append(
                tuple(ACCIDENTAL.sub(b"", part or b"") if n else part for n, part in enumerate(result))
            )
        return found

    return run


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # files are looked for here, and the steps run here


@pytest.mark.parametrize("mode", WORDS)
@pytest.mark.parametrize("group", SAME)
def test_a_program_cannot_tell(compare, interpreter, group, mode):
    elsewhere = version(interpreter) != sys.version_info[:2]
    if elsewhere and (mode == "stdin" or (mode == "file" and group not in ("names", "syntax"))):
        pytest.skip("with our own interpreter is enough")
    results = {name: compare(program, mode) for name, program in SAME[group].items()}
    assert {name: bare for name, (bare, _) in results.items()} == {
        name: armed for name, (_, armed) in results.items()
    }


DIFFERENT_THERE = (
    (DIFFERENT, (3, 0), (4, 0)),
    (DIFFERENT_BEFORE_3_12, (3, 0), (3, 12)),
    (DIFFERENT_FROM_3_12, (3, 12), (4, 0)),
)


@pytest.mark.parametrize(("programs", "first", "after"), DIFFERENT_THERE)
def test_what_a_program_can_tell(compare, interpreter, programs, first, after):
    for name, (program, codes) in programs.items():
        bare, armed = compare(program)
        if first <= version(interpreter) < after:
            assert armed != bare, name
            assert (bare[0], armed[0]) == codes, name
        else:
            assert armed == bare, name


@functools.cache
def version(interpreter):
    program = "import sys; print(*sys.version_info[:2])"
    shown = subprocess.run([f"{interpreter}/python3", "-c", program], capture_output=True, check=True).stdout
    return tuple(int(word) for word in shown.split())


@pytest.mark.parametrize(
    "program", [b"print(1)\0", b"print('\xe9')\n", b"# \xe9\nprint(1)", "print(1)".encode("utf-16")]
)
@pytest.mark.parametrize("mode", ["file", "stdin"])
def test_a_file_that_is_no_utf_8(compare, program, mode):
    bare, armed = compare(program, mode)
    assert armed == bare


@pytest.mark.parametrize("mode", ["file", "stdin"])
def test_another_encoding(compare, mode):
    bare, armed = compare(b"# coding: latin-1\nprint(ascii('\xe9'))\n", mode)
    assert armed == bare


@pytest.mark.parametrize(
    "program", ["import sys\nprint(sys.stdin.read())", "x x", "# coding: latin-1\nprint('\xe9')"]
)
def test_standard_input_of_a_file(compare, tmp_path, program):
    (tmp_path / "text").write_bytes(program.encode("latin-1"))
    descriptor = os.open(tmp_path / "text", os.O_RDONLY)
    try:
        bare, armed = compare("", words=["-"], stdin=descriptor, before=lambda: os.lseek(descriptor, 0, 0))
    finally:
        os.close(descriptor)
    assert armed == bare


@pytest.mark.parametrize(
    "name", ["program.py", "./sub/../program.py", "link.py", "./-c", "archive", "no.pyc"]
)
def test_names_of_files(compare, tmp_path, name):
    program = (
        "import sys\nprint(__file__, sys.argv, sys.path, __loader__, __spec__)\n"
        "print(sys._getframe().f_code.co_filename)"
    )
    (tmp_path / "sub").mkdir()
    for each in ("program.py", "-c", "sub/target.py"):
        (tmp_path / each).write_text(program)
    (tmp_path / "link.py").symlink_to("sub/target.py")
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        archive.writestr("__main__.py", program)
    (tmp_path / "no.pyc").write_bytes(b"\x01\x02\r\n")
    bare, armed = compare("", words=[name, "argument"], armed=name not in ("archive", "no.pyc"))
    assert armed == bare


@pytest.mark.parametrize("name", ["-a.py", "-c"])
def test_an_option_in_place_of_a_file(compare, tmp_path, name):
    (tmp_path / name).write_text("print(1)")
    bare, armed = compare("", words=["--", name, "print(2)"], armed=False)
    assert armed == bare


def test_modules_beside_the_file(compare, tmp_path):
    (tmp_path / "beside.py").write_text("value = 3\nimport __main__\nprint(__main__.__file__)")
    for mode in WORDS:
        bare, armed = compare("import beside; print(beside.value, beside.__file__)", mode)
        assert armed == bare


def test_spawned_processes_find_the_file(compare):
    program = (
        "import multiprocessing as m\ndef f(): print('child', __name__, flush=True)\n"
        "if __name__ == '__main__':\n    m.set_start_method('spawn')\n"
        "    p = m.Process(target=f); p.start(); p.join(); print(p.exitcode)\n"
    )
    for mode in ("file", "stdin"):
        bare, armed = compare(program, mode)
        assert armed == bare


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONWARNINGS": "error"},
        {"PYTHONDEVMODE": "1"},
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONUNBUFFERED": "1"},
        {"PYTHONSAFEPATH": "1"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONPATH": "/nonexistent"},
        {"PYTHONNOUSERSITE": "1"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_variables_of_the_interpreter(compare, variables):
    program = (
        "'''Docs.'''\nimport sys\nprint(__doc__, sys.path, sys.flags, sys.warnoptions, 'é')\nassert 0\n1/0"
    )
    for mode in WORDS:
        bare, armed = compare(program, mode, variables=variables)
        assert armed == bare


def test_an_interactive_end_is_left_alone(compare):
    bare, armed = compare("1/0", variables={"PYTHONINSPECT": "1"}, armed=False)
    assert armed == bare


def test_one_pipe_for_both_streams(compare):
    """In the order of a bare one, as far as no hold comes between."""
    for mode in WORDS:
        for program in ("print('out')\n1/0", "import sys\nprint('out')\nsys.exit('words')", "print('out')"):
            bare, armed = compare(program, mode, stderr=subprocess.STDOUT)
            assert armed == bare


def test_closed_standard_descriptors(compare):
    for number in (0, 1, 2):
        bare, armed = compare("print('out')\n1/0", preexec_fn=lambda number=number: os.close(number))
        assert armed == bare


def test_a_reader_that_has_left(compare):
    for program in ("print('x' * 100000)", "print('x')\n1/0", "print('x')\nraise SystemExit(3)"):
        reader, writer = os.pipe()
        os.close(reader)
        bare, armed = compare(program, stdout=writer)
        os.close(writer)
        assert armed == bare


def test_signals_that_arrive_ignored(compare):
    def ignore():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    program = (
        "import os, signal\nprint(signal.getsignal(2), signal.getsignal(1))\nos.kill(os.getpid(), 2)\n1/0"
    )
    bare, armed = compare(program, preexec_fn=ignore)
    assert armed == bare


def test_an_interpreter_that_is_too_old_or_lost_its_descriptors(step, tmp_path):
    """Through a wrapper that closes them it runs as without us."""
    wrapper = tmp_path / "python3"
    wrapper.write_text('#!/bin/bash\nfor n in /proc/self/fd/*; do n=${n##*/}; ((n > 2)) && eval "exec $n>&-"; done\n'
                       f'exec {os.path.realpath("/usr/bin/python3")} "$@"\n')  # fmt: skip
    wrapper.chmod(0o755)
    made = step(
        python,
        ["--shell", "python", "-c", "import sys; print(sys.argv); sys.exit(3)", "word"],
        tmp_path,
        armed=True,
        variables={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    assert made.run() == (3, b"['-c', 'word']\n", b"")
