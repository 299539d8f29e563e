"""The pipes between the step and us: their numbers, and what is said on them."""

import os

import pytest

from agent.keeper import pipes
from agent.keeper.hooks.launch import Launch


def _open():
    names = os.listdir("/proc/self/fd")  # among them the one by which they were listed, closed by now
    return {int(name) for name in names if os.path.exists(f"/proc/self/fd/{name}")}


@pytest.fixture
def made():
    both = pipes.make()
    assert both is not None
    assert both.numbers is not None
    before = _open()
    yield both
    left = _open() - before
    for descriptor in {*both.ours, both._reported, both._answered, *left}:
        try:
            os.close(descriptor)
        except OSError:
            continue


@pytest.mark.parametrize(
    ("limit", "numbers"), [(20000, [1000, 999, 998]), (1001, [1000, 999, 998]), (30, [29, 28, 27])]
)
def test_the_numbers_are_just_below_the_limit(limit, numbers):
    assert pipes.free_numbers(limit, 3) == numbers


def test_taken_numbers_are_left_alone():
    os.dup2(2, 999)
    try:
        assert pipes.free_numbers(1001, 3) == [1000, 998, 997]
    finally:
        os.close(999)


def test_low_numbers_are_the_scripts():
    """Below 10 none is taken, whatever the limit."""
    assert pipes.free_numbers(pipes.LOWEST, 3) == []
    assert pipes.free_numbers(0, 3) == []
    assert set(pipes.free_numbers(pipes.LOWEST + 2, 3)) <= {11, 10}


def test_one_number_is_a_mark_and_no_hook():
    only = pipes.Pipes(os.pipe(), os.pipe(), [500])
    assert (only.mark, only.numbers) == (500, None)
    for descriptor in {*only.ours, only._reported, only._answered}:
        os.close(descriptor)


def test_pipes_of_a_step_that_has_started(made):
    """Another program has made them: our ends are there, the step's are not."""
    theirs = pipes.inherited(made.reports, made.answers, [1000, 999, 998])
    assert theirs.inode == made.inode
    assert (theirs.mark, theirs.numbers.answers) == (1000, 999)
    assert theirs.ours == made.ours
    assert pipes.inherited(made.reports, -1, []).ours == {made.reports}


def hand_over(handed):
    for ours, number in handed:
        os.dup2(ours, number, inheritable=True)


def test_a_plain_step_inherits_the_mark_alone(made):
    hand_over(made.load(Launch(("true",), {})))
    assert os.get_inheritable(made.mark)
    assert os.fstat(made.mark).st_ino == os.fstat(made.reports).st_ino == made.inode
    for number in (made.numbers.answers, made.numbers.text):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)
    assert not any(os.get_inheritable(ours) for ours in made.ours)


def test_an_armed_step_reads_its_hook_and_then_the_answers(made):
    hand_over(made.load(Launch(("bash",), {}, armed=True, hook=b"the hook")))
    assert os.read(made.numbers.text, 100) == b"the hook"
    assert os.read(made.numbers.text, 100) == b""
    os.write(made.answers, b"a line\n")
    assert os.read(made.numbers.answers, 100) == b"a line\n"


def test_a_hook_that_no_pipe_holds_is_left_out(made):
    assert made.load(Launch(("bash",), {}, armed=True, hook=b"x" * (1 << 20))) is None


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"code=007\0line=12\0\0", 7),
        (b"code=255\0\0", 255),
        (b"code=000\0\0", None),
        (b"code=256\0\0", None),
        (b"code=7\0\0", None),
        (b"nonsense that is long enough", None),
    ],
)
def test_a_report_begins_with_its_code(made, said, code):
    os.write(made._reported, said)
    assert made.report() == code
    if code:
        assert os.read(made.reports, 100) == said[9:]


def test_the_release_is_an_end_of_file(made):
    os.dup2(made._answered, made.numbers.answers)
    made.release()
    made.release()
    assert os.read(made.numbers.answers, 1) == b""
