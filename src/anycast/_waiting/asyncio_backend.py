"""A task of asyncio that waits in a bare future."""

from __future__ import annotations

import sys
from asyncio import (
    Future,
    InvalidStateError,
    _get_running_loop,  # pyright: ignore[reportPrivateUsage]  asyncio documents it
    current_task,
)
from types import coroutine
from typing import TYPE_CHECKING, Any, ClassVar, cast

from anycast._waiting.late_cancellation import deliver, owed, postpone

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task
    from collections.abc import Awaitable, Callable, Generator

    from anycast._waiting.budget import Budget
    from anycast._waiting.waiter import Binding, Waiter


# Whether ``Future()`` is faster than ``Future(loop=loop)``.
FINDS_LOOP_FASTER = sys.version_info >= (3, 12)
NO_TASK = "no task of asyncio is running"  # e.g. in a callback, or in a task of trio in guest mode


class CountingFuture(Future[Any]):
    """A future that stores how many cancellations of the task were requested before the wait.

    Few tasks have such requests. All the rest wait in a plain future, which is faster.
    """

    def __init__(self, loop: AbstractEventLoop, count: int) -> None:
        super().__init__(loop=loop)
        self.count = count


class AsyncioBackend:
    """The backend of asyncio, and of every event loop that runs asyncio's tasks.

    To cancel a task that waits in a future, asyncio cancels the future at once. The task runs
    later. So the future tells whether the task can still be given a result.
    """

    woken_before: ClassVar[type[Exception]] = InvalidStateError
    can_protect: ClassVar[bool] = False

    @staticmethod
    def new_waiter(binding: Binding) -> Waiter:
        loop = _get_running_loop()
        if loop is None or (task := current_task(loop)) is None:
            return binding.new_waiter_elsewhere(AsyncioBackend)
        if loop is not binding.loop:
            binding.bind(loop)
        if owed:
            deliver(task)
        count = task.cancelling()
        if count:
            return CountingFuture(loop, count)
        waiter: Future[Any] = Future() if FINDS_LOOP_FASTER else Future(loop=loop)
        return waiter

    @staticmethod
    def checkpoint(_: Budget) -> Awaitable[None]:
        if current_task() is None:
            raise RuntimeError(NO_TASK)
        return _checkpoint()

    @staticmethod
    def loop_getter() -> Callable[[], object]:
        return _get_running_loop

    @staticmethod
    def postpone(waiter: Future[Any], error: BaseException) -> None:
        count = waiter.count if isinstance(waiter, CountingFuture) else 0
        postpone(cast("Task[Any]", current_task()), error, count)


@coroutine
def _checkpoint() -> Generator[None, None, None]:
    """Yield as ``asyncio.sleep(0)`` does, with a single generator."""
    yield
