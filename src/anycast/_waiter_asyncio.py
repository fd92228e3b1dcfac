"""A task of asyncio that waits."""

from __future__ import annotations

from asyncio import Future, current_task, get_running_loop, sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable


class AsyncioWaiter:
    """A task that waits by way of a future."""

    __slots__ = ("event", "loop")

    own_room = 0

    def __init__(self) -> None:
        loop = get_running_loop()
        if current_task(loop) is None:
            raise RuntimeError("no task of asyncio is running")  # but perhaps a guest's of trio
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
            return not event.cancelled()
        try:
            event.set_result(None)
        except RuntimeError:
            if not self.loop.is_closed():
                raise
            return False  # it never runs again
        return True

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        return sleep(0)
