"""The event loops, and the tasks that a scenario starts on them.

Tasks are the backend's own, and are cancelled in its own way, one by one: a task group of anyio
would cancel a task again as long as it has not ended, for which not every contender is made.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
import uvloop
from anyio.lowlevel import checkpoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from types import TracebackType
    from typing import Self

    Worker = Callable[[], Coroutine[Any, Any, object]]
    Measure = Callable[[Callable[[], "Crew"]], Coroutine[Any, Any, float]]

PATIENCE = 30.0  # seconds until a run counts as stalled


class Crew(AbstractAsyncContextManager["Crew"], ABC):
    """Tasks that all have ended when the block has."""

    event: Callable[[], FutureEvent | trio.Event]
    """Makes what one task can wait for until another sets it."""

    @abstractmethod
    def start(self, worker: Worker) -> None:
        """Start a task; it runs no step before the caller waits."""

    @abstractmethod
    def cancel(self, *, newest_first: bool = False) -> None:
        """Cancel the tasks one by one."""

    async def settle(self) -> None:
        """Let the tasks run until all of them wait."""
        for _ in range(20):
            await checkpoint()


class FutureEvent:
    """As little of an event as asyncio allows: set once, waited for once."""

    def __init__(self) -> None:
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def set(self) -> None:
        """Let the task that waits go on."""
        self._future.set_result(None)

    def wait(self) -> Awaitable[None]:
        """Return what to await."""
        return self._future


class AsyncioCrew(Crew):
    """Tasks of asyncio."""

    event = FutureEvent

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[object]] = []

    def start(self, worker: Worker) -> None:
        self._tasks.append(asyncio.create_task(worker()))

    def cancel(self, *, newest_first: bool = False) -> None:
        for task in reversed(self._tasks) if newest_first else self._tasks:
            task.cancel()

    async def __aexit__(self, *_: object) -> None:
        done, _pending = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            if not task.cancelled():
                task.result()


class TrioCrew(Crew):
    """Tasks of trio, each in a cancel scope."""

    event = trio.Event

    def __init__(self) -> None:
        self._scopes: list[trio.CancelScope] = []
        self._manager = trio.open_nursery()

    async def __aenter__(self) -> Self:
        self._nursery = await self._manager.__aenter__()
        return self

    def start(self, worker: Worker) -> None:
        scope = trio.CancelScope()
        self._scopes.append(scope)
        self._nursery.start_soon(self._run, worker, scope)

    @staticmethod
    async def _run(worker: Worker, scope: trio.CancelScope) -> None:
        with scope:
            await worker()

    def cancel(self, *, newest_first: bool = False) -> None:
        for scope in reversed(self._scopes) if newest_first else self._scopes:
            scope.cancel()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self._manager.__aexit__(exc_type, exc_val, exc_tb)


def run_asyncio(measure: Measure, new_event_loop: Callable[[], asyncio.AbstractEventLoop]) -> float:
    """Measure on a fresh event loop of asyncio's kind."""

    async def main() -> float:
        async with asyncio.timeout(PATIENCE):
            return await measure(AsyncioCrew)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main())


def run_trio(measure: Measure) -> float:
    """Measure on a fresh event loop of trio."""

    async def main() -> float:
        try:
            with trio.fail_after(PATIENCE):
                return await measure(TrioCrew)
        except trio.TooSlowError:
            raise TimeoutError from None

    return trio.run(main)


BACKENDS: dict[str, Callable[[Measure], float]] = {
    "asyncio": partial(run_asyncio, new_event_loop=asyncio.new_event_loop),
    "uvloop": partial(run_asyncio, new_event_loop=uvloop.new_event_loop),
    "trio": run_trio,
}
