"""How a step is started: with a hook or plain. Pure values; each shell's own file fills them."""

import os

from agent.launched import read_beside

GRACE_SECONDS = 2.0
"""Time for a released interpreter to end by itself, with its own code."""


class Numbers:
    """The numbers of the three descriptors that an armed step inherits."""

    __slots__ = ("answers", "report", "text")

    def __init__(self, report: int, answers: int, text: int) -> None:
        self.report = report
        self.answers = answers
        self.text = text

    def __repr__(self) -> str:
        return f"<Numbers {self.report} {self.answers} {self.text}>"


class Launch:
    """One way to start the step.

    `argv`; the `environment`, whole; `hook`: the text that the interpreter reads from `@TEXT@`, empty without;
    `failed`: what it finds on `@ANSWERS@` once the step has failed, empty without; `armed`: it holds a hook, and may
    report; `grace`: seconds that the interpreter has after its release.
    """

    __slots__ = ("argv", "armed", "environment", "failed", "grace", "hook")

    def __init__(
        self,
        argv: tuple[str, ...],
        environment: dict[str, str],
        *,
        armed: bool = False,
        hook: bytes = b"",
        failed: bytes = b"",
        grace: float = GRACE_SECONDS,
    ) -> None:
        self.argv = argv
        self.environment = environment
        self.armed = armed
        self.hook = hook
        self.failed = failed
        self.grace = grace

    def __repr__(self) -> str:
        return f"<Launch {self.argv[0]}{' armed' if self.armed else ''}>"


def read_hook(name: str, numbers: Numbers) -> str:
    """Return the text of a hook's file in this folder, the descriptors' numbers put in."""
    return fill_in(read_beside(__spec__, name).decode(), numbers)


def fill_in(text: str, numbers: Numbers) -> str:
    """Return a text with the descriptors' numbers in their places."""
    for word in numbers.__slots__:
        text = text.replace(f"@{word.upper()}@", str(getattr(numbers, word)))
    return text


def find(launch: Launch) -> str | None:
    """Return the first path that leads to a program, or seems to; None if there is none."""
    paths = candidates(launch.argv[0], launch.environment)
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def candidates(name: str, environment: dict[str, str]) -> list[str]:
    """Return the paths to try: the name itself if it has a slash, else one for each directory in PATH."""
    if "/" in name:
        return [name]
    folders = environment.get("PATH", os.defpath).split(":") if name else []
    return [f"{folder}/{name}" if folder else name for folder in folders]


def find_program(names: tuple[str, ...], path: str) -> str:
    """Return the first of `names` that is a program in `path` (as in PATH), else the first of all."""
    folders = [folder or "." for folder in path.split(":")]
    return next(
        (name for name in names for folder in folders if os.access(os.path.join(folder, name), os.X_OK)),
        names[0],
    )
