"""A real PowerShell, where there is one: a text ends and prints with the hook as without, and as when it was tried."""

import json
import os
import shutil
import subprocess

import pytest

from agent.keeper.hooks import pwsh
from agent.session.inspect import pwsh as questions
from agent.session.inspect.place import Place

pytestmark = [
    pytest.mark.pwsh,
    pytest.mark.skipif(shutil.which("pwsh") is None, reason="no pwsh in PATH"),
]

INPUT = b"l1\nl2\n"
HOME = os.environ.get("HOME", "/")
OTHERWISE = {
    "MyInvocation": "tells the length of the whole text",
    "Get-EventSubscriber": "counts the subscribers, and the hook is one",
}
"""Rows that can tell, and why."""


def rows():
    with open(os.path.join(os.path.dirname(__file__), "pwsh_cases.json"), encoding="utf-8") as file:
        return [row for row in json.load(file) if row["mode"].endswith(("-Command TEXT", 'F.ps1"'))]


@pytest.fixture
def run(step, tmp_path):
    """Run a row plainly or armed; returns code, standard output, standard error."""
    (tmp_path / "e3.ps1").write_text("'e3'; exit 3")

    def start(row, *, armed):
        text = row["text"].replace("DIR", str(tmp_path))
        words = ["-c", text]
        if row["mode"].endswith('F.ps1"'):
            (tmp_path / "F.ps1").write_text(text)
            words = ["--errexit", str(tmp_path / "F.ps1")]
        made = step(
            pwsh,
            ["--shell", "pwsh", *words],
            tmp_path,
            armed=armed,
            variables={"HOME": HOME, "NO_COLOR": "1"},
        )
        made.launch.argv = (made.launch.argv[0], "-NoProfile", *made.launch.argv[1:])
        return made

    return start


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['mode'][11:16]}{row['name']}")
def test_a_text_cannot_tell(run, row):
    bare = run(row, armed=False).run(INPUT)
    armed = run(row, armed=True).run(INPUT)
    if row["name"] in OTHERWISE:
        assert armed[0] == bare[0]
        return
    assert armed == bare
    if row["mode"].endswith("TEXT"):
        assert bare[0] == row["exit"]


def test_waits_and_tells_its_state(run):
    row = {"mode": "-Command TEXT", "text": "$env:NEW='n'\ncd /usr\nfunction f { throw 'x' }\nf"}
    made = run(row, armed=True)
    with made.start(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        report = made.record()
        assert report[0] == "code=001"
        assert "line=3" in report and "function=f" in report and "error=x" in report
        made.ask(questions.state(Place(0, 0, "/agent")))
        state = made.record()
        assert state[0] == "state="
        assert "cwd=/usr" in state and "env:NEW=n" in state
        made.release()
        process.communicate(timeout=20)
    assert process.returncode == 1


def test_a_prompt_in_the_failed_runspace(run):
    made = run({"mode": "-Command TEXT", "text": "$inside = 42\nexit 7"}, armed=True)
    master, slave = os.openpty()
    try:
        with made.start(stdin=subprocess.DEVNULL) as process:
            assert made.record() == ["code=007"]
            for _ in range(2):
                made.ask(questions.prompt(Place(0, 0, "/agent"), os.ttyname(slave)))
                os.write(master, b'"got $($inside + 1)"\nexit\n')
                assert made.record() == ["left="]
                shown = b""
                while b"got 43" not in shown:
                    shown += os.read(master, 65536)
            made.release()
            assert process.wait(20) == 7
    finally:
        os.close(master)
        os.close(slave)
