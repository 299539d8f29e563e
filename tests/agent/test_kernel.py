"""System calls that `os` lacks: here a program that is spawned, as nothing else tells what it got."""

import os
import re

import pytest

from agent import kernel


def spawn(path, *argv, **changed):
    words = {"handed": [], "defaults": set(), "mask": set(), "leads_session": False} | changed
    return kernel.spawn(path, argv, {"NAME": "a=b\udcff", "EMPTY": ""}, **words)


def test_a_spawned_program_has_words_environment_and_descriptors():
    read, write = os.pipe()
    pid = spawn("/bin/sh", "sh", "-c", 'echo "$0|$NAME|$EMPTY|$1" >&7', "zero", "", handed=[(write, 7)])
    os.close(write)
    assert os.waitpid(pid, 0)[1] == 0
    assert os.read(read, 100) == b"zero|a=b\xff||\n"
    os.close(read)


@pytest.mark.parametrize("leads", [False, True])
def test_it_leads_a_session_if_it_is_to(leads):
    read, write = os.pipe()
    pid = spawn("/bin/cat", "cat", "/proc/self/stat", handed=[(write, 1)], leads_session=leads)
    os.close(write)
    os.waitpid(pid, 0)
    session = int(os.read(read, 1000).rpartition(b")")[2].split()[3])
    assert session == (pid if leads else os.getsid(0))
    os.close(read)


@pytest.mark.parametrize(("path", "reason"), [("/none/at/all", "No such file"), ("/", "Permission denied")])
def test_what_cannot_be_spawned_is_told_and_leaves_no_process(path, reason):
    with pytest.raises(OSError, match=reason):
        spawn(path, "name")
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def resident_text():
    """Return how much of what is mapped from files to be executed is in memory, in KiB."""
    with open("/proc/self/smaps") as file:
        return sum(int(size) for size in re.findall(r" r-xp .* /.*\n(?:.*\n){3}Rss: +(\d+) kB", file.read()))


def test_code_that_is_let_go_of_comes_again():
    before = resident_text()
    kernel.let_go_of_text()
    after = resident_text()
    assert 0 < after < before / 2
    assert re.fullmatch("(a|b)+", "ab" * 100)
