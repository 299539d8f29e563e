"""With no network and no relay: the printed line, pasted on the container's host, is a way in for every ssh tool."""

import os
import re
import socket
import subprocess

import pytest

from examples.programs import running
from tests.containers.container import PASTED_LINE, SSH_LINE, Container, pasted
from tests.openssh import OPTIONS

NOBODY = "12345"
ECHO_PORT = 9999
"""In a network of the container's own, so it is free."""
SERVE_ECHO = f"""
nc -ll -p {ECHO_PORT} -e cat >/dev/null 2>&1 &
until grep -q ':{ECHO_PORT:04X} ' /proc/net/tcp /proc/net/tcp6; do :; done
"""
HELD_IMAGE = "busybox"
KNOCK = """
import socket, sys
knocking = socket.socket(socket.AF_UNIX)
knocking.connect("\\0" + sys.argv[1])
knocking.sendall(b'{"command": "connect"}\\n')
print(knocking.makefile().readline())
"""


@pytest.fixture(scope="module")
def held(engine, addon):
    """One held container for all tests that only look."""
    one = Container(engine, addon, HELD_IMAGE, "--", "sh", "-c", "cd /tmp; exit 3")
    try:
        one.line()
        yield one
    finally:
        one.remove()


@pytest.fixture(autouse=True)
def docker_is_found(container):
    """The printed lines call `docker`."""


def test_the_line_as_it_is_printed(held, ssh):
    """A user's shell reads it; what is put in only keeps this machine's known hosts out."""
    line = held.line().replace("ssh ", f"ssh {' '.join(OPTIONS)} ", 1)
    done = subprocess.run(
        ["sh", "-c", f"{line} 'echo out; echo err >&2; exit 4'"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (4, b"out\n", b"err\n")


def test_shell(held, ssh):
    with ssh.shell(held.way()) as shell:
        assert "24 100" in shell.run("stty size")[1]
        assert shell.leave() == 0


def test_exec_carries_every_byte(held, ssh):
    data = bytes(range(256)) * 10_000
    assert ssh.run(held.way(), "cat", stdin=data).stdout == data


def test_sftp(held, ssh, tmp_path):
    (tmp_path / "sent").write_bytes(data := os.urandom(300_000))
    batch = f"put {tmp_path}/sent /tmp/sent\nget /tmp/sent {tmp_path}/fetched\n"
    done = ssh.sftp(held.way(), batch)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "fetched").read_bytes() == data


@pytest.mark.parametrize("protocol", ["-s", "-O"])
def test_scp(held, ssh, tmp_path, protocol):
    (tmp_path / "sent").write_bytes(data := os.urandom(300_000))
    way = held.way()
    there = f"{way.target}:/tmp/copy{protocol}"
    assert ssh.scp(way, f"{tmp_path}/sent", there, options=[protocol]).returncode == 0
    assert ssh.scp(way, there, f"{tmp_path}/fetched", options=[protocol]).returncode == 0
    assert (tmp_path / "fetched").read_bytes() == data


def test_a_port_in_the_container(held, ssh, tmp_path):
    """`-L`, from a socket here to the container's loopback."""
    assert held.exec("sh", "-c", SERVE_ECHO).returncode == 0
    local = f"{tmp_path}/socket"
    forwarding = ["-L", f"{local}:127.0.0.1:{ECHO_PORT}", "-o", "ExitOnForwardFailure=yes"]
    with running(ssh.argv(held.way(), "echo ready; exec sleep 300", options=forwarding)) as program:
        program.wait_for("ready")
        with socket.socket(socket.AF_UNIX) as through, through.makefile("rb") as answers:
            through.settimeout(20)
            through.connect(local)
            through.sendall(b"to and fro\n")
            assert answers.readline() == b"to and fro\n"


# Who is refused.


def test_another_user_of_the_container(held):
    for command in ("connect", "status", "resume"):
        done = held.agent(command, options=["--user", NOBODY])
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            "agent: only the agent's own user, or root in the same container, may control this session\n"
        )


def test_the_root_of_a_neighbour_in_the_same_network(held, container):
    """The containers of a Pod share a network, and with it the names of abstract sockets."""
    neighbour = container(
        "bookworm", "sleep", "300", options=["--init", "--network", f"container:{held.name}"]
    )
    names = held.exec("cat", "/proc/net/unix").stdout
    (name,) = re.findall(r"@(holdfast/\S+)", names)
    neighbour.until_running()
    for command in ("connect", "status", "resume"):
        done = neighbour.agent(command)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "agent: no session is open in this container\n"
    knocked = neighbour.exec("python3", "-c", KNOCK, name)
    assert knocked.stdout.startswith(
        '{"ok": false, "error": "only the agent\'s own user, or root in the same'
    )


def test_two_agents_in_one_container(container, ssh):
    one = container(
        "busybox",
        *("sh", "-c", 'for code in 4 5; do /addon/agent run -- sh -c "exit $code" & done; wait; wait'),
        options=["--init"],
    )
    one.wait_for(rf"(?s)({SSH_LINE.pattern}.*){{2}}")
    sessions = {way.session: way for way in map(pasted, PASTED_LINE.findall(one.log))}
    assert len(sessions) == 2
    unclear = one.agent("status")
    assert (unclear.returncode, unclear.stdout) == (1, "")
    listed = ", ".join(sorted(sessions))
    assert (
        unclear.stderr
        == f"agent: several sessions are open here; say which by HOLDFAST_SESSION=ID: {listed}\n"
    )
    codes = set()
    for session in sessions:
        this = ["--env", f"HOLDFAST_SESSION={session}"]
        status = one.agent("status", options=this).stdout
        assert session in status
        codes |= set(re.findall(r"exit code (\d)", status))
        command = f"docker exec -i -u 0 {one.name} /addon/agent connect {session}"
        way = pasted(f'ssh -o ProxyCommand="{command}" {session}')
        assert ssh.run(way, "echo $HOLDFAST_SESSION").stdout.decode() == f"{session}\n"
        one.resume(options=this)
    assert codes == {"4", "5"}
    assert one.wait() == 0


def test_a_container_that_may_do_next_to_nothing(container, ssh):
    """No passwd entry, no right, nothing writable."""
    one = container(
        "trixie",
        *("--", "sh", "-c", "touch /tmp/x || exit 9"),
        options=[
            *("--user", NOBODY, "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        ],
    )
    line = one.line()
    assert f" -u {NOBODY} " in line
    assert ssh.run(one.way(), "id -u").stdout.decode() == f"{NOBODY}\n"
    with ssh.shell(one.way()) as shell:
        shell.terminal.sendline("agent resume --fail 8")
        shell.wait()
    assert one.wait() == 8
