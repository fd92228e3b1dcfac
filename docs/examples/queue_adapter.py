"""A queue with the methods of `asyncio.Queue`, on a channel."""

from __future__ import annotations

import asyncio
import math
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from anyio import WouldBlock

from anycast import Anycast, ReceiverStoppedError, SenderError

if TYPE_CHECKING:
    from collections.abc import Generator

if sys.version_info >= (3, 13):
    from asyncio import QueueShutDown
else:

    class QueueShutDown(Exception):
        """The queue was shut down."""


T = TypeVar("T")


class Queue(Generic[T]):
    """A channel that is used as an `asyncio.Queue`.

    Args:
        maxsize: how many items are stored at most; 0 or less for any number.
    """

    def __init__(self, maxsize: int = 0) -> None:
        self.maxsize = maxsize
        self._channel = Anycast[T](limit=maxsize if maxsize > 0 else math.inf)
        self._sender = self._channel.new_sender()
        self._receiver = self._channel.new_receiver()
        self._unfinished = 0  # items that were put, or are being put, without a `task_done`
        self._finished = asyncio.Event()
        self._finished.set()

    def qsize(self) -> int:
        """Return how many items are stored."""
        return self._channel.statistics().current_buffer_used

    def empty(self) -> bool:
        """Return whether no item is stored."""
        return self.qsize() == 0

    def full(self) -> bool:
        """Return whether `maxsize` items are stored."""
        return 0 < self.maxsize <= self.qsize()

    async def put(self, item: T) -> None:
        """Put an item; wait while the queue is full."""
        with self._putting():
            await self._sender.send(item)

    def put_nowait(self, item: T) -> None:
        """Put an item, or raise `asyncio.QueueFull`."""
        with self._putting():
            self._sender.send_nowait(item)

    async def get(self) -> T:
        """Get the oldest item; wait while the queue is empty."""
        with self._getting():
            return await self._receiver.receive()

    def get_nowait(self) -> T:
        """Get the oldest item, or raise `asyncio.QueueEmpty`."""
        with self._getting():
            return self._receiver.receive_nowait()

    def task_done(self) -> None:
        """Say that the work on an item is done."""
        if not self._unfinished:
            raise ValueError("task_done() called too many times")
        self._unfinished -= 1
        if not self._unfinished:
            self._finished.set()

    async def join(self) -> None:
        """Wait until the work on every item is done."""
        await self._finished.wait()

    def shutdown(self, immediate: bool = False) -> None:
        """Let every further `put` raise, and `get` when the queue is empty, or at once."""
        self._channel.close()
        while immediate and not self.empty():
            self.get_nowait()
            self.task_done()

    @contextmanager
    def _putting(self) -> Generator[None]:
        self._unfinished += 1  # first: a task may get the item, and be done, before `send` returns
        self._finished.clear()
        try:
            yield
        except BaseException as error:
            self.task_done()
            if isinstance(error, WouldBlock):
                raise asyncio.QueueFull from None
            if isinstance(error, SenderError):
                raise QueueShutDown from None
            raise

    @contextmanager
    def _getting(self) -> Generator[None]:
        try:
            yield
        except WouldBlock:
            raise asyncio.QueueEmpty from None
        except ReceiverStoppedError:
            raise QueueShutDown from None


async def work(queue: Queue[int], done: list[int]) -> None:
    """Work on items for ever."""
    while True:
        number = await queue.get()
        done.append(number)
        queue.task_done()


async def main() -> None:
    """Put six items, and wait until all are done."""
    queue, done = Queue[int](maxsize=2), list[int]()
    async with asyncio.TaskGroup() as tasks:
        workers = [tasks.create_task(work(queue, done)) for _ in range(3)]
        for number in range(6):
            await queue.put(number)
        await queue.join()
        for worker in workers:
            worker.cancel()
    print(sorted(done))


if __name__ == "__main__":
    asyncio.run(main())
