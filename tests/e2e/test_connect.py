"""`agent connect`: every ssh tool through the container's own command runner, with no network."""

import os
import shlex
import subprocess
import sys

import pytest

from examples.programs import installed

NOBODY = 65534
AS_NOBODY = f"""
import encodings.ascii, os, sys
import agent.session.client as client  # before: nobody may not read where Python is installed
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
sys.exit(client.main(sys.argv[1], []))
"""


def connecting(way, environment: dict[str, str] | None = None):
    """The way by `agent connect`, of the session that is meant."""
    words = ["env", f"HOLDFAST_SESSION={way.session}", installed("agent"), "connect"]
    return type(way)(way.session, "session", 22, ("-o", f"ProxyCommand={shlex.join(words)}"))


def test_exec_and_shell_through_connect(agent, ssh):
    way = connecting(agent(["--", "false"]).way())
    done = ssh.run(way, "cat; echo err >&2; exit 4", stdin=bytes(range(256)) * 5000)
    assert (done.returncode, done.stdout, done.stderr) == (4, bytes(range(256)) * 5000, b"err\n")
    with ssh.shell(way) as shell:
        assert "24 100" in shell.run("stty size")[1]
        assert shell.leave() == 0


def test_peer_credentials_stand_for_the_name(agent, ssh):
    way = connecting(agent(["--", "false"]).way())
    other = type(way)("whoever", way.host, way.port, way.options)
    assert ssh.run(other, "echo in").stdout == b"in\n"


def test_keys_are_asked_for_in_addition(agent, ssh, tmp_path):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=20)
    way = connecting(agent(["--authorized-keys", f"{key}.pub", "--", "false"]).way())
    assert ssh.run(way, "true").returncode == 255
    assert ssh.run(way.with_options("-i", str(key)), "echo in").stdout == b"in\n"


def test_sessions_through_a_relay_are_reached_from_inside_too(agent, ssh, relay):
    way = connecting(agent([*relay.agent_options(), "--", "false"]).way(relay))
    assert ssh.run(way, "echo in").stdout == b"in\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("command", ["connect", "status", "resume"])
def test_other_users_are_refused(agent, command):
    way = agent(["--", "false"]).way()
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, command],
        env={**os.environ, "HOLDFAST_SESSION": way.session},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "only the agent's own user, or root" in done.stderr


def test_without_a_session_one_line_says_so():
    done = subprocess.run(
        ["unshare", "--pid", "--fork", installed("agent"), "connect"]
        if os.geteuid() == 0
        else [installed("agent"), "connect"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "agent: no session is open in this container\n"
