"""The channel of frequenz that this library takes its name and its words from."""

from __future__ import annotations

import math
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from frequenz.channels import Anycast, Receiver, Sender, merge, select, selected_from

from benchmarks.contenders.base import Contender, Receive, Send
from benchmarks.scenarios import Work

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Sequence

    from benchmarks.clock import Clock
    from benchmarks.contenders.base import Took


class Frequenz(Contender[Sender[int], Receiver[int]]):
    __slots__ = ("_channel",)

    name = "frequenz"
    backends = frozenset({"asyncio", "uvloop"})
    cannot = {
        "limit 0": "its buffer of length 0 is always full, so a sender blocks for ever",
        str(Work.BATCHES_NOWAIT): "it has no such operations",
    }

    def __init__(self, limit: float, senders: int = 1, receivers: int = 1) -> None:
        # It takes no infinite limit, but one that no buffer can reach.
        most = sys.maxsize if limit == math.inf else int(limit)
        self._channel = Anycast[int](name="numbers", limit=most)
        self.senders = [self._channel.new_sender() for _ in range(senders)]
        self.receivers = [self._channel.new_receiver() for _ in range(receivers)]

    @staticmethod
    def send(end: Sender[int]) -> Send:
        return end.send

    @staticmethod
    def receive(end: Receiver[int]) -> Receive:
        return end.receive

    @staticmethod
    def iterate(end: Receiver[int]) -> AsyncIterable[int]:
        return end

    @staticmethod
    async def select_all(
        clock: Clock, ends: Sequence[Receiver[int]], count: int, took: Took
    ) -> None:
        selections: Any = select(*ends)  # a generator, though it is not declared as one
        async with aclosing(selections):
            clock.begin()
            async for selected in selections:
                # It wants to be asked, for one receiver after another, until one is the right one.
                for end in ends:
                    if selected_from(selected, end):
                        break
                took(selected.message)
                count -= 1
                if not count:
                    break
            clock.end()

    @staticmethod
    def merge(ends: Sequence[Receiver[int]]) -> AsyncIterable[int]:
        return merge(*ends)

    @staticmethod
    async def unmerge(merged: Any) -> None:
        await merged.stop()

    async def fill(self, count: int) -> None:
        for message in range(count):
            await self.senders[0].send(message)

    async def close(self) -> None:
        await self._channel.aclose()
