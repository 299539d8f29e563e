"""The switches: when a step is held, and when a deployment is skipped."""

import signal

import pytest


def test_held_after_success_for_linger(launch):
    """The last step of a build, for people who look into what passed."""
    run = launch("--when", "always", "--linger", "1s", "--timeout", "1h", "--", "true")
    assert run.wait() == 0
    log = run.rest()
    assert "the step passed after" in log
    assert "its container is kept" in log
    assert "timeout; the step's own verdict: exit code 0" in log


def test_always_holds_a_failure_as_well(launch):
    run = launch("--when", "always", "--timeout", "1s", "--linger", "1h", "--", "sh", "-c", "exit 3")
    assert run.wait() == 3
    assert "the step failed with exit code 3" in run.rest()


def test_a_session_that_was_open_goes_on_in_full_after_success(launch):
    """Nobody is in when the step passes: `--when always` keeps it all the same."""
    run = launch("--when", "always", "--linger", "1s", "--", "sh", "-c", "echo ready; read -r _; exit 0")
    run.until("ready")
    run.signal(signal.SIGUSR1)
    run.until("the step runs, for")
    run.type(b"\n")
    run.until("the step passed after")
    assert run.wait() == 0
    assert "timeout; the step's own verdict: exit code 0" in run.rest()


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (("--when", "never"), {}),
        (("--when", "debug"), {}),
        (("--when", "debug"), {"RUNNER_DEBUG": "0", "CI_DEBUG_TRACE": "false", "SYSTEM_DEBUG": "no"}),
        (("--when", "debug"), {"RUNNER_DEBUG": "1", "HOLDFAST_DEBUG": "0"}),
        (("--when", "always"), {"HOLDFAST_DEBUG": "0"}),
        ((), {"HOLDFAST_DEBUG": "false"}),
        ((), {"HOLDFAST_WHEN": "never"}),
    ],
)
def test_off(launch, words, environment):
    """The step is exec'ed: it has the pid that the runner knows, and its own code comes back at once."""
    run = launch(*words, "--", "sh", "-c", "echo $$; exit 5", env=environment)
    assert run.wait() == 5
    assert run.rest() == f"{run.pid}\n"


def test_debug_holds_a_failure_where_the_ci_asks_for_it(launch):
    runs = [
        launch("--when", "debug", "--timeout", "1s", "--", "sh", "-c", "exit 5", env={switch: on})
        for switch, on in (("RUNNER_DEBUG", "1"), ("CI_DEBUG_TRACE", "true"), ("HOLDFAST_DEBUG", "yes"))
    ]
    for run in runs:
        assert run.wait() == 5
        assert "Wait for SSH" in run.rest()
    passing = launch("--when", "debug", "--", "true", env={"RUNNER_DEBUG": "1"})
    assert passing.wait() == 0
    assert passing.rest() == ""


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (("--when", "always"), {}),
        ((), {"HOLDFAST_DEBUG": "1"}),
        ((), {"CI_REMOTE_DEBUG": "true"}),
        (("--when", "never"), {"DRONE_BUILD_DEBUG": "true"}),
    ],
)
def test_a_deployment_is_skipped_where_debugging_was_asked_for(launch, words, environment):
    run = launch(
        "--deploy", "--step", "ship", *words, "--", "sh", "-c", "echo shipped; exit 5", env=environment
    )
    assert run.wait() == 0
    assert run.rest() == "holdfast: step 'ship' deploys, and debugging was asked for in this build: skipped\n"


@pytest.mark.parametrize(
    ("words", "environment"), [((), {}), (("--when", "always"), {"HOLDFAST_DEBUG": "0"})]
)
def test_a_deployment_runs_otherwise(launch, words, environment):
    run = launch("--deploy", *words, "--", "sh", "-c", "echo shipped", env=environment)
    assert run.wait() == 0
    assert run.rest() == "shipped\n"
