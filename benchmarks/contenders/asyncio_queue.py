"""The standard library's queue."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from benchmarks.contenders.base import NO_ITERATION, NO_RENDEZVOUS, Contender, Receive, Send

if TYPE_CHECKING:
    from collections.abc import Callable

Queue = asyncio.Queue[int]


class AsyncioQueue(Contender[Queue, Queue]):
    __slots__ = ("_queue",)

    name = "asyncio.Queue"
    backends = frozenset({"asyncio", "uvloop"})
    full = asyncio.QueueFull
    empty = asyncio.QueueEmpty
    cannot = NO_RENDEZVOUS | NO_ITERATION

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

    async def close(self) -> None:
        queue: Any = self._queue
        if hasattr(queue, "shutdown"):  # since Python 3.13
            queue.shutdown()
