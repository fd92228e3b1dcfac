"""A task of asyncio that waits."""

from __future__ import annotations

from asyncio import Future, current_task, get_running_loop
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator


NO_TASK = "no task of asyncio is running"  # though its loop is: trio may be its guest


class AsyncioWaiter:
    """A task that waits by way of a future."""

    __slots__ = ("event", "loop")

    own_room = 0

    def __init__(self) -> None:
        loop = get_running_loop()
        if current_task(loop) is None:
            raise RuntimeError(NO_TASK)
        self.loop = loop
        self.event: Future[None] = loop.create_future()

    def renew(self) -> None:
        self.event = self.loop.create_future()

    def wake(self) -> bool:
        """Let the task go on; return False if it is being cancelled, or never runs again.

        A task that waits for a future is cancelled by cancelling the future, at once; the
        task itself finds out later.
        """
        event = self.event
        if event.done():
            return not (event.cancelled() or self.loop.is_closed())
        try:
            event.set_result(None)
        except RuntimeError:
            if not self.loop.is_closed():
                raise
            return False  # it never runs again
        return True

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
