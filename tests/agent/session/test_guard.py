"""Who is to die with a killed keeper: a pure choice over a snapshot. The killing itself is a promise."""

from hypothesis import given
from hypothesis import strategies as st

from agent import proc
from agent.session.guard import related

ME, STEP, SHELL = 10, 20, 30


def process(pid, parent, session, state="S", start=5):
    return proc.Process(pid, state, parent=parent, group=session, session=session, start=start)


def chosen(*processes, sessions=(STEP, SHELL)):
    return related(ME, set(sessions), {each.pid: each for each in processes}, since=5)


def test_the_steps_session_and_its_descendants():
    assert chosen(
        process(ME, 1, ME),
        process(STEP, 1, STEP),
        process(21, STEP, STEP),
        process(22, 1, STEP),  # an orphan of the session
        process(23, 22, 23),  # in a session of its own, below it
        process(99, 1, 99),
    ) == {STEP, 21, 22, 23}


def test_a_step_with_a_terminal_is_in_a_foreign_session():
    """The calling shell's, which is not ours to kill: only what is below the step."""
    assert chosen(process(ME, 1, ME), process(7, 1, 7), process(STEP, 7, 7), process(21, STEP, 7)) == {
        STEP,
        21,
    }


def test_our_own_children_but_not_ourselves():
    assert chosen(process(ME, 1, ME), process(SHELL, ME, SHELL), process(31, SHELL, 31), sessions=()) == {
        SHELL,
        31,
    }


def test_zombies_are_dead_but_their_children_are_not():
    assert chosen(process(ME, 1, ME), process(STEP, 1, STEP, "Z"), process(21, STEP, 21)) == {21}


def test_a_pid_used_again_is_somebody_else():
    assert (
        chosen(process(ME, 1, ME), process(STEP, 1, STEP, start=4), process(21, STEP, STEP, start=4)) == set()
    )


@given(
    st.lists(
        st.builds(
            process,
            st.integers(1, 40),
            st.integers(0, 40),
            st.integers(1, 40),
            st.sampled_from("SRZT"),
            st.integers(0, 9),
        )
    )
)
def test_never_ourselves_never_the_old_never_the_dead(processes):
    by_pid = {each.pid: each for each in processes}
    found = related(ME, {STEP, SHELL}, by_pid, since=5)
    assert ME not in found
    assert all(by_pid[pid].alive and by_pid[pid].start >= 5 for pid in found)
