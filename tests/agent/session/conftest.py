"""What the session's tests share: listeners that write down what they are told."""

import asyncio
from collections.abc import Callable

import pytest


class Audience:
    """A terminal's viewer and a command's caller, that keeps everything."""

    def __init__(self) -> None:
        self.shown = bytearray()
        self.errors = bytearray()
        self.congestion: list[bool] = []
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.writable = True
        self._news = asyncio.Event()

    def show(self, data: bytes) -> None:
        self.shown += data
        self._news.set()

    output = show

    def error_output(self, data: bytes) -> None:
        self.errors += data

    def input_congested(self, congested: bool) -> None:
        self.congestion.append(congested)
        self._news.set()

    def terminal_ended(self, status: int) -> None:
        self.status.set_result(status)

    command_ended = terminal_ended

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something that was told makes it true."""
        async with asyncio.timeout(20):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def ended(self) -> int:
        async with asyncio.timeout(20):
            return await self.status


@pytest.fixture
async def audience() -> Audience:
    return Audience()


@pytest.fixture
def another_audience() -> type[Audience]:
    return Audience
