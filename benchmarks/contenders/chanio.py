"""chanio: select for memory object streams of anyio.

It looks whether one is ready; if not, each gets a task of its own, and the first to have a
message cancels the others. A message that another task was handed meanwhile is lost.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

from chanio import Channel, select

from benchmarks.contenders.base import Contender, Receive, Send
from benchmarks.scenarios import SELECTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.clock import Clock
    from benchmarks.contenders.base import Took


class Chanio(Contender[Channel[int], Channel[int]]):
    __slots__ = ("_channel",)

    name = "chanio"
    works = SELECTS

    def __init__(self, limit: float, senders: int = 1, receivers: int = 1) -> None:
        self._channel = Channel[int](sys.maxsize if limit == math.inf else int(limit))
        self.senders = [self._channel] * senders
        self.receivers = [self._channel] * receivers

    @staticmethod
    def send(end: Channel[int]) -> Send:
        return end.send

    @staticmethod
    def receive(end: Channel[int]) -> Receive:
        return end.recv

    @staticmethod
    async def select_all(
        clock: Clock, ends: Sequence[Channel[int]], count: int, took: Took
    ) -> None:
        clock.begin()
        for _ in range(count):
            message, _arm = await select(*ends)
            took(message)
        clock.end()

    async def fill(self, count: int) -> None:
        for message in range(count):
            await self._channel.send(message)

    async def close(self) -> None:
        self._channel.close()
