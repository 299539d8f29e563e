"""A Python program that has failed reports, waits, and tells its state; then it ends as it would have."""

import os
import signal

import pytest

from agent.session.inspect import python as questions
from agent.session.inspect.place import Place

PATIENCE = 20
PLACE = Place(0, 0, "/agent")
FAILS = """\
import os
os.environ["NEW"] = "a\\nb"
def f(x):
    inside = x * 2
    1/0
print("out", end="")
f(21)
"""


def test_reports_and_waits(held):
    made, process = held(FAILS)
    assert made.record() == [
        "code=001", "line=5", "function=f", "command=1/0", "error=ZeroDivisionError: division by zero",
    ]  # fmt: skip
    assert os.read(process.stdout.fileno(), 100) == b"out"  # the log is whole by then
    assert b"ZeroDivisionError: division by zero\n" in os.read(process.stderr.fileno(), 4096)
    assert process.poll() is None
    made.release()
    assert process.wait(PATIENCE) == 1
    assert process.stdout.read() == process.stderr.read() == b""


@pytest.mark.parametrize(
    ("program", "report"),
    [
        ("import sys\nsys.exit(3)", ["code=003", "line=2", "command=sys.exit(3)", "error=SystemExit: 3"]),
        (
            "raise SystemExit(-1)",
            ["code=255", "line=1", "command=raise SystemExit(-1)", "error=SystemExit: -1"],
        ),
        ("exit('why')", ["code=001", "line=1", "command=exit('why')", "error=SystemExit: why"]),
        ("import json\njson.loads('{')", ["code=001", "line=2", "command=json.loads('{')"]),
        ("class E(Exception): pass\nraise E", ["code=001", "line=2", "command=raise E", "error=E"]),
        (
            "raise OSError('a\\nb')",
            ["code=001", "line=1", "command=raise OSError('a\\nb')", "error=OSError: a"],
        ),
        ("a = 1\nx x", ["code=001", "line=2", "command=x x"]),
    ],
)
def test_says_what_and_where(held, program, report):
    made, process = held(program)
    assert made.record()[: len(report)] == report
    made.release()
    assert process.wait(PATIENCE) == int(report[0].removeprefix("code="))


def test_an_interrupted_program_dies_of_it(held):
    made, process = held("raise KeyboardInterrupt")
    assert made.record()[0] in ("code=130", "code=001")  # 3.6 and 3.7 exit
    made.ask("eval('1')")  # the interpreter remembers how its last text ended
    made.release()
    assert process.wait(PATIENCE) in (-signal.SIGINT, 1)


def test_a_report_is_short_whatever_the_program_says(held):
    made, process = held("def " + "f" * 5000 + "():\n    raise ValueError('é' * 5000)\n" + "f" * 5000 + "()")
    assert sum(len(os.fsencode(field)) + 1 for field in made.record()) < 3500
    made.release()
    process.wait(PATIENCE)


@pytest.mark.parametrize(
    "program",
    [
        "print(1)",
        "raise SystemExit",
        "import os\nos._exit(4)",
        "import os\nif os.fork() == 0:\n    1/0\nos.wait()",
        "import os\nos.closerange(3, 4096)\n1/0",
        "import os\nos.closerange(3, 4096)\nkept = [os.pipe() for _ in range(100)]\n1/0",
        "import os, resource\nos.closerange(3, 4096)\nkept = [open('/dev/null', 'r+') for _ in range(100)]\n1/0",
    ],
)
def test_does_not_wait(held, program):
    made, process = held(program)
    process.communicate(timeout=PATIENCE)
    assert os.read(made.report, 100) == b""


def test_signals_do_not_end_the_wait(held):
    program = "import signal\nsignal.signal(signal.SIGUSR1, lambda *a: 1/0)\nraise SystemExit(5)"
    made, process = held(program)
    made.record()
    for number in (signal.SIGINT, signal.SIGUSR1):
        process.send_signal(number)
        made.ask("write([b'alive='])")
        assert made.record() == ["alive="]
    made.release()
    assert process.wait(PATIENCE) == 5


def test_atexit_and_threads_wait_too(held):
    program = (
        "import atexit, threading, time\natexit.register(print, 'bye')\n"
        "threading.Thread(target=lambda: print('thread')).start()\n1/0"
    )
    made, process = held(program)
    made.record()
    made.release()
    assert process.communicate(timeout=PATIENCE)[0] == b"thread\nbye\n"


def test_tells_its_state(held, tmp_path):
    (tmp_path / "é").mkdir()
    program = "import os\nos.chdir('é')\nos.umask(0o27)\nos.environ['NEW'] = 'a\\nb'\nos.environb[b'R'] = b'\\xff'\n1/0"
    made, process = held(program, variables={"OLD": "1"})
    made.record()
    made.ask(questions.state(PLACE))
    state = made.record()
    assert state[:2] == ["state=", "umask=0027"]
    assert f"cwd={tmp_path}/é" in state
    assert {"env:NEW=a\nb", "env:R=\udcff", "env:OLD=1"} < set(state)
    made.release()
    assert process.wait(PATIENCE) == 1
