"""What a tunnel knows of the WebSocket that carries it now."""

import asyncio

from tunnel.errors import RemoteProtocolError
from tunnel.websocket import WebSocket


class Attachment:
    """One WebSocket while the tunnel is attached to it."""

    def __init__(self, ws: WebSocket) -> None:
        self.ws = ws
        self.is_carried = False
        self.is_flush_due = False
        """What there is to send will be sent soon; no need to ask again."""
        self.must_wait = asyncio.Event()
        """Sending has to wait for the network, or is over."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(self, error: RemoteProtocolError | None = None) -> None:
        """Let `carry` return, or raise."""
        if self.ended.done():
            return
        if error:
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)
