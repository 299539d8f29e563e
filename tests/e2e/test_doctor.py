"""`agent doctor` asks a real relay whether it takes the token."""

import os
import subprocess

from examples.programs import installed


def doctor(*words, env=None):
    return subprocess.run(
        [installed("agent"), "doctor", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, **(env or {})},
    )


def test_a_token_that_is_taken(relay):
    done = doctor(*relay.agent_options())
    assert (done.returncode, done.stderr) == (0, "")
    assert f"ok    the relay {relay.url} takes the token\n" in done.stdout


def test_a_token_that_is_not(relay):
    done = doctor("--relay", relay.url, env={"HOLDFAST_TOKEN": "hf_wrong"})
    assert done.returncode == 1
    assert f"bad   the relay {relay.url} cannot be used: it answers 401\n" in done.stdout
