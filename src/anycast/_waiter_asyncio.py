"""A task of asyncio that waits."""

from __future__ import annotations

from asyncio import Future, get_running_loop, sleep
from typing import TYPE_CHECKING

from anycast._waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Awaitable


class AsyncioWaiter(Waiter):
    """A task that waits by way of one future after another."""

    __slots__ = ("_future", "loop")

    def __init__(self) -> None:
        self.loop = get_running_loop()
        self._future: Future[None] | None = None

    def wait(self) -> Future[None]:
        """Return what to await until `wake` is called."""
        self._future = future = get_running_loop().create_future()
        return future

    def wake(self) -> bool:
        """Let the task go on; return False if it is being cancelled, or never runs again.

        A task that waits for a future is cancelled by cancelling the future, at once; the
        task itself finds out later.
        """
        future = self._future
        if future is None:
            return True
        if future.done():
            return not future.cancelled()
        try:
            future.set_result(None)
        except RuntimeError:
            if not future.get_loop().is_closed():
                raise
            return False  # it never runs again
        return True

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        return sleep(0)
