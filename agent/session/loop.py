"""An event loop that works where no thread can be started (`--pids-limit`)."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from agent.output import say


class ThreadlessLoop(asyncio.SelectorEventLoop):
    """asyncio's loop; what it would do in a thread it does itself where there can be none.

    That is looking up names, and asyncssh's reading of its options.
    """

    def run_in_executor(  # type: ignore[override]  # typeshed wants TypeVarTuples for the same
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run `func` in a thread of its own, or here and now.

        asyncio would keep the thread for the next call: in a container without room it sat on the last process that a
        login's shell could have been.
        """
        passing = executor or ThreadPoolExecutor(max_workers=1)
        try:
            return super().run_in_executor(passing, func, *args)
        except RuntimeError:  # "can't start new thread"
            return self._run_here(func, *args)
        finally:
            if executor is None:
                passing.shutdown(wait=False)

    def _run_here(self, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except (OSError, ValueError, socket.gaierror) as error:
            future.set_exception(error)
        return future


class OncePerKind:
    """An exception handler for the loop: one line for each kind of trouble.

    asyncio's own writes a traceback each time, and a build log is no place for thousands of them.
    """

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Say what happened, the first time."""
        error = context.get("exception")
        kind = f"{context.get('message', '')} ({type(error).__name__})"
        if kind not in self._said:
            self._said.add(kind)
            say(f"a fault in the session, which goes on: {context.get('message', '')}: {error!r}")
