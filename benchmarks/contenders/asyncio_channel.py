"""asyncio-channel, after Clojure's core.async: `complete_one` is its select.

It takes the first that is ready; if none is, it starts a task for each, which tell it when to
look again.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from asyncio_channel import complete_one, create_channel, merge

from benchmarks.contenders.base import Contender, Receive, Send
from benchmarks.scenarios import CHOOSING

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Sequence

    from asyncio_channel import Channel

    from benchmarks.contenders.base import Took
    from benchmarks.loops import Clock


class AsyncioChannel(Contender["Channel", "Channel"]):
    __slots__ = ("_channel",)

    name = "asyncio-channel"
    backends = frozenset({"asyncio", "uvloop"})
    works = CHOOSING

    def __init__(self, limit: float, senders: int = 1, receivers: int = 1) -> None:
        self._channel = create_channel(sys.maxsize if limit == math.inf else int(limit))
        self.senders = [self._channel] * senders
        self.receivers = [self._channel] * receivers

    @staticmethod
    def send(end: Channel) -> Send:
        return end.put

    @staticmethod
    def receive(end: Channel) -> Receive:
        return end.take

    @staticmethod
    def send_nowait(end: Channel) -> Callable[[int], object]:
        return end.offer

    @staticmethod
    async def select_all(clock: Clock, ends: Sequence[Channel], count: int, took: Took) -> None:
        clock.begin()
        for _ in range(count):
            message, _end = await complete_one(*ends)
            took(message)
        clock.end()

    @staticmethod
    def merge(ends: Sequence[Channel]) -> AsyncIterable[int]:
        return merge(ends)

    @staticmethod
    async def unmerge(merged: Any) -> None:
        merged.close()

    async def close(self) -> None:
        self._channel.close()
