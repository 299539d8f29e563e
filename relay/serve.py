"""`relay serve`: the relay as a program, from its first line to the signal that ends it."""

import asyncio
import signal
from collections.abc import Callable

from relay import journal
from relay.app import Running, allow_many_files, running
from relay.config import Config
from tunnel.tuning import provide_user


async def serve(config: Config, ready_fd: int | None, say: Callable[[str], None]) -> None:
    """Run the relay until SIGTERM or SIGINT; tell where it is reached, and on `ready_fd` in JSON.

    Raises StartFailed.
    """
    journal.start()
    allow_many_files()
    provide_user()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with running(config) as relay:
        for line in _addresses(relay, config):
            say(line)
        if ready_fd is not None:
            relay.announce(ready_fd)
        await stopped.wait()


def _addresses(relay: Running, config: Config) -> tuple[str, str, str]:
    ssh = config.public_ssh or relay.ssh
    return (
        f"agents dial {'ws' if config.tls_cert is None else 'wss'}://{relay.http}",
        f"users dial ssh -p {ssh.port} TOKEN:ACCOUNT:SESSION@{ssh.host}",
        f"host key {relay.fingerprint}",
    )
