"""A server of the standard library's, in a thread of its own for as long as a block lasts."""

import contextlib
import socketserver
import threading
from collections.abc import Iterator

LOOK_SECONDS = 0.05
"""Between two looks whether it is to end."""


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """Serve in the block; the server is closed by whoever made it."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": LOOK_SECONDS})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
