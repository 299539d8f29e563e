"""A log that takes nothing for a while loses no line, and holds nothing up."""

import asyncio
import os

import pytest

from agent.session.log import QUEUE_BYTES, Log


class Pipe:
    """A pipe as a build's log, which is read when the test says so."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()

    def fill(self) -> int:
        os.set_blocking(self.writing, False)
        count = 0
        try:
            while True:
                count += os.write(self.writing, b"." * 4096)
        except BlockingIOError:
            os.set_blocking(self.writing, True)
            return count

    def read(self) -> bytes:
        os.set_blocking(self.reading, False)
        found = b""
        try:
            while data := os.read(self.reading, 65536):
                found += data
        except BlockingIOError:
            pass
        return found

    def close(self) -> None:
        os.close(self.reading)
        os.close(self.writing)


@pytest.fixture
def pipe():
    made = Pipe()
    yield made
    made.close()


async def test_lines_go_out_at_once(pipe):
    log = Log(pipe.writing)
    log.say("the session is open")
    log.show("ssh -p 1 id@host")
    assert pipe.read() == b"holdfast: the session is open\nssh -p 1 id@host\n"


async def test_lines_wait_for_room_in_order(pipe):
    log = Log(pipe.writing)
    filled = pipe.fill()
    lines = [f"line {number}" for number in range(5000)]
    for line in lines:
        log.show(line)
    flushing = asyncio.create_task(log.flush(20))
    found = b""
    while not flushing.done():
        found += pipe.read()
        await asyncio.sleep(0)
    found += pipe.read()
    assert found[filled:].decode().splitlines() == lines
    log.show("and on")
    assert pipe.read() == b"and on\n"


async def test_the_oldest_lines_are_kept(pipe):
    log = Log(pipe.writing)
    filled = pipe.fill()
    log.show("how to log in")
    for _ in range(2 * QUEUE_BYTES // 1000):
        log.show("x" * 999)
    flushing = asyncio.create_task(log.flush(20))
    found = b""
    while not flushing.done():
        found += pipe.read()
        await asyncio.sleep(0)
    found += pipe.read()
    assert found[filled:].startswith(b"how to log in\n")
    assert len(found) - filled <= QUEUE_BYTES


async def test_the_end_does_not_wait_for_a_log_that_nobody_reads(pipe):
    log = Log(pipe.writing)
    filled = pipe.fill()
    log.show("lost")
    await log.flush(0)
    assert len(pipe.read()) == filled
    await log.flush(20)


async def test_a_reader_that_leaves_ends_the_wait(pipe):
    log = Log(pipe.writing)
    pipe.fill()
    log.show("lost")
    os.close(pipe.reading)
    await log.flush(20)
    pipe.reading = os.open(os.devnull, os.O_RDONLY)  # for the fixture to close


async def test_files_and_no_log_at_all(tmp_path):
    file = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    log = Log(file)
    log.show("a line")
    await log.flush(20)
    os.close(file)
    assert (tmp_path / "log").read_bytes() == b"a line\n"
    log.show("nobody hears")
    await log.flush(20)
