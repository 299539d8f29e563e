"""What the binary is: one static file, small, the same whoever builds it, and it tells what is inside."""

import json
import os
import re
import subprocess

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.binary.conftest import BINARY, REPOSITORY
from tests.binary.elsewhere import assert_same

SIZE_LIMIT = 15_000_000
COLUMNS = 100
BUILD_SECONDS = 900


def test_it_is_static():
    done = subprocess.run(["ldd", BINARY], capture_output=True, text=True, check=False)
    assert "not a dynamic executable" in done.stdout + done.stderr


def test_it_is_small():
    assert os.path.getsize(BINARY) <= SIZE_LIMIT


@pytest.mark.timeout(BUILD_SECONDS)
def test_it_is_the_same_wherever_it_is_built(tmp_path):
    assert_same(tmp_path / "another folder", "binary", "agent", "venv")


def test_the_launcher_is_fit_to_be_read():
    launcher = os.path.join(REPOSITORY, "packaging", "launcher")
    for folder in (launcher, os.path.join(launcher, "keeper")):
        for name in os.listdir(folder):
            if name.endswith((".c", ".h", ".S")):
                with open(os.path.join(folder, name), encoding="ascii") as file:
                    assert max(len(line.rstrip("\n")) for line in file) <= COLUMNS, name


def test_version(binary):
    """The first line is all that wrappers look at."""
    lines = binary("--version").stdout.decode().splitlines()
    assert re.fullmatch(r"holdfast agent \d+\.\d+\.\d+", lines[0])
    assert re.fullmatch(r"commit ([0-9a-f]{40}\+?|unknown)", lines[1])
    assert re.fullmatch(r"python 3\.11\.\d+", lines[2])
    assert {line.split()[0] for line in lines[3:]} >= {"asyncssh", "cryptography", "websockets", "openssl"}


def test_licences(binary):
    text = binary("--licenses").stdout.decode()
    for title in (
        "holdfast: Apache-2.0",
        "asyncssh 2.",
        "zstd 1.",
        "musl-dev ",
        "libssl3 ",
        "libpython3.11-dev ",
    ):
        assert title in text
    assert text.count("Apache License") >= 2


@pytest.fixture(scope="module")
def bill():
    with open(f"{BINARY}.cdx.json", encoding="utf-8") as file:
        return json.load(file)


def test_the_bill_of_materials_lists_what_is_inside(bill, binary):
    names = {each["name"]: each["version"] for each in bill["components"]}
    assert names.keys() >= {
        "asyncssh",
        "certifi",
        "cryptography",
        "psutil",
        "websockets",
        "libc6",
        "libssl3",
        "zstd",
    }
    assert not names.keys() & {"SQLAlchemy", "aiosqlite", "pytest", "pyinstaller", "setuptools"}
    told = dict(line.split(" ", 1) for line in binary("--version").stdout.decode().splitlines()[3:])
    assert told["asyncssh"] == names["asyncssh"]


def test_the_bill_of_materials_is_valid():
    """By CycloneDX's own schema for that version."""
    with open(f"{BINARY}.cdx.json", encoding="utf-8") as file:
        complaint = JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read())
    assert complaint is None, complaint


def test_the_bill_of_materials_refers_to_what_it_lists(bill):
    """What no schema holds."""
    references = [each["bom-ref"] for each in bill["components"]]
    assert len(references) == len(set(references))
    for each in bill["components"]:
        assert re.fullmatch(r"pkg:(pypi|deb/debian|github/facebook)/[^@\s]+@\S+", each["purl"])
    (dependency,) = bill["dependencies"]
    assert set(dependency["dependsOn"]) == set(references)
