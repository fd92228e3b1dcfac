"""asyncio-channel, after Clojure's core.async: `complete_one` is its select.

It takes the first that is ready; if none is, it starts a task for each, which tell it when to
look again.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from asyncio_channel import (  # type: ignore[import-untyped]  # so its channels are Any here
    complete_one,
    create_channel,
    merge,
)

from benchmarks.contenders.base import Contender, Receive, Send
from benchmarks.scenarios import CHOOSING

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Sequence

    from benchmarks.clock import Clock
    from benchmarks.contenders.base import Took


class AsyncioChannel(Contender[Any, Any]):
    __slots__ = ("_channel",)

    name = "asyncio-channel"
    backends = frozenset({"asyncio", "uvloop"})
    works = CHOOSING

    def __init__(self, limit: float, senders: int = 1, receivers: int = 1) -> None:
        self._channel = create_channel(sys.maxsize if limit == math.inf else int(limit))
        self.senders = [self._channel] * senders
        self.receivers = [self._channel] * receivers

    @staticmethod
    def send(end: Any) -> Send:
        put: Send = end.put
        return put

    @staticmethod
    def receive(end: Any) -> Receive:
        take: Receive = end.take
        return take

    @staticmethod
    def send_nowait(end: Any) -> Callable[[int], object]:
        offer: Callable[[int], object] = end.offer
        return offer

    @staticmethod
    async def select_all(clock: Clock, ends: Sequence[Any], count: int, took: Took) -> None:
        clock.begin()
        for _ in range(count):
            message, _end = await complete_one(*ends)
            took(message)
        clock.end()

    @staticmethod
    def merge(ends: Sequence[Any]) -> AsyncIterable[int]:
        merged: AsyncIterable[int] = merge(ends)
        return merged

    @staticmethod
    async def unmerge(merged: Any) -> None:
        merged.close()

    async def close(self) -> None:
        self._channel.close()
