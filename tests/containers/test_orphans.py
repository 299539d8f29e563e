"""As PID 1 of a real container the agent inherits every orphan, and must reap it."""

import time

from examples.programs import ProgramError
from tests.containers.container import PATIENCE, processes

ORPHANS = 1000
LEAVE_ORPHANS = f"""
i=0
while [ $i -lt {ORPHANS} ]; do
    (true &)
    i=$((i + 1))
done
exit 3
"""
LOOK_SECONDS = 0.02
LAG_SECONDS = 1.0
"""A zombie that is younger may be one that its parent is just about to reap, on a busy machine."""


def test_a_thousand_orphans_leave_no_zombie(container):
    one = container("busybox", "--", "sh", "-c", f"echo here; {LEAVE_ORPHANS}")
    one.wait_for("here")
    init = one.pid
    since = {}
    looks = 0
    while not printed(one, "by `agent resume`", LOOK_SECONDS):
        now = time.monotonic()
        since = {pid: since.get(pid, now) for pid in zombies(init)}
        assert all(now - seen < LAG_SECONDS for seen in since.values()), since
        looks += 1
    assert looks > 10
    deadline = time.monotonic() + PATIENCE
    while left := zombies(init):
        assert time.monotonic() < deadline, left
    one.resume()
    assert one.wait() == 3


def printed(one, text, seconds):
    try:
        one.wait_for(text, seconds)
    except ProgramError:
        assert one.program.running, one.log
        return False
    return True


def zombies(init):
    return [pid for pid, state in processes(init).items() if state == "Z"]
