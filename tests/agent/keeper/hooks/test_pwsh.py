"""How a PowerShell step is started, seen by a recorder in its place; `test_pwsh_real.py` asks a real one."""

import json
import subprocess
import sys

import pytest

from agent.config import read
from agent.errors import UsageError
from agent.keeper.hooks import pwsh
from agent.keeper.hooks.launch import Numbers
from agent.session.inspect import pwsh as questions
from agent.session.inspect.place import Place

NUMBERS = Numbers(998, 999, 1000)
STOP = "$ErrorActionPreference = 'Stop'\n"
RECORDER = """\
import json, os, re, sys

report, answers = re.findall(r"\\[IntPtr\\]([0-9]+)", sys.argv[2])
os.write(int(report), b"code=007\\0line=3\\0\\0")
with open(int(answers)) as lines, open(os.environ["RECORD"], "w") as record:
    json.dump([sys.argv[1:], lines.read()], record)
sys.exit(7)
"""


def launches(*words):
    config = read(["--shell", "pwsh", *words], {"PATH": "/usr/bin"})
    return pwsh.plain(config), pwsh.arm(config, NUMBERS)


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "it's a script.ps1"
    path.write_text("exit 3")
    return str(path)


def test_a_text():
    plain, armed = launches("-c", "a\nb", "one", "two words")
    assert plain.argv == ("pwsh", "-Command", "a\nb", "one", "two words")
    assert armed.argv == ("pwsh", "-Command", pwsh.prefix(NUMBERS) + "a\nb", "one", "two words")
    assert (plain.armed, armed.armed) == (False, True)
    assert armed.environment == plain.environment


def test_a_text_with_errexit():
    plain, armed = launches("--errexit", "-c", "param($a)")
    assert plain.argv == ("pwsh", "-Command", STOP + "param($a)")
    assert armed.argv == ("pwsh", "-Command", pwsh.prefix(NUMBERS) + STOP + "param($a)")


def test_a_file_is_left_alone(script):
    plain, armed = launches(script, "-Name", "x")
    assert plain.argv == armed.argv == ("pwsh", "-File", script, "-Name", "x")
    assert not armed.armed


def test_a_file_with_errexit(script):
    plain, armed = launches("--errexit", script, "-Name", "-Name:", "it's", "-1", "a b", "-x\u2019y")
    call = f". '{script.replace(chr(39), chr(39) * 2)}' -Name -Name: 'it''s' '-1' 'a b' '-x\u2019\u2019y'"
    assert plain.argv == ("pwsh", "-Command", STOP + call)
    assert armed.argv == ("pwsh", "-Command", pwsh.prefix(NUMBERS) + STOP + call)


def test_a_name_without_a_folder_is_not_looked_for_in_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.ps1").touch()
    plain, _ = launches("--errexit", "x.ps1")
    assert plain.argv[2] == STOP + ". './x.ps1'"


def test_standard_input():
    plain, armed = launches("-")
    assert plain.argv == armed.argv == ("pwsh", "-Command", "-")
    assert not armed.armed
    with pytest.raises(UsageError, match="--errexit does not stop pwsh"):
        launches("--errexit", "-")


@pytest.mark.parametrize(
    "text",
    [
        "param($a)",
        "  \n# comment\n<# of\nmany #>\n PARAM ($a)",
        "using namespace System.IO\n1",
        "begin{} process{}",
        "process {1}",
        "end{1}",
        "clean{}",
        "dynamicparam {}",
        "[CmdletBinding()]\nparam($a)",
        "[CmdletBinding()][Diagnostics.CodeAnalysis.SuppressMessage(']', \"[\")] # why\nparam()",
    ],
)
def test_what_must_be_first(text):
    plain, armed = launches("-c", text)
    assert armed.argv == plain.argv
    assert not armed.armed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#",
        "<# x",
        "1",
        "parameters",
        "using1",
        "ending {}",
        "[int]$a = 1",
        "[Console]::Out",
        "[",
        "x; param",
        "'param'",
    ],
)
def test_what_need_not_be_first(text):
    assert launches("-c", text)[1].armed


def test_too_long_a_text():
    room = 131_071 - len(pwsh.prefix(NUMBERS))
    assert launches("-c", "x" * room)[1].armed
    assert not launches("-c", "x" * (room + 1))[1].armed
    assert not launches("-c", "é" * (room // 2 + 1))[1].armed


@pytest.mark.parametrize(
    "text",
    [
        pwsh.prefix(NUMBERS),
        questions.state(Place(998, 999, "/agent")),
        questions.prompt(Place(998, 999, "/agent"), "/dev/pts/3"),
    ],
    ids=["prefix", "state", "prompt"],
)
def test_texts_are_one_balanced_line(text):
    assert text.isascii()
    assert "\n" not in text
    assert (
        "@REPORT@" not in text and "@ANSWERS@" not in text and "@FAILED@" not in text and "@PTY@" not in text
    )
    check(text)


def check(text):
    """Hold brackets against each other, outside of strings; a string that is a program is checked too."""
    partners, stack, at = {")": "(", "]": "[", "}": "{"}, [], 0
    while at < len(text):
        each = text[at]
        if each == "'":
            at, inner = quoted(text, at)
            if "{" in inner:
                check(inner)
        elif each == '"':
            end = text.index('"', at + 1)
            check(text[at + 1 : end])
            at = end
        elif each in partners.values():
            stack.append(each)
        elif each in partners:
            assert stack and stack.pop() == partners[each], text[:at]
        at += 1
    assert not stack


def quoted(text, at):
    """Return where a string ends, and what it holds; two marks in it are one."""
    end = at + 1
    while text[end : end + 2] == "''" or text[end] != "'":
        end += 2 if text[end : end + 2] == "''" else 1
    return end, text[at + 1 : end].replace("''", "'")


def test_the_prefix_is_transparent_to_its_own_quoting():
    text = pwsh.prefix(NUMBERS)
    assert "[IntPtr]998," in text and "[IntPtr]999," in text
    start = text.index("::Create('") + len("::Create(")
    _, failed = quoted(text, start)
    assert failed.startswith("try{") and failed.endswith("}catch{}")


def test_reports_waits_and_ends(step, tmp_path):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "pwsh"
    program.write_text(f"#!{sys.executable}\n{RECORDER}")
    program.chmod(0o755)
    variables = {"PATH": str(tmp_path / "bin"), "RECORD": str(tmp_path / "record")}
    made = step(pwsh, ["--shell", "pwsh", "-c", "exit 7"], tmp_path, armed=True, variables=variables)
    with made.start(stdin=subprocess.DEVNULL) as process:
        assert made.record() == ["code=007", "line=3"]
        assert process.poll() is None
        line = questions.state(Place(998, 999, "/agent"))
        made.ask(line)
        made.release()
        assert process.wait(20) == 7
    argv, lines = json.loads((tmp_path / "record").read_text())
    assert argv[0] == "-Command" and argv[1].endswith("exit 7")
    assert lines == line + "\n"
