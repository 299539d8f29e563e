"""Where a failed interpreter writes and reads, and what it may call: all that a question to it may name."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Numbers of the interpreter's own descriptors, and the path of the agent's program."""

    report: int
    answers: int
    agent: str
