"""The event loop where the machine gives it no threads, and what it says of faults."""

import asyncio
import threading

import pytest

from agent.session.loop import OncePerKind, ThreadlessLoop


def no_thread(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_names_are_resolved_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", no_thread)

    async def resolve() -> list[tuple[object, ...]]:
        return await asyncio.get_running_loop().getaddrinfo("localhost", 80)

    with asyncio.Runner(loop_factory=ThreadlessLoop) as runner:
        assert runner.run(resolve())


def test_no_thread_stays_when_its_work_is_done() -> None:
    """Each takes the place of a process, of which a container may have no other left."""

    async def resolve() -> list[threading.Thread]:
        before = set(threading.enumerate())
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        stayed = [thread for thread in threading.enumerate() if thread not in before]
        for thread in stayed:
            thread.join(5)
        return [thread for thread in stayed if thread.is_alive()]

    with asyncio.Runner(loop_factory=ThreadlessLoop) as runner:
        assert not runner.run(resolve())


def test_what_fails_without_a_thread_fails_as_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", no_thread)

    async def resolve() -> None:
        with pytest.raises(OSError, match="nowhere"):
            await asyncio.get_running_loop().run_in_executor(None, open, "/nowhere")

    with asyncio.Runner(loop_factory=ThreadlessLoop) as runner:
        runner.run(resolve())


def test_a_fault_is_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    handler = OncePerKind()
    loop = asyncio.new_event_loop()
    for error in (ValueError("a"), ValueError("b"), KeyError("c")):
        handler(loop, {"message": "callback failed", "exception": error})
    loop.close()
    lines = capfd.readouterr().err.splitlines()
    assert [line.partition("failed: ")[2] for line in lines] == ["ValueError('a')", "KeyError('c')"]
