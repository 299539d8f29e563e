"""How much is measured, in one place."""

from dataclasses import dataclass

TEXT_MB = 50
"""Of text to the terminal, in millions of bytes: the size in the README's table."""


@dataclass(frozen=True)
class Scale:
    """Per round and peer. The peers take turns in each round, so that noise of the machine hits all alike."""

    rounds: int
    openings: int
    logins: int
    echoes: int
    flood_seconds: float
    transfer_mb: int


FULL = Scale(rounds=5, openings=2, logins=3, echoes=40, flood_seconds=2.0, transfer_mb=200)
QUICK = Scale(rounds=1, openings=1, logins=2, echoes=40, flood_seconds=1.0, transfer_mb=100)
