"""The agent's own credentials reach neither the step nor whoever looks at our processes."""

import os

TOKEN = "token-that-nobody-may-see"


def environ_of(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        return file.read()


def test_nobodys_environment_has_the_token(launch, children, tmp_path):
    """Not even that of the keeper, for whom it was meant: the step could read its parent's."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    run = launch(
        "--",
        "sh",
        "-c",
        "env; echo ready; read -r _; exit 0",
        env={"HOLDFAST_TOKEN": TOKEN, "HOLDFAST_TOKEN_FILE": str(file), "HOLDFAST_TOKENS": "another's"},
    )
    output = run.until("ready")
    assert TOKEN not in output
    assert "HOLDFAST_TOKEN=" not in output
    assert "HOLDFAST_TOKEN_FILE=" not in output
    assert "HOLDFAST_TOKENS=another's" in output
    for pid in (run.pid, *children(run.pid)):
        assert TOKEN.encode() not in environ_of(pid)
        assert b"HOLDFAST_TEST_RUN=" in environ_of(pid)
    run.type(b"\n")
    assert run.wait() == 0


def test_with_debugging_off_the_step_has_none_either(launch):
    run = launch("--when", "never", "--", "env", env={"HOLDFAST_TOKEN": TOKEN})
    assert run.wait() == 0
    assert TOKEN not in run.rest()


def test_a_step_of_the_same_user_cannot_look_into_us(launch, as_user):
    """Neither environment, nor memory, nor descriptors; and the step itself is as open as any process."""
    look = "for name in environ mem fd/2; do head -c 1 /proc/{}/$name >/dev/null 2>&1; echo $name $?; done"
    run = launch(
        *as_user,
        "run",
        "--",
        "sh",
        "-c",
        f"{look.format('$PPID')}; {look.format('$$')}; exit 0",
        env={"HOLDFAST_TOKEN": TOKEN},
        cwd="/",
    )
    assert run.wait() == 0
    ours, own = run.rest().split("environ")[1:]
    assert ours.split() == ["1", "mem", "1", "fd/2", "1"]
    assert own.split()[0] == "0"


def test_the_command_line_and_a_core_file_hold_nothing(launch):
    run = launch("--", "sh", "-c", "echo ready; read -r _; exit 0", env={"HOLDFAST_TOKEN": TOKEN})
    run.until("ready")
    with open(f"/proc/{run.pid}/cmdline") as file:
        assert TOKEN not in file.read()
    assert os.stat(f"/proc/{run.pid}/mem").st_uid == 0  # not dumpable: no core, no ptrace by its own user
    run.type(b"\n")
    assert run.wait() == 0
