"""An event loop that needs no thread."""

import asyncio
import socket
from typing import Any


class ThreadlessLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, but names are resolved also where no thread can be started (`--pids-limit`)."""

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        """Resolve in a thread if there can be one, else here."""
        try:
            return await super().getaddrinfo(host, port, **options)
        except RuntimeError:  # "can't start new thread"
            return socket.getaddrinfo(host, port, **options)
