"""The prompt inside a failed shell, in a real one."""

import pexpect
import pytest

from agent.session.inspect.interpreter import LEAVE
from agent.session.inspect.place import Place
from agent.session.inspect.shell import PROMPT, prompt

SHELLS = {"bash": ["bash"], "bash as sh": ["bash", "--posix"], "dash": ["dash"], "busybox": ["busybox", "sh"]}
STANDARD_OUTPUT = 1


@pytest.mark.parametrize("name", SHELLS)
def test_it_is_left_when_the_hold_ends(name):
    program, *options = SHELLS[name]
    text = prompt(Place(STANDARD_OUTPUT, 0, "/addon/agent"), "/dev/tty")
    shell = pexpect.spawn(program, [*options, "-c", text], timeout=20)
    shell.expect_exact(PROMPT)
    shell.send(LEAVE)
    shell.expect_exact("left=")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 0
