"""Every way to start: cold, warm, in memory, raced, killed, with a cache that is damaged or another's."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from tests.binary.conftest import BINARY, PATIENCE, WORK

FIRST_LINE = b"holdfast agent "
ANOTHER = 12345
UNFINISHED = ".unfinished-"


def started(done):
    return done.returncode == 0 and done.stdout.startswith(FIRST_LINE) and done.stderr == b""


def test_the_first_start_unpacks_and_the_second_does_not(binary, cache, unpacked):
    before = os.stat(unpacked).st_ino
    assert started(binary("--version", env={"HOLDFAST_CACHE": str(cache)}))
    assert os.stat(unpacked).st_ino == before
    assert os.stat(unpacked.parent).st_mode & 0o777 == 0o700
    assert unpacked.parent.name == f"holdfast-{os.geteuid()}"


def test_nothing_is_written_where_no_cache_is_wanted(binary, tmp_path):
    """In memory: not one file is opened for writing."""
    env = {
        "HOLDFAST_CACHE": "",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
    }
    assert started(binary("--version", env=env))
    assert list(tmp_path.iterdir()) == []


def test_in_memory_all_modules_load(binary):
    done = binary("doctor", env={"HOLDFAST_CACHE": ""})
    assert b"Traceback" not in done.stdout + done.stderr
    assert done.stdout


DAMAGES = {
    "a byte": lambda file: overwrite(file, b"\0"),
    "cut": lambda file: os.truncate(file, 1000),
    "empty": lambda file: os.truncate(file, 0),
    "longer": lambda file: append(file, b"x"),
    "gone": os.unlink,
    "a link": lambda file: (os.rename(file, f"{file}~"), os.symlink(f"{file}~", file)),
    "a directory": lambda file: (os.unlink(file), os.mkdir(file)),
    "open to others": lambda file: os.chmod(file, 0o604),
}


def overwrite(file, data):
    os.chmod(file, 0o600)
    with open(file, "r+b") as stream:
        stream.seek(100)
        stream.write(data)


def append(file, data):
    os.chmod(file, 0o600)
    with open(file, "ab") as stream:
        stream.write(data)


@pytest.mark.parametrize("name", ["ld.so", "libc.so.6", "modules", "program", "_ssl.so"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_anew(binary, cache, unpacked, name, damage):
    DAMAGES[damage](unpacked / name)
    assert started(binary("--version", env={"HOLDFAST_CACHE": str(cache)}))
    if damage != "a directory":  # not removed with what may be in it: the start was in memory
        assert (unpacked / name).is_file() and not (unpacked / name).is_symlink()
        assert os.stat(unpacked / name).st_size == os.stat(f"{WORK}/tree/{name}").st_size
    assert leftovers(cache) == []


def leftovers(cache):
    return [str(path) for path in cache.rglob(f"{UNFINISHED}*")]


def test_a_payload_that_is_a_file_is_replaced(binary, cache, unpacked):
    shutil.rmtree(unpacked)
    unpacked.write_text("no directory")
    assert started(binary("--version", env={"HOLDFAST_CACHE": str(cache)}))
    assert unpacked.is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_cache_of_another_user_is_not_used(binary, cache, unpacked):
    """Neither used nor touched, whole as it looks."""
    for path in (unpacked.parent, unpacked, *unpacked.iterdir()):
        os.chown(path, ANOTHER, ANOTHER)
    marks = {path: os.stat(path).st_mtime_ns for path in unpacked.parent.rglob("*")}
    assert started(binary("--version", env={"HOLDFAST_CACHE": str(cache)}))
    assert {path: os.stat(path).st_mtime_ns for path in unpacked.parent.rglob("*")} == marks


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_cache_in_a_directory_of_another_user_is_not_used(binary, cache):
    os.chown(cache, ANOTHER, ANOTHER)
    assert started(binary("--version", env={"HOLDFAST_CACHE": str(cache)}))
    assert list(cache.iterdir()) == []


def test_a_cache_that_others_may_write_to_is_not_used(binary, cache):
    os.chmod(cache, 0o777)
    assert started(binary("--version", env={"HOLDFAST_CACHE": str(cache)}))
    assert list(cache.iterdir()) == []


def test_a_link_in_the_place_of_the_cache_is_not_followed(binary, cache, tmp_path):
    (elsewhere := tmp_path / "elsewhere").mkdir(mode=0o700)
    os.symlink(elsewhere, cache / f"holdfast-{os.geteuid()}")
    assert started(binary("--version", env={"HOLDFAST_CACHE": str(cache)}))
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("mask", [0o777, 0o077, 0o000])
def test_a_umask_changes_nothing(binary, cache, mask):
    done = binary("--version", env={"HOLDFAST_CACHE": str(cache)}, umask=mask)
    assert started(done)
    (own,) = cache.iterdir()
    assert os.stat(own).st_mode & 0o777 == 0o700
    assert len(list(own.iterdir())) == 1


def test_50_racing_first_starts(cache):
    environment = {"PATH": os.environ["PATH"], "HOLDFAST_CACHE": str(cache)}
    racing = [
        subprocess.Popen(
            [BINARY, "--version"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(50)
    ]
    for each in racing:
        output, _ = each.communicate(timeout=60)
        assert each.returncode == 0 and output.startswith(FIRST_LINE), output
    (own,) = cache.iterdir()
    assert len(list(own.iterdir())) == 1


def written(cache):
    """Count what lies in the directory that is being filled."""
    try:
        return sum(1 for _ in cache.rglob(f"{UNFINISHED}*/*"))
    except FileNotFoundError:  # it is in its place now
        return 0


def until(condition, process):
    """Wait for a condition, or the end of the process that is to bring it about; returns whether it came."""
    deadline = time.monotonic() + PATIENCE
    while not (came := condition()) and process.poll() is None:
        assert time.monotonic() < deadline
    return came


FILES = len(os.listdir(f"{WORK}/tree"))


@pytest.mark.parametrize("count", range(1, FILES + 1, 2))
def test_killed_at_any_moment_the_next_start_succeeds(binary, cache, count):
    """And takes away what the killed one has left."""
    environment = {"PATH": os.environ["PATH"], "HOLDFAST_CACHE": str(cache)}
    # The last file is there but for a moment, so one start in a few may be missed.
    for _ in range(20):
        shutil.rmtree(cache)
        cache.mkdir(mode=0o700)
        first = subprocess.Popen([BINARY, "--version"], env=environment, stdout=subprocess.DEVNULL)
        came = until(lambda: written(cache) >= count, first)
        first.kill()
        first.wait()
        if came and leftovers(cache):
            break
    else:
        pytest.fail("no kill came while it unpacked")
    assert started(binary("--version", env={"HOLDFAST_CACHE": str(cache)}))
    assert leftovers(cache) == []
    (own,) = cache.iterdir()
    assert len(list(own.iterdir())) == 1


def test_a_stopped_first_start_is_not_waited_for_for_ever(binary, cache):
    environment = {"PATH": os.environ["PATH"], "HOLDFAST_CACHE": str(cache)}
    first = subprocess.Popen([BINARY, "--version"], env=environment, stdout=subprocess.DEVNULL)
    assert until(lambda: leftovers(cache), first)
    first.send_signal(signal.SIGSTOP)
    try:
        assert started(binary("--version", env={"HOLDFAST_CACHE": str(cache)}))
    finally:
        first.send_signal(signal.SIGCONT)
        assert first.wait() == 0
    assert leftovers(cache) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize("options", ["noexec,mode=1777", "size=16m,mode=1777", "ro"])
def test_where_a_cache_cannot_be_it_starts_in_memory(binary, cache, options):
    words = ["unshare", "--mount", "sh", "-c"]
    script = f"mount -t tmpfs -o {options} none {cache} && {BINARY} --version && ls -A {cache} >&2"
    done = subprocess.run(
        [*words, script],
        env={"PATH": os.environ["PATH"], "HOLDFAST_CACHE": str(cache)},
        capture_output=True,
        check=True,
    )
    assert started(done), done


def test_a_noexec_cache_that_was_unpacked_before_is_passed_over(binary, cache, unpacked):
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    script = (
        f"mount --bind {cache} {cache} && mount -o remount,bind,noexec {cache} && exec {BINARY} --version"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        env={"PATH": os.environ["PATH"], "HOLDFAST_CACHE": str(cache)},
        capture_output=True,
        check=True,
    )
    assert started(done), done


def test_where_it_cannot_start_at_all_it_says_so_in_one_line(tmp_path):
    """With no /proc nothing runs in memory."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    root = tmp_path / "root"
    root.mkdir()
    shutil.copy(BINARY, root / "agent")
    script = f"mount --bind {root} {root} && mount -o remount,bind,ro {root} && exec chroot {root} /agent --version"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 70
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("agent: cannot start: ")
