"""Where the kernel refuses what the keeper needs, the step runs as if there were no agent: that becomes it."""

import json

import pytest

EPERM = 1
SUB_REAPER = ("prctl", 36)
"""What the first process of a container does not need: orphans are its own."""


@pytest.fixture
def refusing(tmp_path):
    """Return the options by which a container is refused a system call, with these first arguments."""

    def options(name, *arguments):
        words = [
            {"index": index, "value": value, "op": "SCMP_CMP_EQ"} for index, value in enumerate(arguments)
        ]
        rule = {"names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM, "args": words}
        profile = tmp_path / "seccomp.json"
        profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
        return ["--security-opt", f"seccomp={profile}"]

    return options


@pytest.mark.parametrize(
    ("refused", "call", "options", "parent"),
    [
        ("signalfd", ("signalfd4",), [], 0),
        ("prctl 4", ("prctl", 4), [], 0),
        ("prctl 36", SUB_REAPER, ["--init"], 1),
    ],
)
def test_the_agent_becomes_the_step(container, refusing, refused, call, options, parent):
    one = container("busybox", "--", "sh", "-c", "echo $PPID; exit 5", options=[*refusing(*call), *options])
    assert one.wait() == 5
    assert sorted(one.log.splitlines()) == [
        str(parent),
        f"holdfast: no session can open here: the kernel refused {refused}",
    ]


def test_the_first_process_need_not_be_a_sub_reaper(container, ssh, refusing):
    """Under an emulator, say, which may know no such call."""
    one = container("busybox", "--", "sh", "-c", "exit 5", options=refusing(*SUB_REAPER))
    assert ssh.run(one.way(), "echo in; agent resume").stdout == b"in\n"
    assert one.wait() == 5
