"""A task of asyncio that waits: in a future, and nothing else."""

from __future__ import annotations

from asyncio import Future, current_task, get_running_loop
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

    from anycast._waiter import Home


NO_TASK = "no task of asyncio is running"  # though its loop is: trio may be its guest


class Asyncio:
    """The backend of asyncio, and of any other event loop for it.

    A task that waits in a future is cancelled by cancelling the future, at once; the task
    itself finds out later. So a future tells whether its task can still be promised anything.
    """

    @staticmethod
    def new_waiter(home: Home) -> Future[None]:
        loop = get_running_loop()
        if current_task(loop) is None:
            raise RuntimeError(NO_TASK)
        if loop is not home.loop:
            home.adopt(loop)
        return Future(loop=loop)

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        if current_task() is None:
            raise RuntimeError(NO_TASK)
        return _YIELD


class _Yield:
    """What ``asyncio.sleep(0)`` does, without a coroutine in a coroutine."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield


_YIELD = _Yield()
