"""Where the kernel refuses what the keeper needs, the step runs as if there were no agent: PID 1 becomes it."""

import json

import pytest

EPERM = 1


def refusing(name, *arguments):
    """Return a profile that refuses a system call, with these first arguments."""
    words = [{"index": index, "value": value, "op": "SCMP_CMP_EQ"} for index, value in enumerate(arguments)]
    rule = {"names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM, "args": words}
    return {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}


@pytest.mark.parametrize(
    ("refused", "call"),
    [("signalfd", ("signalfd4",)), ("prctl 4", ("prctl", 4)), ("prctl 36", ("prctl", 36))],
)
def test_the_agent_becomes_the_step(container, tmp_path, refused, call):
    profile = tmp_path / "seccomp.json"
    profile.write_text(json.dumps(refusing(*call)))
    options = ["--security-opt", f"seccomp={profile}"]
    one = container("busybox", "--", "sh", "-c", "echo $$; exit 5", options=options)
    assert one.wait() == 5
    assert sorted(one.log.splitlines()) == [
        "1",
        f"holdfast: no session can open here: the kernel refused {refused}",
    ]
