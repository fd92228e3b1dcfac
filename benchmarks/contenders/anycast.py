"""Our channel: as it comes, and with a checkpoint in every operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anycast import Anycast, Receiver, Sender
from benchmarks.contenders.base import Contender, Receive, ReceiveMany, Send, SendMany
from benchmarks.scenarios import Work

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable


class Ours(Contender[Sender[int], Receiver[int]]):
    __slots__ = ("_channel",)

    name = "anycast"
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

    async def close(self) -> None:
        self._channel.close()


class OursYielding(Ours):
    __slots__ = ()

    name = "anycast, yield_every=1"
    yields = True
    cannot = {str(Work.BATCHES_NOWAIT): "its peers would yield less often than it does"}
    yield_every = 1
