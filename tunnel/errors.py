"""What can go wrong in a tunnel.

TunnelError
├── LocalProtocolError     we misused the tunnel: a bug on this side
├── RemoteProtocolError    the peer broke the protocol: what it sends is not trusted any more
├── TunnelRefused          the peer said no, in the handshake
├── TunnelLost             the WebSocket was lost or silent before the handshake ended: worth a retry
├── TunnelFull             no room for one more stream or message now
└── TunnelClosed           the tunnel was closed for good, by either side
"""


class TunnelError(Exception):
    """The base of all errors of this package."""


class LocalProtocolError(TunnelError):
    """This side asked for something that the protocol does not allow."""


class RemoteProtocolError(TunnelError):
    """The peer sent something that the protocol does not allow."""


class TunnelRefused(TunnelError):
    """The peer refused the tunnel.

    `code` is one of `tunnel.messages.REFUSALS`; `reason` is a sentence for people.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{reason} ({code})")
        self.code = code
        self.reason = reason


class TunnelLost(TunnelError):
    """The WebSocket went away, or stayed silent, before the handshake ended."""


class TunnelFull(TunnelError):
    """The tunnel carries as many streams, or holds as many unsent messages, as it may."""


class TunnelClosed(TunnelError):
    """The tunnel was closed for good."""
