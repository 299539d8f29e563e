"""Programs that must not be able to tell whether a hook is around them: name and text."""

ENDINGS = {
    "passes": "print('done')",
    "nothing": "",
    "only a comment": "# nothing",
    "raises": "def f():\n    raise ValueError('boom')\nf()",
    "divides by zero": "x = 1\n1/0",
    "asserts": "assert 1 == 2, 'no'",
    "message of many lines": "raise ValueError('one\\ntwo')",
    "unprintable": "class E(Exception):\n    def __str__(self): 1/0\nraise E",
    "own exception": "class E(Exception): pass\nraise E(3)",
    "base exception": "class E(BaseException): pass\nraise E(3)",
    "generator exit": "raise GeneratorExit",
    "interrupted": "raise KeyboardInterrupt",
    "interrupted, subclass": "class K(KeyboardInterrupt): pass\nraise K",
    "interrupted by a signal": "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nfor _ in range(10**9): pass",
    "interrupted in finally": "try:\n    raise KeyboardInterrupt\nfinally:\n    print('cleaned')",
    "chained": "try:\n    1/0\nexcept Exception as e:\n    raise KeyError(2)",
    "caused": "try:\n    1/0\nexcept Exception as e:\n    raise KeyError(2) from e",
    "cause suppressed": "try:\n    1/0\nexcept Exception as e:\n    raise KeyError(2) from None",
    "re-raised": "def f():\n    try:\n        1/0\n    except ZeroDivisionError:\n        raise\nf()",
    "from finally": "def f():\n    try:\n        1/0\n    finally:\n        [][1]\nf()",
    "with a note": "e = ValueError(1)\ngetattr(e, 'add_note', print)('note')\nraise e",
    "group": "raise ExceptionGroup('g', [ValueError(1), ExceptionGroup('h', [KeyError(2)])])",
    "old traceback": "try:\n    1/0\nexcept ZeroDivisionError as e:\n    kept = e\nraise kept",
    "in a library": "import json\njson.loads('{')",
    "in a comprehension": "[1/x for x in (1, 0)]",
    "in a class body": "class A:\n    x = 1/0",
    "in a generator": "def g():\n    yield 1\n    1/0\nlist(g())",
    "module not found": "import nosuchmodule",
    "name error": "print(lenght)",
    "deep": "def f(n):\n    return f(n+1)\nf(0)",
    "depth": "def f(n):\n    try:\n        return f(n + 1)\n    except RecursionError:\n        return n\nprint(f(0))",
    "deep in exit": "import sys\ndef f(n):\n    return f(n+1) if n else sys.exit(4)\nf(0)",
    "os._exit": "import os; print('lost', end=''); os._exit(6)",
    "abort": "import os, resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\nos.abort()",
    "terminated": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
    "killed": "import os\nos.kill(os.getpid(), 9)",
    "broken pipe": "import os\nr, w = os.pipe()\nos.close(r)\nos.write(w, b'x')",
    "broken pipe, default": (
        "import os, signal\nsignal.signal(signal.SIGPIPE, signal.SIG_DFL)\nr, w = os.pipe()\nos.close(r)\nos.write(w, b'x')"
    ),
    "execs": "import os\nos.execv('/bin/sh', ['sh', '-c', 'exit 5'])",
    "memory": "raise MemoryError",
    "stop iteration": "next(iter(()))",
}

VALUES = (
    "", "None", "0", "1", "3", "255", "256", "300", "-1", "-256", "2**31", "2**31+5", "2**63-1", "2**63", "-2**63", "-2**70",
    "True", "False", "1.5", "'bad'", "''", "'é\\nf'", "'\\udc80'", "b'x'", "(1, 2)", "[]", "{}", "object", "ValueError(1)",
    "SystemExit(5)", "type('I', (int,), {})(7)",
)  # fmt: skip
EXITS = {
    **{f"sys.exit({value})": f"import sys\nprint('x', end='')\nsys.exit({value})" for value in VALUES},
    "exit()": "exit(5)",
    "quit()": "quit()",
    "raise SystemExit": "raise SystemExit",
    "two arguments": "raise SystemExit(1, 2)",
    "in a function": "import sys\ndef f():\n    sys.exit('from f')\nf()",
    "while handling": "import sys\ntry:\n    1/0\nexcept ZeroDivisionError:\n    sys.exit(3)",
    "changed code": "e = SystemExit(3)\ne.code = 4\nraise e",
    "no code": "class E(SystemExit):\n    code = property()\nraise E(3)",
    "code of its own": "class E(SystemExit):\n    code = property(lambda self: 9)\nraise E(3)",
    "without stderr": "import sys\nsys.stderr = None\nsys.exit('where?')",
    "with stderr closed": "import sys\nsys.stderr.close()\nsys.exit('where?')",
    "with stdout closed": "import sys\nsys.stdout.close()\nsys.exit(3)",
    "with descriptor 1 closed": "import os\nprint('x')\nos.close(1)\nraise SystemExit(3)",
    "with descriptor 2 closed": "import os\nos.close(2)\nraise ValueError",
    "stdout to a full device": "import sys\nsys.stdout = open('/dev/full', 'w')\nprint('x')\nsys.exit(3)",
    "raised, stdout to a full device": "import sys\nsys.stdout = open('/dev/full', 'w')\nprint('x')\n1/0",
    "from a thread": "import sys, threading\nt = threading.Thread(target=sys.exit, args=(3,))\nt.start(); t.join()",
    "from atexit": "import atexit, sys\natexit.register(sys.exit, 3)\n1/0",
    "from a context": "import contextlib, sys\nwith contextlib.suppress(SystemExit):\n    sys.exit(3)\nprint('on')",
    "from a finalizer": "import sys\nclass A:\n    def __del__(self): sys.exit(3)\na = A()\ndel a",
}

HOOKS = {
    "excepthook": "import sys\nsys.excepthook = lambda *a: print('mine', a[0].__name__, a[2].tb_frame.f_code.co_name)\n1/0",
    "excepthook raises": "import sys\ndef mine(*a):\n    raise KeyError('in hook')\nsys.excepthook = mine\n1/0",
    "excepthook exits": "import sys\nsys.excepthook = lambda *a: sys.exit(9)\n1/0",
    "excepthook exits with words": "import sys\nsys.excepthook = lambda *a: sys.exit('words')\n1/0",
    "excepthook exits well": "import sys\nsys.excepthook = lambda *a: sys.exit(0)\n1/0",
    "excepthook calls the other": (
        "import sys\ndef mine(*a):\n    print('before')\n    sys.__excepthook__(*a)\nsys.excepthook = mine\n1/0"
    ),
    "no excepthook": "import sys\ndel sys.excepthook\n1/0",
    "excepthook is None": "import sys\nsys.excepthook = None\n1/0",
    "is the default": "import sys\nprint(sys.excepthook is sys.__excepthook__, sys.excepthook)",
    "restored": "import atexit, sys\natexit.register(lambda: print(sys.excepthook))\n1/0",
    "last": (
        "import atexit, sys, traceback\n"
        "atexit.register(lambda: print(sys.last_type, sys.last_value, traceback.format_tb(sys.last_traceback)))\n1/0"
    ),
    "no last": "import atexit, sys\natexit.register(lambda: print(hasattr(sys, 'last_type')))\nsys.exit(3)",
    "atexit": "import atexit\natexit.register(print, 'bye')\natexit.register(print, 'bye first')\n1/0",
    "atexit raises": "import atexit\natexit.register(lambda: 1/0)\nraise KeyError",
    "atexit after exit": "import atexit, sys\natexit.register(print, 'bye')\nsys.exit(4)",
    "atexit sees": "import atexit\natexit.register(lambda: print(sorted(globals())))",
    "atexit sees after a failure": "import atexit\natexit.register(lambda: print(sorted(globals())))\n1/0",
    "atexit sees after an exit": "import atexit\natexit.register(lambda: print(sorted(globals())))\nraise SystemExit(3)",
    "finalizers": "class A:\n    def __del__(self): print('gone')\ndef f(a):\n    1/0\nkept = A()\nf(A())",
    "finalizers at exit": "import sys\nclass A:\n    def __del__(self): print('gone')\ndef f(a):\n    sys.exit(3)\nf(A())",
    "displayhook": "import sys\nsys.displayhook(5)",
    "unraisable": "class A:\n    def __del__(self): 1/0\nA()",
    "warnings": "import warnings\nwarnings.warn('here')\ndef f(): warnings.warn('there', stacklevel=2)\nf()",
    "compiler's warnings": "x = 1\nif x is 'a': pass\nprint('\\d')",
    "trace": (
        "import sys\nseen = []\nsys.settrace(lambda f, e, a: seen.append((f.f_code.co_name, e)))\n"
        "def f(): pass\nf()\nsys.settrace(None)\nprint(seen)"
    ),
}

NAMES = {
    "names": "print(__name__, __doc__, __spec__, __package__, sorted(globals()))",
    "loader": "print(type(__loader__).__name__, getattr(__loader__, 'name', 0), getattr(__loader__, 'path', 0))",
    "file": "import sys\nprint(globals().get('__file__'), globals().get('__cached__', 0), sys._getframe().f_code.co_filename)",
    "arguments": "import sys\nprint(sys.argv, getattr(sys, 'orig_argv', [0])[1:])",
    "path": "import sys\nprint(sys.path, sys.flags)",
    "modules": "import sys\nprint(sorted(sys.modules))",
    "main": "import sys\nprint(sys.modules['__main__'].__dict__ is globals(), locals() is globals())",
    "builtins": "print(type(__builtins__).__name__)",
    "docstring": "'''About.'''\nprint(__doc__)",
    "annotations": "x: int = 1\nprint(__annotations__)",
    "future": "from __future__ import annotations\nx: Foo = 1\nprint(__annotations__)",
    "future is not ours": "import sys\nprint(sys._getframe().f_code.co_flags)",
    "environment": "import os\nprint(sorted(k for k in os.environ if 'PYTHON' in k or 'HOLDFAST' in k))",
    "executable": "import sys\nprint(sys.executable)",
    "signals": "import signal\nprint([signal.getsignal(n) for n in (1, 2, 13, 15, 17)])",
    "underscore": "try:\n    _\nexcept NameError as e:\n    print(e)",
    "source": "import inspect\ndef f(): pass\ntry:\n    print(inspect.getsource(f))\nexcept OSError as e:\n    print(e)",
    "caught traceback": "import traceback\ntry:\n    1/0\nexcept Exception:\n    traceback.print_exc()",
    "logged": "import logging\nlogging.basicConfig(format='%(filename)s %(lineno)s %(funcName)s')\nlogging.error('x')",
    "pickle": "import pickle\nclass A: pass\nprint(pickle.loads(pickle.dumps(A())).__class__)",
    "named tuple": "import collections\nprint(collections.namedtuple('T', 'a')(1), collections.namedtuple('T', 'a').__module__)",
    "enum": "import enum, sys\nE = enum.Enum('E', 'a b')\nprint(list(E), E.__module__)",
    "threads": "import threading\nprint(threading.current_thread(), threading.enumerate() == [threading.main_thread()])",
    "line continuation": "print(1 + \\\n 2)",
    "trailing backslash": "print(1) \\",
    "no newline in a block": "if 1:\n    print('x')",
    "returns": "print('a\\r\\nb'.encode())",
    "form feed": "\x0cprint(2)",
    "unicode": "print('é✓', ascii('é'))\nnaïve = 1\nprint(naïve)",
    "mark": "\ufeffprint(1)",
    "cookie": "# -*- coding: utf-8 -*-\nprint(ascii('é'))",
    "unknown cookie": "# -*- coding: nosuch -*-\nprint(1)",
}

SYNTAX = {
    f"syntax {number}": text
    for number, text in enumerate(
        (
            "x = (\n", "a b", "x = 1\nfoo bar\n", "if x:\n  a\n b", "x=(1,\n", "def f():\n", "'abc", "'''abc\n", "x = 1\n\tfoo\n",
            "print 'a'", "return 3", "x = '\\N{nosuch}'", "f'{a b}'", "a = 1 ? 2", "nonlocal x", "from __future__ import nope",
            "é = $", "  print(3)", "await x", "def f(a, a): pass", "1 = x", "if 1 is 2: pass\nx x",
        )
    )
}  # fmt: skip

WORK = {
    "input": "print(input('name? '))",
    "no input": "import sys\nprint(sys.stdin.read())\ninput()",
    "closes input": "import sys\nsys.stdin.close()\n1/0",
    "thread fails": (
        "import threading\ndef f(): 1/0\nt = threading.Thread(target=f, name='T')\nt.start(); t.join()\nprint('on')"
    ),
    "thread goes on": (
        "import threading\ngo = threading.Event()\ndef f():\n    go.wait()\n    print('thread')\n"
        "threading.Thread(target=f).start()\nprint('main', flush=True)\ngo.set()\n1/0"
    ),
    "subprocess": "import subprocess\nprint(subprocess.run(['sh', '-c', 'echo out; exit 3'], stdout=-1))",
    "subprocess fails": "import subprocess\nsubprocess.run(['sh', '-c', 'exit 3'], check=True)",
    "os.system": "import os\nprint(os.system('exit 3'))",
    "fork": "import os\nif os.fork() == 0:\n    1/0\nprint(os.wait()[1])",
    "fork exits": "import os, sys\nif os.fork() == 0:\n    sys.exit('child')\nprint(os.wait()[1])",
    "both fail": "import os\nif os.fork():\n    os.wait()\n1/0",
    "multiprocessing": (
        "import multiprocessing as m\nm.set_start_method('fork')\n"
        "p = m.Process(target=print, args=('c',)); p.start(); p.join(); print(p.exitcode)"
    ),
    "multiprocessing fails": (
        "import multiprocessing as m\nm.set_start_method('fork')\n"
        "p = m.Process(target=divmod, args=(1, 0), name='P'); p.start(); p.join(); print(p.exitcode)"
    ),
    "asyncio": "import asyncio\nloop = asyncio.new_event_loop()\nasync def f():\n    await asyncio.sleep(0)\n    return 3\nprint(loop.run_until_complete(f()))",
    "asyncio fails": "import asyncio\nasync def f():\n    1/0\nasyncio.new_event_loop().run_until_complete(f())",
    "dataclass": (
        "try:\n    from dataclasses import dataclass\nexcept ImportError:\n    raise SystemExit\n"
        "@dataclass\nclass P:\n    x: int\nprint(P(3))"
    ),
    "unittest": (
        "import time, unittest\ntime.time = time.perf_counter = lambda: 0\n"
        "class T(unittest.TestCase):\n    def test(self): self.assertEqual(1, 2)\nunittest.main()"
    ),
    "runs another": "import runpy\nrunpy.run_module('this', run_name='x', alter_sys=True)",
    "closes all": "import os\nos.closerange(3, 4096)\n1/0",
    "closes all and opens": "import os\nos.closerange(3, 4096)\nkept = [os.pipe() for _ in range(50)]\nraise SystemExit(7)",
    "opens all": "import os\nkept = []\ntry:\n    while 1: kept.append(os.dup(2))\nexcept OSError: pass\n1/0",
    "low recursion limit": "import sys\nsys.setrecursionlimit(60)\n1/0",
    "prints much": "print('x' * 200000)\n1/0",
    "time limit": "import signal\nsignal.setitimer(signal.ITIMER_REAL, .05)\nsignal.pause()",
    "alarm caught": (
        "import signal\ndef f(*a): raise TimeoutError('late')\nsignal.signal(14, f)\nsignal.setitimer(0, .05)\nsignal.pause()"
    ),
}

SAME = {"endings": ENDINGS, "exits": EXITS, "hooks": HOOKS, "names": NAMES, "syntax": SYNTAX, "work": WORK}

DIFFERENT = {
    # The frame that calls the program can be seen from it.
    "stack": ("import traceback\ntraceback.print_stack()", (0, 0)),
    "frames": ("import inspect\nprint(len(inspect.stack(0)))", (0, 0)),
    "caller": ("import sys\nsys._getframe(1)", (1, 0)),
    "warned of a caller": ("import warnings\nwarnings.warn('here', stacklevel=2)", (0, 0)),
    # It is raised, so that the program comes as deep as bare.
    "recursion limit": ("import sys\nprint(sys.getrecursionlimit())", (0, 0)),
    # The command line is the kernel's, and ours.
    "command line": ("print(open('/proc/self/cmdline').read().count(chr(0)))", (0, 0)),
    # A profiler that is never taken away sees the call return, and the end of our context.
    "profile": ("import sys\nsys.setprofile(lambda f, e, a: print(f.f_code.co_name, e))", (0, 0)),
}
"""Programs that can tell: text, and the codes bare and armed."""

DIFFERENT_FROM_3_12 = {
    # It forgets the error in the word, and comes upon it later.
    "sys.exit of what is no word": (
        "import sys\nclass S:\n    def __str__(self): 1/0\nsys.exit(S())",
        (1, 1),
    ),
}

DIFFERENT_BEFORE_3_12 = {
    # Only what is never handled keeps its raw arguments; handled it is `SystemExit(*arguments)`.
    "sys.exit of a tuple": ("import sys\nsys.exit(())", (1, 0)),
}
