"""What ssh, scp, sftp and rsync do in a session besides a shell: as with any server."""

import os
import random
import shutil
import subprocess
import time

import pexpect
import pytest

EVERY_BYTE = bytes(range(256)) * 64
SOME_MB = random.Random(7).randbytes(5_000_000)


def test_exec_keeps_stdout_and_stderr_apart(held, ssh):
    done = ssh.run(held.way, "echo out; echo err >&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"out\n", b"err\n")


def test_exec_carries_every_byte_both_ways(held, ssh):
    assert ssh.run(held.way, "cat", stdin=EVERY_BYTE).stdout == EVERY_BYTE


def test_exec_carries_megabytes_both_ways(held, ssh):
    assert ssh.run(held.way, "cat", stdin=SOME_MB).stdout == SOME_MB


def test_exec_runs_where_the_step_did(held, ssh):
    assert ssh.run(held.way, "pwd").stdout.decode() == f"{held.directory}\n"


def test_exec_has_the_steps_environment_without_our_secrets(held, ssh):
    environment = ssh.run(held.way, "env").stdout.decode().splitlines()
    names = {line.partition("=")[0] for line in environment}
    assert {"HOLDFAST_TEST_MARK", "HOLDFAST_SESSION"} <= names
    assert not names & {"HOLDFAST_TOKEN", "HOLDFAST_TOKEN_FILE"}


@pytest.mark.parametrize("code", [0, 1, 42, 126, 255])
def test_exit_status_of_exec(held, ssh, code):
    assert ssh.run(held.way, f"exit {code}").returncode == code


def test_death_by_signal_of_exec(held, ssh):
    """OpenSSH's client shows an `exit-signal` as 255."""
    assert ssh.run(held.way, "kill -KILL $$").returncode == 255


def test_exec_of_a_command_that_does_not_exist(held, ssh):
    done = ssh.run(held.way, "no-such-command")
    assert done.returncode == 127
    assert b"no-such-command" in done.stderr


def test_half_close_leaves_the_other_direction_open(held, ssh):
    done = ssh.run(held.way, "cat >/dev/null; echo after the end of stdin; exit 5", stdin=b"some input")
    assert (done.returncode, done.stdout) == (5, b"after the end of stdin\n")


def test_command_that_stops_reading_its_input(held, ssh):
    done = ssh.run(held.way, "head -c 3", stdin=SOME_MB)
    assert (done.returncode, done.stdout) == (0, SOME_MB[:3])


def test_client_that_stops_reading_the_output(held, ssh):
    """`ssh HOST yes | head`: the command must end, and the login with it."""
    client = subprocess.Popen(ssh.argv(held.way, "yes"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert client.stdout.read(1000)
        client.stdout.close()
        assert client.wait(10) != 0
    finally:
        client.kill()
        client.wait()


def test_exec_on_a_pty(held, ssh):
    done = ssh.run(held.way, "tty && stty -a | head -1; exit 3", options=["-tt"])
    assert done.returncode == 3
    assert b"/dev/pts/" in done.stdout


def test_interrupt_on_a_pty_reaches_the_command(held, ssh):
    terminal = pexpect.spawn(
        "ssh", ssh.argv(held.way, "echo begun; sleep 60", options=["-tt"])[1:], timeout=20
    )
    terminal.expect("begun")
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert (terminal.exitstatus, terminal.signalstatus) in {(130, None), (255, None)}


def test_window_change_arrives(held, ssh):
    with ssh.shell(held.way) as shell:
        assert "24 100" in shell.run("stty size")[1]
        shell.terminal.setwinsize(50, 132)
        deadline = time.monotonic() + 10
        while "50 132" not in shell.run("stty size")[1]:
            assert time.monotonic() < deadline
        assert shell.leave() == 0


def test_shell_tells_its_exit_status(held, ssh):
    with ssh.shell(held.way) as shell:
        shell.terminal.sendline("exit 9")
        assert shell.wait() == 9


def test_status_by_name(held, ssh):
    done = ssh.run(held.way, "agent status")
    assert done.returncode == 0
    assert held.way.session in done.stdout.decode()
    assert "exit code 7" in done.stdout.decode()


def test_scp_round_trip(held, ssh, tmp_path):
    here, back, there = tmp_path / "data", tmp_path / "back", os.path.join(held.directory, "scp")
    here.write_bytes(SOME_MB)
    way = held.way.plus
    for source, target in ((here, f"{way.target}:{there}"), (f"{way.target}:{there}", back)):
        argv = ["scp", "-q", *way.client_options, "-P", str(way.port), str(source), str(target)]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
    assert back.read_bytes() == SOME_MB


def test_sftp_round_trip(held, ssh, tmp_path):
    (tmp_path / "data").write_bytes(SOME_MB)
    way = held.way.plus
    batch = f"""
        mkdir sub
        put {tmp_path}/data sub/one
        rename sub/one sub/two
        chmod 640 sub/two
        symlink two sub/link
        ls -l sub
        get sub/link {tmp_path}/back
        rm sub/link
        rm sub/two
        rmdir sub
    """
    argv = ["sftp", "-q", *way.client_options, "-P", str(way.port), "-b", "-", way.target]
    done = subprocess.run(argv, input=batch.encode(), capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert b"-rw-r-----" in done.stdout
    assert (tmp_path / "back").read_bytes() == SOME_MB
    assert os.listdir(held.directory).count("sub") == 0


@pytest.mark.skipif(not shutil.which("rsync"), reason="rsync is not installed")
def test_rsync_round_trip(held, ssh, tmp_path):
    source, back = tmp_path / "source", tmp_path / "back"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "data").write_bytes(SOME_MB)
    way = held.way.plus
    shell = " ".join(["ssh", *way.client_options, "-p", str(way.port)])
    there = f"{way.target}:{held.directory}/rsync/"
    for one, other in ((f"{source}/", there), (there, f"{back}/")):
        argv = ["rsync", "-a", "-e", shell, one, other]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
    assert (back / "sub" / "data").read_bytes() == SOME_MB
