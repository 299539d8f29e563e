"""Direct mode: who may log in, on loopback and elsewhere."""

import subprocess

import pytest


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> dict[str, str]:
    """Two key pairs, and a file that authorises the first."""
    directory = tmp_path_factory.mktemp("keys")
    for name in ("known", "unknown"):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", directory / name]
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, timeout=20)
    listed = directory / "authorized_keys"
    listed.write_text(f"# who may\n\n{(directory / 'known.pub').read_text()}")
    return {"known": str(directory / "known"), "unknown": str(directory / "unknown"), "file": str(listed)}


def with_key(way, path):
    return way.with_options("-i", path, "-o", "IdentitiesOnly=yes")


def test_without_keys_the_session_id_is_the_secret(agent, ssh):
    way = agent(["--", "false"]).way()
    assert ssh.run(way, "true").returncode == 0
    for user in ("root", "a" * len(way.session)):
        done = ssh.run(type(way)(user, way.host, way.port), "true", options=["-o", "LogLevel=INFO"])
        assert done.returncode == 255
        assert b"build log" in done.stderr


def test_with_keys_the_session_id_is_not_enough(agent, ssh, keys):
    way = agent(["--authorized-keys", keys["file"], "--", "false"]).way()
    assert ssh.run(with_key(way, keys["known"]), "echo in").stdout == b"in\n"
    done = ssh.run(with_key(way, keys["unknown"]), "true", options=["-o", "LogLevel=INFO"])
    fingerprint = subprocess.run(
        ["ssh-keygen", "-l", "-f", keys["unknown"]], capture_output=True, check=True, timeout=20
    ).stdout.split()[1]
    assert done.returncode == 255
    assert fingerprint in done.stderr
    assert ssh.run(way, "true").returncode == 255


def test_keys_open_every_address(agent, ssh, keys):
    build = agent(["--listen", "0.0.0.0:0", "--authorized-keys", keys["file"], "--", "false"])
    way = build.way()
    here = type(way)(way.user, "127.0.0.1", way.port)
    assert ssh.run(with_key(here, keys["known"]), "echo in").stdout == b"in\n"
    assert ssh.run(with_key(here, keys["unknown"]), "true").returncode == 255


def test_host_key_is_the_one_in_the_log(agent, ssh, tmp_path):
    build = agent(["--", "false"])
    way = build.way()
    logged = build.wait_for(r"SHA256:[A-Za-z0-9+/]{43}")[0]
    known = tmp_path / "known_hosts"
    options = ["-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=accept-new"]
    assert ssh.run(way, "true", options=options).returncode == 0
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", known], capture_output=True, check=True, timeout=20, text=True
    )
    assert logged in shown.stdout
