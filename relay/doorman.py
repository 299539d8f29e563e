"""How many SSH connections there may be: in all, unauthenticated ones, and of those from one address."""

from collections import Counter
from dataclasses import dataclass

CONNECTION_LIMIT = 2500
"""SSH connections on a node: upterm's public relays' hard limit for a 256 MB machine."""

STRANGER_LIMIT = 200
"""Connections that are not authenticated yet. Each costs a key exchange and at most 20 s of waiting."""

ADDRESS_LIMIT = 50
"""Strangers from one address, so that it cannot keep others out; an office behind one comes nowhere near."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The three bounds."""

    connections: int = CONNECTION_LIMIT
    strangers: int = STRANGER_LIMIT
    strangers_per_address: int = ADDRESS_LIMIT


class Doorman:
    """Counts who is in. Each `enter` that returned True is followed by one `leave`."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._connections = 0
        self._strangers: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<Doorman {self._connections} in, {self._strangers.total()} of them strangers>"

    def enter(self, address: str) -> bool:
        """Let a connection in as a stranger, or not."""
        limits = self._limits
        if (
            self._connections >= limits.connections
            or self._strangers.total() >= limits.strangers
            or self._strangers[address] >= limits.strangers_per_address
        ):
            return False
        self._connections += 1
        self._strangers[address] += 1
        return True

    def recognise(self, address: str) -> None:
        """Stop counting a stranger as one: it has authenticated."""
        self._strangers[address] -= 1
        if not self._strangers[address]:
            del self._strangers[address]

    def leave(self, address: str, *, recognised: bool) -> None:
        """Let a connection out."""
        self._connections -= 1
        if not recognised:
            self.recognise(address)
