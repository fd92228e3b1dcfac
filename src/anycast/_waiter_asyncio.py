"""A task of asyncio that waits: in a future, and nothing else."""

from __future__ import annotations

import sys
from asyncio import (
    Future,
    InvalidStateError,
    _get_running_loop,  # pyright: ignore[reportPrivateUsage]  its documentation is public
    current_task,
)
from typing import TYPE_CHECKING, Any, ClassVar, cast

from anycast._late import deliver, owed, postpone

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task
    from collections.abc import Awaitable, Callable, Generator

    from anycast._waiter import LoopBinding, Waiter


# Where a future finds the running loop by itself, that is faster than to be told.
FINDS_LOOP_FASTER = sys.version_info >= (3, 12)
NO_TASK = "no task of asyncio is running"  # though its loop is: trio may be its guest


class CountingFuture(Future[Any]):
    """A future that knows how many cancellations its task had been asked for before.

    Few tasks have any; the others wait in a plain future, which is faster.
    """

    def __init__(self, loop: AbstractEventLoop, count: int) -> None:
        super().__init__(loop=loop)
        self.count = count


class Asyncio:
    """The backend of asyncio, and of any other event loop for it.

    A task that waits in a future is cancelled by cancelling the future, at once; the task
    itself finds out later. So a future tells whether its task can still be given anything.
    """

    woken_before: ClassVar[type[Exception]] = InvalidStateError

    @staticmethod
    def new_waiter(binding: LoopBinding) -> Waiter:
        loop = _get_running_loop()
        if loop is None or (task := current_task(loop)) is None:
            return binding.new_waiter_elsewhere(Asyncio)
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
    def checkpoint() -> Awaitable[None]:
        if current_task() is None:
            raise RuntimeError(NO_TASK)
        return _YIELD

    @staticmethod
    def loop_getter() -> Callable[[], object]:
        return _get_running_loop

    @staticmethod
    def postpone(waiter: Future[Any], error: BaseException) -> None:
        count = waiter.count if isinstance(waiter, CountingFuture) else 0
        postpone(cast("Task[Any]", current_task()), error, count)


class _Yield:
    """What ``asyncio.sleep(0)`` does, without a coroutine in a coroutine."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield


_YIELD = _Yield()
