"""Our channel: as it comes, with a checkpoint in every operation, and without any.

The latter two are held against the peers that yield as often as they do.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from anycast import Anycast, Receiver, Sender, merge, select
from benchmarks.contenders.base import Contender, Receive, ReceiveMany, Send, SendMany
from benchmarks.scenarios import CHOOSING, SELECTS, SHAPED, Scenario, Work

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Sequence

    from benchmarks.clock import Clock
    from benchmarks.contenders.base import Took


class Ours(Contender[Sender[int], Receiver[int]]):
    __slots__ = ("_channel",)

    name = "anycast"
    ours = True
    yield_every = 64  # the default

    def __init__(self, limit: float, senders: int = 1, receivers: int = 1) -> None:
        self._channel = Anycast[int](limit=limit, yield_every=self.yield_every)
        self.senders = [self._channel.new_sender() for _ in range(senders)]
        self.receivers = [self._channel.new_receiver() for _ in range(receivers)]

    @staticmethod
    def send(end: Sender[int]) -> Send:
        return end.send

    @staticmethod
    def receive(end: Receiver[int]) -> Receive:
        return end.receive

    @staticmethod
    def send_nowait(end: Sender[int]) -> Callable[[int], object]:
        return end.send_nowait

    @staticmethod
    def receive_nowait(end: Receiver[int]) -> Callable[[], int]:
        return end.receive_nowait

    @staticmethod
    def iterate(end: Receiver[int]) -> AsyncIterable[int]:
        return end

    @classmethod
    def send_many(cls, end: Sender[int]) -> SendMany:
        return end.send_many

    @classmethod
    def receive_many(cls, end: Receiver[int]) -> ReceiveMany:
        return end.receive_many

    # Batches are what it has instead of loops over the operations that never wait.
    send_many_nowait = send_many
    receive_many_nowait = receive_many

    @staticmethod
    async def select_all(
        clock: Clock, ends: Sequence[Receiver[int]], count: int, took: Took
    ) -> None:
        operations = tuple(end.receiving() for end in ends)
        clock.begin()
        for _ in range(count):
            done = await select(*operations)
            took(done.result())
        clock.end()

    @staticmethod
    def merge(ends: Sequence[Receiver[int]]) -> AsyncIterable[int]:
        return merge(*ends)

    @staticmethod
    async def unmerge(merged: Any) -> None:
        merged.close()

    async def close(self) -> None:
        self._channel.close()


class OursYielding(Ours):
    __slots__ = ()

    name = "anycast/1"
    works = frozenset(Work) - CHOOSING
    yields = True
    cannot = {str(Work.BATCHES_NOWAIT): "its peers would yield less often than it does"}
    yield_every = 1


class OursNeverYielding(Ours):
    __slots__ = ()

    name = "anycast/never"
    works = SHAPED | CHOOSING
    cannot = {"limit 0": "none of the peers that it is held against can do that"}
    yield_every = sys.maxsize


class PlainReceive(Ours):
    """The yardstick for select: the same without."""

    __slots__ = ()

    name = "receive"
    works = SELECTS

    @staticmethod
    async def select_all(
        clock: Clock, ends: Sequence[Receiver[int]], count: int, took: Took
    ) -> None:
        receive = ends[0].receive
        clock.begin()
        for _ in range(count):
            took(await receive())
        clock.end()

    @classmethod
    def can(cls, scenario: Scenario, backend: str) -> bool:
        alone = scenario.arms == 1 or scenario.work is Work.SELECT_READY
        return alone and super().can(scenario, backend)
