"""A Python program that has failed reports, waits, tells its state and opens pdb; then it ends as it would have."""

import contextlib
import os
import select
import signal
import subprocess
import termios
import time

import pytest

from agent.keeper.hooks import python
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


@pytest.fixture
def held(interpreter, step, tmp_path):
    """Start a program; returns the step and its process, which is ended with the test."""
    with contextlib.ExitStack() as stack:

        def start(program, *words, variables=None, **options):
            variables = {"PATH": f"{interpreter}:{os.environ['PATH']}", **(variables or {})}
            made = step(
                python,
                ["--shell", "python", "-c", program, *words],
                tmp_path,
                armed=True,
                variables=variables,
            )
            pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            process = stack.enter_context(made.start(**{**pipes, **options}))
            stack.callback(process.kill)
            return made, process

        yield start


class Terminal:
    """A PTY, as a person at it sees it."""

    def __init__(self):
        self.master, self.slave = os.openpty()
        self.name = os.ttyname(self.slave)
        self.seen = b""

    def until(self, words):
        deadline = time.monotonic() + PATIENCE
        while words.encode() not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no {words!r} in {self.seen!r}"
            self.seen += os.read(self.master, 65536)
        shown, _, self.seen = self.seen.partition(words.encode())
        return shown.decode()

    def say(self, words, prompt="(Pdb) "):
        """Wait for a prompt, and answer it."""
        shown = self.until(prompt)
        os.write(self.master, words.encode())
        return shown

    def close(self):
        for descriptor in {self.master, self.slave} - {None}:
            os.close(descriptor)
        self.master = self.slave = None


@pytest.fixture
def terminal():
    made = []

    def make():
        made.append(Terminal())
        return made[-1]

    yield make
    for each in made:
        each.close()


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


def test_debugger(held, terminal):
    """Twice, each on a PTY of its own that hangs up after it; left by end of file, and by `q`."""
    made, process = held(FAILS)
    made.record()
    for leave in ("\x04", "q\n"):
        person = terminal()
        made.ask(questions.prompt(PLACE, person.name))
        assert "1/0" in person.say("p inside, x\n")
        assert "(42, 21)" in person.say("while True: pass\n")
        person.until("pass")
        time.sleep(0.1)  # it has to be at it
        os.write(person.master, b"\x03")
        assert "*** KeyboardInterrupt" in person.say("\x03")
        assert "--KeyboardInterrupt--" in person.say("l\n")
        assert "inside = x * 2" in person.say("run\n")
        assert "Restart" in person.say("interact\n")
        person.say("print(inside + 1)\n", ">>> ")
        assert "43" in person.say("\x04", ">>> ")
        assert "exit" in person.say("up\n")
        assert "f(21)" in person.say(leave)
        assert made.record() == ["left="]
        person.close()
    made.release()
    assert process.communicate(timeout=PATIENCE)[0] == b"out"
    assert process.returncode == 1


def test_debugger_where_exit_was_called(held, terminal):
    made, process = held("def f():\n    inside = 42\n    exit(7)\nf()")
    made.record()
    person = terminal()
    made.ask(questions.prompt(PLACE, person.name))
    person.say("p inside\n")
    assert "42" in person.say("q\n")
    assert made.record() == ["left="]
    made.release()
    assert process.wait(PATIENCE) == 7


def test_debugger_without_a_frame(held, terminal):
    made, process = held("x x")
    made.record()
    person = terminal()
    made.ask(questions.prompt(PLACE, person.name))
    assert "SyntaxError" in person.say("w\n")
    assert "hook" not in person.say("q\n")
    assert made.record() == ["left="]
    made.release()
    assert process.wait(PATIENCE) == 1


def test_a_terminal_that_hangs_up(held, terminal):
    made, process = held(FAILS)
    made.record()
    person = terminal()
    made.ask(questions.prompt(PLACE, person.name))
    person.until("(Pdb) ")
    person.close()
    assert made.record() == ["left="]
    made.ask(questions.prompt(PLACE, "/nonexistent"))
    assert made.record() == ["left="]
    made.release()
    assert process.wait(PATIENCE) == 1


def test_a_folder_with_modules_of_the_same_names(held, terminal, tmp_path):
    for name in ("code", "cmd", "pdb", "bdb", "readline"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('mine')")
    made, process = held("raise SystemExit(6)")
    made.record()
    person = terminal()
    made.ask(questions.prompt(PLACE, person.name))
    person.say("q\n")
    assert made.record() == ["left="]
    made.release()
    assert process.wait(PATIENCE) == 6
    assert process.stdout.read() == process.stderr.read() == b""


def test_other_threads_print_to_the_log(held, terminal):
    program = (
        "import threading\ngo = threading.Event()\n"
        "threading.Thread(target=lambda: go.wait() and print('thread', flush=True)).start()\n1/0"
    )
    made, process = held(program)
    made.record()
    person = terminal()
    made.ask(questions.prompt(PLACE, person.name))
    person.say("!go.set()\n")
    assert os.read(process.stdout.fileno(), 100) == b"thread\n"
    person.say("!print('to ' + 'me')\n")
    assert "to me" in person.say("q\n")
    made.release()
    assert process.wait(PATIENCE) == 1


def test_what_a_debugger_did_is_put_back(held, terminal):
    program = (
        "import atexit, signal, sys, linecache\n"
        "def show(): print(sys.stdin is a, sys.stdout is b, sys.gettrace(), signal.getsignal(2), sys.path == p,\n"
        "                  'readline' in sys.modules, linecache.getline('<string>', 1) == l)\n"
        "a, b, p, l = sys.stdin, sys.stdout, sys.path[:], linecache.getline('<string>', 1)\n"
        "signal.signal(2, signal.SIG_IGN)\natexit.register(show)\n1/0"
    )
    made, process = held(program)
    made.record()
    person = terminal()
    made.ask(questions.prompt(PLACE, person.name))
    person.say("debug 1 + 1\n")
    person.say("c\n", "((Pdb)) ")
    person.say("q\n")
    assert made.record() == ["left="]
    made.release()
    shown = process.communicate(timeout=PATIENCE)[0].decode()
    assert shown.startswith("True True None ") and shown.endswith(" True False True\n")
    assert ("SIG_IGN" in shown) or (" 1 " in shown)


def test_the_terminal_is_the_interpreters_own(held, terminal):
    """It controls a session leader, so ^C is a signal; in raw mode it would not be, and nothing sets that."""
    made, process = held(FAILS)
    made.record()
    person = terminal()
    made.ask(questions.prompt(PLACE, person.name))
    person.until("(Pdb) ")
    assert os.tcgetpgrp(person.master) == process.pid
    assert termios.tcgetattr(person.master)[3] & termios.ISIG
    os.write(person.master, b"q\n")
    assert made.record() == ["left="]
    made.release()
    process.wait(PATIENCE)
