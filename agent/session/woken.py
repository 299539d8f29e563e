"""The session process of the keeper in C, once a session opens: it slept as C, and is Python from here on.

The process is the same one, so its pid, its session, its descriptors and the kernel's word of the keeper's death
are, too. That word is blocked until the guard stands: a keeper that dies meanwhile is not missed.
"""

import os

from agent import config, descriptors, kernel, link
from agent.keeper import pipes, secrets, signals
from agent.keeper.hooks.launch import Numbers
from agent.session import asleep, guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_NONE = -1
"""In place of a descriptor that there is not."""


class Words:
    """What `packaging/launcher/keeper/asleep.c` tells on the command line, in this order; -1: there is none.

    `link`, `reports`, `answers` and `token` are descriptors; the three numbers are the step's own; `inode`: of the
    reports' pipe. Behind `--` stands what followed `agent run`.
    """

    __slots__ = (
        "answers",
        "answers_number",
        "arguments",
        "inode",
        "link",
        "report_number",
        "reports",
        "state",
        "step",
        "text_number",
        "token",
    )

    def __init__(self, words: list[str]) -> None:
        (
            self.link,
            self.reports,
            self.answers,
            self.report_number,
            self.answers_number,
            self.text_number,
            self.inode,
            self.token,
            self.step,
        ) = map(int, words[:9])
        self.state = asleep.parse_state(*words[9:12])
        self.arguments = words[13:]

    def __repr__(self) -> str:
        return f"<Words link={self.link} step={self.step} {self.state}>"


def main(words: list[str]) -> "NoReturn":
    """Serve the session to its end."""
    kernel.hide_memory()  # an exec has undone it
    try:
        descriptors.occupy_standard()
        given = Words(words)
        end = link.inherited(given.link)
        ends = _pipes(given)
        for descriptor in {given.link, given.reports, given.answers} - {_NONE}:
            os.set_inheritable(descriptor, False)
        if given.step:
            guard.watch_step(given.step)
        guard.stand(end, ends.inode if ends else None)
        signals.unblock_all()
        token = _token(given.token, end)
        configuration = config.read_again(given.arguments, secrets.arrived(), token)
        asleep.wake(end, configuration, given.state, ends)
    except BaseException as error:  # noqa: BLE001  (the last frame of this process: nothing may pass it)
        asleep.fail(error)
    guard.stay()


def _pipes(given: Words) -> pipes.Pipes | None:
    if given.reports == _NONE:
        return None
    numbers = [given.report_number, given.answers_number, given.text_number]
    assert len(numbers) == len(Numbers.__slots__)
    return pipes.inherited(given.reports, given.answers, [number for number in numbers if number != _NONE])


def _token(descriptor: int, end: link.Link) -> str | None:
    """Read the token from its pipe, into which the keeper writes it now that nobody else can look there.

    A keeper that is gone has closed it; the guard knows.
    """
    if descriptor == _NONE:
        return None
    end.send("hidden")
    with open(descriptor, encoding="ascii") as file:
        return file.read()
