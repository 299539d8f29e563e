"""Shells, commands and file transfers begin where the step died: in its directory, with what it exported, its umask."""

import os
import subprocess

import pytest

SET_OUT = r"""
mkdir -p "deep/er é"
cd "deep/er é"
umask 027
export ADDED=new CHANGED="two
lines, 'quotes' \"double\" \$HOME \\ é"
export BYTES="$(printf '\377\376')"
EMPTY=; export EMPTY
unexported=hidden
HOLDFAST_TOKEN=again; export HOLDFAST_TOKEN
unset REMOVED
false
exit 4
"""
SET_OUT_IN_PYTHON = r"""
import os
os.makedirs("deep/er é"); os.chdir("deep/er é"); os.umask(0o27)
os.environ.update(ADDED="new", CHANGED="two\nlines, 'quotes' \"double\" $HOME \\ é", EMPTY="", HOLDFAST_TOKEN="again")
os.environb[b"BYTES"] = b"\377\376"
del os.environ["REMOVED"]
raise SystemExit(4)
"""
BEFORE = {"CHANGED": "before", "REMOVED": "there", "HOLDFAST_TOKEN": "the-token"}
EXPECTED = {
    b"ADDED": b"new",
    b"CHANGED": "two\nlines, 'quotes' \"double\" $HOME \\ é".encode(),
    b"BYTES": b"\xff\xfe",
    b"EMPTY": b"",
}
ABSENT = (b"REMOVED", b"unexported", b"HOLDFAST_TOKEN", b"_HOLDFAST_TOKEN")


@pytest.fixture(params=["bash", "dash", "busybox", "bash as sh", "python"])
def interpreter(request, tmp_path):
    """What `--shell` says, and the PATH under which that is this one."""
    folder = tmp_path / "shell"
    folder.mkdir()
    if request.param in ("bash", "python"):
        return request.param, os.environ["PATH"]
    program = request.param.removesuffix(" as sh")
    (folder / "sh").symlink_to(f"/usr/bin/{program}")
    return "sh", f"{folder}:{os.environ['PATH']}"


def variables(ssh, way):
    done = ssh.run(way, "cat /proc/self/environ")
    return dict(entry.split(b"=", 1) for entry in done.stdout.split(b"\0") if entry)


def test_all_of_it(agent, ssh, interpreter, tmp_path):
    name, path = interpreter
    step = tmp_path / "step"
    step.mkdir()
    text = SET_OUT_IN_PYTHON if name == "python" else SET_OUT
    one = agent(["--shell", name, "-c", text], env={**BEFORE, "PATH": path}, cwd=str(step))
    way, there = one.way(), f"{step}/deep/er é"

    found = variables(ssh, way)
    assert {key: found.get(key) for key in EXPECTED} == EXPECTED
    assert [key for key in ABSENT if key in found] == []
    assert [key for key in found if b"holdfast" in key] == []
    assert found[b"HOLDFAST_SESSION"].decode() == way.session

    assert ssh.run(way, "pwd; umask").stdout.decode().split("\n")[:2] == [there, "0027"]
    if name == "bash":  # the same for all, once it is known
        with ssh.shell(way) as shell:
            assert there in shell.run("pwd")[1]
            assert "0027" in shell.run("umask")[1]
            assert "<new>" in shell.run('echo "<$ADDED>"')[1]
            shell.leave()
        assert transfer(ssh, way, tmp_path) == ["by-scp", "by-sftp"]
        assert sorted(os.listdir(there)) == ["by-scp", "by-sftp"]
        assert os.stat(f"{there}/by-sftp").st_mode & 0o777 == 0o640
    ssh.run(way, "agent resume")
    assert one.wait() == 4


def transfer(ssh, way, tmp_path):
    """Put two files at relative paths; return what a listing of the session's directory shows."""
    (tmp_path / "file").write_text("content")
    port = ["-P", str(way.port)]
    subprocess.run(
        ["scp", "-q", *way.client_options, *port, f"{tmp_path}/file", f"{way.target}:by-scp"],
        check=True,
        timeout=30,
    )
    batch = f"put {tmp_path}/file by-sftp\nls -1\n"
    done = subprocess.run(
        ["sftp", "-q", *way.client_options, *port, "-b", "-", way.target],
        input=batch.encode(),
        capture_output=True,
        check=True,
        timeout=30,
    )
    return sorted({word for word in done.stdout.decode().split() if word.startswith("by-")})


def test_functions_and_a_megabyte(agent, ssh):
    """Functions that bash exports, and an environment as large as a megabyte."""
    text = r"""
greet() { echo "hello $1"; }
export -f greet
printf -v large '%0100000d' 0
for i in {1..10}; do export "LARGE_$i=$large"; done
exit 3
"""
    one = agent(["--shell", "bash", "-c", text])
    way = one.way()
    assert ssh.run(way, "bash -c 'greet you'").stdout == b"hello you\n"
    found = variables(ssh, way)
    assert sum(len(value) for key, value in found.items() if key.startswith(b"LARGE_")) == 1_000_000
    ssh.run(way, "agent resume")
    assert one.wait() == 3


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_a_directory_that_was_removed(agent, ssh, tmp_path, shell):
    """It is still that of a shell, as it was the step's."""
    text = "mkdir gone; cd gone; rmdir ../gone; export AFTER=1; exit 3"
    one = agent(["--shell", shell, "-c", text], cwd=str(tmp_path))
    done = ssh.run(one.way(), "readlink /proc/self/cwd; echo $AFTER")
    assert done.stdout.decode().splitlines() == [f"{tmp_path}/gone (deleted)", "1"]
    ssh.run(one.way(), "agent resume")
    assert one.wait() == 3


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--shell", "bash", "-c", "set -e\n\nfalse ''"], "failed at line 3: false ''"),
        (["--shell", "bash", "-c", "f() {\n  return 3\n}\nset -Ee\n\nf"], "failed at line 6: return 3"),
        (["--", "bash", "-ec", "true\nno-such-command x"], "failed at line 2: no-such-command x"),
        (
            ["--shell", "python", "-c", "import os\n\nraise ValueError('no')"],
            "failed at line 3: ValueError: no",
        ),
    ],
)
def test_the_section_says_where(agent, words, line):
    one = agent(words)
    one.way()
    assert f"holdfast: {line}\n" in one.log


def test_where_in_a_file(agent, ssh, tmp_path):
    """As a runner calls it; and busybox, which knows the line as well."""
    (tmp_path / "step.sh").write_text("set -u\ncd /\nexport X=1\ncat /no/such/file\n")
    one = agent(["--", "bash", "--noprofile", "--norc", "-eo", "pipefail", "step.sh"], cwd=str(tmp_path))
    way = one.way()
    assert "holdfast: failed at line 4: cat /no/such/file\n" in one.log
    assert ssh.run(way, "pwd; echo $X").stdout == b"/\n1\n"
    ssh.run(way, "agent resume --fail 9")
    assert one.wait() == 9


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (["--shell", "bash", "-c", "cd /; export X=1; exec sh -c 'exit 3'"], None),
        (["--shell", "sh", "-c", "trap 'true' EXIT; cd /; export X=1; exit 3"], None),
        (["--", "sh", "-c", "cd /; export X=1; exit 3"], None),
    ],
    ids=["exec", "own trap", "a command"],
)
def test_without_a_hook(agent, ssh, tmp_path, words, stdin):
    """The state at the start serves, and there is nothing to inspect."""
    one = agent(words, cwd=str(tmp_path))
    way = one.way()
    assert "agent inspect" not in one.log
    assert ssh.run(way, "pwd; echo $X").stdout.decode() == f"{tmp_path}\n\n"
    done = ssh.run(way, "agent inspect")
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.decode().splitlines() == [
        "agent: no failed interpreter waits here: the step still runs, or ended where its shell could not be kept"
    ]
    ssh.run(way, "agent resume")
    assert one.wait() == 3
