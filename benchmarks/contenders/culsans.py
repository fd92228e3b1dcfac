"""culsans, a queue for threads and for tasks; here for tasks alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from culsans import AsyncQueue, AsyncQueueEmpty, AsyncQueueFull, Queue

from benchmarks.contenders.base import (
    NO_ITERATION,
    NO_MERGE,
    NO_RENDEZVOUS,
    NO_SELECT,
    Contender,
    Receive,
    Send,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class Culsans(Contender[AsyncQueue[int], AsyncQueue[int]]):
    __slots__ = ("_queue",)

    name = "culsans"
    full = AsyncQueueFull
    empty = AsyncQueueEmpty
    cannot = NO_RENDEZVOUS | NO_ITERATION | NO_SELECT | NO_MERGE

    def __init__(self, limit: float, senders: int = 1, receivers: int = 1) -> None:
        self._queue = Queue[int](0 if limit == math.inf else int(limit))
        self.senders = [self._queue.async_q] * senders
        self.receivers = [self._queue.async_q] * receivers

    @staticmethod
    def send(end: AsyncQueue[int]) -> Send:
        return end.put

    @staticmethod
    def receive(end: AsyncQueue[int]) -> Receive:
        return end.get

    @staticmethod
    def send_nowait(end: AsyncQueue[int]) -> Callable[[int], object]:
        return end.put_nowait

    @staticmethod
    def receive_nowait(end: AsyncQueue[int]) -> Callable[[], int]:
        return end.get_nowait

    async def close(self) -> None:
        self._queue.shutdown()
