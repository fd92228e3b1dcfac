"""trio's memory channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio import MemoryReceiveChannel, MemorySendChannel, WouldBlock, open_memory_channel

from benchmarks.contenders.base import NO_MERGE, NO_SELECT, Contender, Receive, Send

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable


class TrioChannel(Contender[MemorySendChannel[int], MemoryReceiveChannel[int]]):
    __slots__ = ()

    name = "trio"
    yields = True
    full = WouldBlock
    empty = WouldBlock
    backends = frozenset({"trio"})
    cannot = NO_SELECT | NO_MERGE

    def __init__(self, limit: float, senders: int = 1, receivers: int = 1) -> None:
        send, receive = open_memory_channel[int](limit)
        self.senders = [send, *(send.clone() for _ in range(senders - 1))]
        self.receivers = [receive, *(receive.clone() for _ in range(receivers - 1))]

    @staticmethod
    def send(end: MemorySendChannel[int]) -> Send:
        return end.send

    @staticmethod
    def receive(end: MemoryReceiveChannel[int]) -> Receive:
        return end.receive

    @staticmethod
    def send_nowait(end: MemorySendChannel[int]) -> Callable[[int], object]:
        return end.send_nowait

    @staticmethod
    def receive_nowait(end: MemoryReceiveChannel[int]) -> Callable[[], int]:
        return end.receive_nowait

    @staticmethod
    def iterate(end: MemoryReceiveChannel[int]) -> AsyncIterable[int]:
        return end

    async def close(self) -> None:
        for sender in self.senders:
            sender.close()
        for receiver in self.receivers:
            receiver.close()
