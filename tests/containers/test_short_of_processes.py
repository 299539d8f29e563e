"""A step that used up its container's processes: what it left fills `--pids-limit`, and still there is a session."""

import os

import pytest

LIMIT = ["--network", "bridge", "--pids-limit", "64"]
ROOM_FOR_ONE = "while :; do sleep 300 & done"
"""dash ends with 2 when it cannot fork, and its own place is free again."""
ROOM_FOR_NONE = """
import os, signal, time
full, told = os.pipe()
if os.fork() == 0:
    while True:
        try:
            pid = os.fork()
        except BlockingIOError:
            os.write(told, b".")
            time.sleep(.001)
        else:
            pid or signal.pause()
os.read(full, 1)
os._exit(3)
"""
"""Whatever place becomes free is taken at once."""
MAKE_ROOM = """
for process in /proc/[0-9]*; do
    read -r name <"$process/comm" && [ "$name" = sleep ] && kill "${process#/proc/}"
done
exit 0
"""
"""Builtins only."""
NO_PROCESS = 254


@pytest.fixture
def full(container, relay):
    """Start a step that uses up all processes, with a relay to come in by."""

    def start(*step):
        token = "/run/token"
        mount = ["--volume", f"{relay.agent_token_file}:{token}:ro"]
        one = container(
            "bookworm",
            *("--relay", relay.url, "--token-file", token, "--", *step),
            options=[*LIMIT, *mount],
        )
        return one, one.way(relay)

    return start


def test_room_for_one(full, ssh):
    """A login gets its shell, which can do what needs no other process: end the hold, for one."""
    one, way = full("dash", "-c", ROOM_FOR_ONE)
    assert ssh.run(way, "echo $((6 * 7))").stdout == b"42\n"
    assert b"session:" in ssh.run(way, "exec agent status").stdout
    ssh.run(way, "exec agent resume")
    assert one.wait() == 2


def test_room_is_made_from_inside(full, ssh):
    one, way = full("dash", "-c", ROOM_FOR_ONE)
    assert ssh.run(way, MAKE_ROOM).returncode == 0
    assert b"addon" in ssh.run(way, "ls /; true").stdout
    one.resume()
    assert one.wait() == 2


def test_room_for_none(full, ssh, tmp_path):
    """No shell starts and a line says so; files can be fetched; the host can ask, and end it.

    `docker exec` enters the container's cgroup after its last fork, and joining is not limited.
    """
    one, way = full("python3", "-c", ROOM_FOR_NONE)
    done = ssh.run(way, "true")
    assert done.returncode == NO_PROCESS
    assert b"cannot be started here" in done.stderr
    assert b"sftp, `agent status` and `agent resume` work" in done.stderr
    target = os.fspath(tmp_path / "fetched")
    assert ssh.scp(way, f"{way.plus.target}:/etc/debian_version", target).returncode == 0
    with open(target, encoding="ascii") as file:
        assert file.read().startswith("12")
    assert "session:" in one.agent("status").stdout
    one.resume()
    assert one.wait() == 3
