"""`agent install DIR`: whoever mounts DIR starts warm, with nothing written anywhere."""

import os
import subprocess
from pathlib import Path

import pytest

from agent.cli import _dispatch
from agent.errors import UsageError
from tests.binary.conftest import BINARY, Runner

NOBODY = "12345"
BY_PYTHON = ("--deploy",)
"""What the keeper in C leaves to Python: so the step's parent tells where the interpreter came from."""


@pytest.fixture
def addon(binary, tmp_path):
    os.chmod(tmp_path, 0o755)
    path = tmp_path / "new" / "addon"
    done = binary("install", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    return path


def payload_of(addon):
    (payload,) = (addon / "agent.d").iterdir()
    return payload


def test_what_is_there(addon):
    assert (addon / "agent").read_bytes() == Path(BINARY).read_bytes()
    assert sorted(os.listdir(addon)) == ["agent", "agent.d"]
    for path in (addon, addon / "agent", *addon.rglob("*")):
        status = path.stat()
        assert status.st_uid == os.geteuid()
        assert status.st_mode & 0o022 == 0, path
        assert status.st_mode & 0o044 == 0o044, path


def test_a_second_time_changes_nothing(addon, binary):
    payload = payload_of(addon)
    before = payload.stat().st_ino
    assert Runner(addon / "agent")("install", str(addon)).returncode == 0
    assert payload.stat().st_ino == before


def test_it_mends_a_damaged_one(addon, binary):
    os.unlink(payload_of(addon) / "modules")
    assert binary("install", str(addon)).returncode == 0
    assert (payload_of(addon) / "modules").stat().st_size > 1000


def test_a_running_agent_is_replaced(addon, binary):
    """ETXTBSY would be the answer to who writes into it."""
    running = subprocess.Popen([str(addon / "agent"), "run", "--", "sleep", "60"])
    try:
        assert binary("install", str(addon)).returncode == 0
    finally:
        running.terminate()
        running.wait()


@pytest.mark.parametrize("user", ["", f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups"])
def test_it_starts_from_there_with_nothing_written(addon, tmp_path, user):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    if user:
        os.chown(home, int(NOBODY), int(NOBODY))
    env = {"HOME": str(home), "XDG_CACHE_HOME": str(home), "TMPDIR": str(home), "HOLDFAST_CACHE": str(home)}
    done = subprocess.run(
        [
            *user.split(),
            str(addon / "agent"),
            "run",
            *BY_PYTHON,
            "--",
            "sh",
            "-c",
            "readlink /proc/$PPID/exe || :",
        ],
        env={"PATH": os.environ["PATH"], **env},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    if not user:  # another user's cannot be looked at
        assert done.stdout == f"{payload_of(addon)}/ld.so\n"
    assert list(home.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize(
    "spoil", ["foreign directory", "foreign file", "writable file", "writable directory"]
)
def test_what_others_could_have_changed_is_not_run(addon, tmp_path, spoil):
    payload = payload_of(addon)
    {
        "foreign directory": lambda: os.chown(addon / "agent.d", int(NOBODY), int(NOBODY)),
        "foreign file": lambda: os.chown(payload / "program", int(NOBODY), int(NOBODY)),
        "writable file": lambda: os.chmod(payload / "modules", 0o666),
        "writable directory": lambda: os.chmod(payload, 0o777),
    }[spoil]()
    done = Runner(addon / "agent")(
        "run", *BY_PYTHON, "--", "sh", "-c", "readlink /proc/$PPID/exe", env={"HOLDFAST_CACHE": str(tmp_path)}
    )
    assert done.returncode == 0
    assert str(addon) not in done.stdout.decode()


@pytest.mark.parametrize("words", [[], ["a", "b"], ["--help"], [""]])
def test_bad_words(binary, words):
    done = binary("install", *words)
    assert done.returncode == 2
    assert done.stderr == b"agent: install takes one directory: agent install DIR\n"


def test_where_it_cannot(binary, tmp_path):
    (tmp_path / "file").write_text("")
    done = binary("install", str(tmp_path / "file" / "below"))
    assert done.returncode == 1
    assert done.stderr.startswith(b"agent: cannot install into ") and done.stderr.count(b"\n") == 1


def test_from_source_there_is_nothing_to_install(tmp_path):
    with pytest.raises(UsageError, match="static binary"):
        _dispatch(["install", str(tmp_path)])
