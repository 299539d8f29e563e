"""Credit: how many bytes of a stream may still be sent (`PROTOCOL.md` 5)."""

from tunnel.errors import LocalProtocolError, RemoteProtocolError


class SendWindow:
    """What the peer allows this side to send on one stream; never more than `size` bytes at once."""

    __slots__ = ("_size", "available")

    def __init__(self, size: int) -> None:
        self._size = size
        self.available = size

    def __repr__(self) -> str:
        return f"<SendWindow: {self.available} of {self._size}>"

    def take(self, count: int) -> None:
        """Spend credit; LocalProtocolError if there is not so much."""
        if count > self.available:
            raise LocalProtocolError(f"{count} bytes to send, credit for {self.available}")
        self.available -= count

    def add(self, count: int) -> None:
        """Credit came; RemoteProtocolError if the peer allows more than it can hold."""
        if self.available + count > self._size:
            raise RemoteProtocolError(f"credit of {count} bytes more than the window allows")
        self.available += count


class ReceiveWindow:
    """What this side allows the peer to send on one stream.

    Each byte is first allowed, then held (received, not yet taken by the user), then owed (taken, credit not
    yet given); the three sum up to `size`.
    """

    __slots__ = ("_allowed", "_owed", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._allowed = size
        self._owed = 0

    def __repr__(self) -> str:
        return f"<ReceiveWindow: {self._allowed} allowed, {self.held} held, {self._owed} owed>"

    @property
    def held(self) -> int:
        """Bytes received that the application has not taken."""
        return self._size - self._allowed - self._owed

    @property
    def is_due(self) -> bool:
        """A quarter is owed: few frames, and the sender never has to stop for them."""
        return self._owed * 4 >= self._size

    def receive(self, count: int) -> None:
        """Bytes came; RemoteProtocolError if the peer had no credit for them."""
        if count > self._allowed:
            raise RemoteProtocolError(f"{count} bytes received, credit for {self._allowed}")
        self._allowed -= count

    def consume(self, count: int) -> None:
        """Note that the application took bytes; LocalProtocolError if it cannot have had so many."""
        if count > self.held:
            raise LocalProtocolError(f"{count} bytes taken of {self.held}")
        self._owed += count

    def grant(self) -> int:
        """Give the credit that is owed: the bytes to announce."""
        granted, self._owed = self._owed, 0
        self._allowed += granted
        return granted
