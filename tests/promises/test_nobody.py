"""A UID without passwd entry and without HOME, as containers have them: the session opens all the same."""


def test_a_step_of_a_uid_that_nobody_knows_is_held(launch, as_user) -> None:
    # `env -i`: neither HOME nor LOGNAME, nor anything else.
    build = launch(
        "env", "-i", "PATH=/usr/bin:/bin", *as_user, "run", "--timeout", "1s", "--", "sh", "-c", "exit 5"
    )
    build.until("Wait for SSH")
    build.until("timeout")
    assert build.wait() == 5
