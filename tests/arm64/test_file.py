"""What the binary for arm64 is: one static file, small, which tells what is inside; and a step without a session."""

import json
import os
import re
import subprocess

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.arm64.emulator import BINARY, BUILD, run
from tests.binary.elsewhere import assert_same

SIZE_LIMIT = 15_000_000
BUILD_SECONDS = 600
MOV_CLONE3 = bytes.fromhex("683680d2")  # mov x8, #435


def test_it_is_one_static_file():
    told = subprocess.run(
        ["readelf", "--file-header", "--program-headers", BINARY], capture_output=True, text=True, check=True
    ).stdout
    assert re.search(r"Machine: +AArch64\n", told)
    assert "INTERP" not in told
    assert "DYNAMIC" not in told
    assert os.path.getsize(BINARY) <= SIZE_LIMIT


def test_all_that_it_carries_is_for_arm64():
    tree = os.path.join(BUILD, "tree")
    for name in set(os.listdir(tree)) - {"modules"}:
        told = subprocess.run(
            ["readelf", "--file-header", os.path.join(tree, name)], capture_output=True, text=True, check=True
        ).stdout
        assert re.search(r"Machine: +AArch64\n", told), name


def test_its_c_library_makes_no_clone3():
    """Else it would have to be rewritten, as for the other machine (packaging/binary/target.py)."""
    with open(os.path.join(BUILD, "tree", "libc.so.6"), "rb") as file:
        assert MOV_CLONE3 not in file.read()


@pytest.mark.timeout(BUILD_SECONDS)
def test_it_is_the_same_wherever_it_is_built(tmp_path):
    taken = ("venv", "arm64/root", "arm64/site", "arm64/.ready")
    assert_same(tmp_path / "another folder", "binary-arm64", "agent-arm64", *taken)


def test_it_tells_what_is_inside(emulator):
    told = dict(line.rsplit(" ", 1) for line in run(BINARY, "--version").stdout.splitlines())
    assert re.fullmatch(r"\d+\.\d+\.\d+", told["holdfast agent"])
    assert re.fullmatch(r"3\.11\.\d+", told["python"])
    with open(f"{BINARY}.cdx.json", encoding="utf-8") as file:
        components = {each["name"]: each for each in json.load(file)["components"]}
    assert told["cryptography"] == components["cryptography"]["version"]
    assert components["libssl3"]["purl"].endswith("?arch=arm64")
    licences = run(BINARY, "--licenses").stdout
    assert all(title in licences for title in ("holdfast: Apache-2.0", "musl-dev ", "libpython3.11-dev "))


def test_the_bill_of_materials_is_valid():
    with open(f"{BINARY}.cdx.json", encoding="utf-8") as file:
        complaint = JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read())
    assert complaint is None, complaint


def test_the_environment_arrives_also_where_the_interpreter_is_the_keeper(emulator):
    """An emulator's /proc shows what the launcher handed over, not what it was made."""
    done = run(BINARY, "run", "--deploy", "--", "sh", "-c", "echo $MADE", env={"MADE": "here"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "here\n", "")


@pytest.mark.parametrize("options", [[], ["--when", "never"]])
def test_a_step_that_passes(emulator, options):
    done = run(BINARY, "run", *options, "--", "sh", "-c", "echo out; echo err >&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n", "err\n")


def test_a_step_that_fails_with_no_session(emulator):
    done = run(BINARY, "run", "--when", "never", "--", "sh", "-c", "echo out; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "")


def test_a_step_that_fails_and_nobody_comes(emulator):
    done = run(BINARY, "run", "--timeout", "1s", "--", "sh", "-c", "exit 4")
    assert done.returncode == 4
    assert "failed with exit code 4" in done.stderr


def test_from_memory(emulator):
    done = run(BINARY, "--version", env={"HOLDFAST_CACHE": ""})
    assert done.stdout.startswith("holdfast agent "), done.stderr
