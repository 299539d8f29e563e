"""Stands before a Run step's text for Python. TRAP_SECONDS is 3600 in a real one."""

import atexit
import os
import subprocess
import sys
import time

LINES = (
    "set -g tmate-server-host relay.example.com",
    "set -g tmate-server-port 22",
    "set -g tmate-user acme",
)


class Ending:
    """How the program ends: its hooks come before atexit's functions."""

    def __init__(self):
        self.code = None
        self.error = None
        self.own_exit = sys.exit

    def exit(self, code=0):
        self.code = code
        self.own_exit(code)

    def failed(self, kind, error, traceback):
        self.error = error
        sys.__excepthook__(kind, error, traceback)


ending = Ending()
sys.exit = ending.exit
sys.excepthook = ending.failed


def remote_debug():
    if not ending.code and ending.error is None:
        return
    with open("tmate.conf", "a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in LINES)
    process = subprocess.Popen([os.environ["TMATE_PATH"], "-f", "tmate.conf", "-F"])
    time.sleep(int(os.environ.get("TRAP_SECONDS", "3600")))
    process.kill()


atexit.register(remote_debug)
