"""A failed Python program opens pdb on a PTY, as often as it is asked, and still ends as it would have."""

import os
import termios

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


def test_debugger(held, terminal):
    """Twice, each on a PTY of its own that hangs up after it; left by end of file, and by `q`."""
    made, process = held(FAILS)
    made.record()
    for leave in ("\x04", "q\n"):
        person = terminal()
        made.ask(questions.prompt(PLACE, person.name))
        assert "1/0" in person.say("p inside, x\n")
        # A ^C has to find it running: the echo of the line says nothing of that.
        assert "(42, 21)" in person.say("exec(\"print('be' 'gun')\\nwhile True: pass\")\n")
        person.until("begun\r\n")
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
