"""The launcher's paths, compiled with the sanitizers for addresses and undefined behaviour: nothing is found."""

import os
import subprocess

import pytest

from tests.binary.conftest import BUILD, REPOSITORY, WORK, Runner

LAUNCHER = os.path.join(REPOSITORY, "packaging", "launcher")
KEEPER = os.path.join(LAUNCHER, "keeper")
SOURCES = ("main", "program", "start", "cache", "directory", "install", "payload")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
OPTIONS = {"ASAN_OPTIONS": "detect_leaks=1:exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99"}


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory):
    path = tmp_path_factory.mktemp("sanitized") / "agent"
    subprocess.run(
        [
            *("gcc", "-g", "-O1", "-Wall", "-Wextra", "-Werror", *SANITIZERS),
            *("-I", LAUNCHER, "-I", KEEPER, "-I", WORK, "-I", f"{BUILD}/zstd", f"-Wa,-I{WORK}", "-no-pie"),
            *(f"{LAUNCHER}/{name}.c" for name in SOURCES),
            *(
                f"{KEEPER}/{name}"
                for name in os.listdir(KEEPER)
                if name.endswith(".c") and name != "standalone.c"
            ),
            *(
                f"{WORK}/tables.c",
                f"{WORK}/contents.c",
                f"{LAUNCHER}/payload.S",
                f"{WORK}/zstd.o",
                "-o",
                str(path),
            ),
        ],
        check=True,
    )
    return Runner(path)


def clean(done):
    assert done.stderr == b""
    assert done.returncode == 0
    return done.stdout.startswith(b"holdfast agent ")


def test_cold_warm_and_damaged(sanitized, cache):
    env = {**OPTIONS, "HOLDFAST_CACHE": str(cache)}
    assert clean(sanitized("--version", env=env))
    assert clean(sanitized("--version", env=env))
    (own,) = cache.iterdir()
    (payload,) = own.iterdir()
    os.unlink(payload / "modules")
    (own / ".unfinished-1-0").mkdir()
    (own / ".unfinished-1-0" / "ld.so").write_text("")
    assert clean(sanitized("--version", env=env))
    assert [path.name for path in own.iterdir()] == [payload.name]


def test_in_memory(sanitized):
    assert clean(sanitized("--version", env={**OPTIONS, "HOLDFAST_CACHE": ""}))


@pytest.mark.parametrize("place", ["/nonsense", "relative", "/dev/null", "/a:b", "/" + "x" * 5000, "/proc"])
def test_impossible_places(sanitized, place):
    assert clean(sanitized("--version", env={**OPTIONS, "HOLDFAST_CACHE": place}))


def test_all_places_in_turn(sanitized, tmp_path):
    env = {name: str(tmp_path / name) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    assert clean(sanitized("--version", env={**OPTIONS, **env}))


def test_install(sanitized, tmp_path):
    """Leaks show here: it ends, and does not become another program."""
    for _ in range(2):
        clean(sanitized("install", str(tmp_path / "deep" / "addon"), env=OPTIONS))
    (payload,) = (tmp_path / "deep" / "addon" / "agent.d").iterdir()
    os.truncate(payload / "modules", 5)
    clean(sanitized("install", f"{tmp_path}/deep/addon/", env=OPTIONS))
    (tmp_path / "file").write_text("")
    done = sanitized("install", str(tmp_path / "file"), env=OPTIONS)
    assert done.returncode == 1 and done.stderr.startswith(b"agent: cannot install")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize("words", [["--version"], ["install", "DIR"]])
@pytest.mark.parametrize("megabytes", [1, 10, 30])
def test_a_full_disk(sanitized, cache, words, megabytes):
    words = [str(cache) if word == "DIR" else word for word in words]
    script = f'mount -t tmpfs -o size={megabytes}m,mode=0700 none {cache} && exec "$0" "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, sanitized.path, *words],
        env={"PATH": os.environ["PATH"], **OPTIONS, "HOLDFAST_CACHE": str(cache)},
        capture_output=True,
        check=False,
    )
    if words[0] == "install":
        assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
        assert done.stderr.endswith(b"No space left on device\n")
    else:
        assert clean(done)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_nowhere_to_start(sanitized, tmp_path):
    """With no descriptor free, memory is none either."""
    done = subprocess.run(
        ["sh", "-c", f"ulimit -n 6; exec {sanitized.path} --version"],
        env={"PATH": os.environ["PATH"], **OPTIONS, "HOLDFAST_CACHE": ""},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count(b"\n")) == (70, 1)
