"""A step that runs into its container's memory limit, and the hold of what is left.

`memory.oom.group`, by which the kernel kills all of a container at once, is a switch of cgroup v2 that is set from
outside, as Kubernetes does; then nobody in it can do anything, and the engine's 137 is the whole story. Docker leaves
it off, and cgroup v1 has none.
"""

EATS_ALL = "echo eating; exec tail /dev/zero"
SIGKILLED = 137


def test_a_step_killed_for_memory_is_held(container, ssh):
    one = container("busybox", "--", "sh", "-c", EATS_ALL, options=["--memory", "128m"])
    way = one.way()
    assert "the step failed with signal 9 (SIGKILL)" in one.log
    assert ssh.run(
        way, "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max"
    ).stdout == (b"%d\n" % (128 << 20))
    assert "SIGKILL" in one.agent("status").stdout
    one.resume()
    assert one.wait() == SIGKILLED
    assert one.state()["OOMKilled"]


def test_a_command_of_the_step_killed_for_memory(container):
    """The step's own shell lives on, and says what it likes."""
    script = "(exec tail /dev/zero); echo died of $?; exit 6"
    one = container("busybox", "--", "sh", "-c", script, options=["--memory", "128m"])
    one.wait_for("died of 137")
    one.line()
    one.resume("--pass")
    assert one.wait() == 0
