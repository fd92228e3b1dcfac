"""The standard library's queue; to select is to wait for tasks that each get a message.

That can be done right, by keeping the tasks that did not win for the next round, or as it
is mostly written, by cancelling them and making new ones. Both handle all tasks that have
finished, not one of them: so no message is lost, unless the selecting task is cancelled.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from benchmarks.contenders.base import (
    NO_ITERATION,
    NO_MERGE,
    NO_RENDEZVOUS,
    Contender,
    Receive,
    Send,
)
from benchmarks.scenarios import SELECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.clock import Clock
    from benchmarks.contenders.base import Took

Queue = asyncio.Queue[int]


class AsyncioQueue(Contender[Queue, Queue]):
    __slots__ = ("_queue",)

    name = "asyncio.Queue"
    backends = frozenset({"asyncio", "uvloop"})
    full = asyncio.QueueFull
    empty = asyncio.QueueEmpty
    cannot = NO_RENDEZVOUS | NO_ITERATION | NO_MERGE

    def __init__(self, limit: float, senders: int = 1, receivers: int = 1) -> None:
        self._queue = Queue(0 if limit == math.inf else int(limit))
        self.senders = [self._queue] * senders
        self.receivers = [self._queue] * receivers

    @staticmethod
    def send(end: Queue) -> Send:
        return end.put

    @staticmethod
    def receive(end: Queue) -> Receive:
        return end.get

    @staticmethod
    def send_nowait(end: Queue) -> Callable[[int], object]:
        return end.put_nowait

    @staticmethod
    def receive_nowait(end: Queue) -> Callable[[], int]:
        return end.get_nowait

    @staticmethod
    async def select_all(clock: Clock, ends: Sequence[Queue], count: int, took: Took) -> None:
        clock.begin()
        getting = {asyncio.create_task(end.get()): end for end in ends}
        while count > 0:
            done, _ = await asyncio.wait(getting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                end = getting.pop(task)
                getting[asyncio.create_task(end.get())] = end
                took(task.result())
            count -= len(done)
        clock.end()
        for task in getting:
            task.cancel()

    async def close(self) -> None:
        queue: Any = self._queue
        if hasattr(queue, "shutdown"):  # since Python 3.13
            queue.shutdown()


class AsyncioQueueAnew(AsyncioQueue):
    __slots__ = ()

    name = "Queue, tasks anew"
    works = SELECTS

    @staticmethod
    async def select_all(clock: Clock, ends: Sequence[Queue], count: int, took: Took) -> None:
        clock.begin()
        while count > 0:
            tasks = [asyncio.create_task(end.get()) for end in ends]
            done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            for task in done:
                took(task.result())
            count -= len(done)
        clock.end()
