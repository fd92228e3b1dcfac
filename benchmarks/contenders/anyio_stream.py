"""anyio's memory object stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import WouldBlock, create_memory_object_stream
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from benchmarks.contenders.base import NO_MERGE, NO_SELECT, Contender, Receive, Send

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable


class AnyioStream(Contender[MemoryObjectSendStream[int], MemoryObjectReceiveStream[int]]):
    __slots__ = ()

    name = "anyio"
    yields = True
    full = WouldBlock
    empty = WouldBlock
    cannot = NO_SELECT | NO_MERGE

    def __init__(self, limit: float, senders: int = 1, receivers: int = 1) -> None:
        send, receive = create_memory_object_stream[int](limit)
        self.senders = [send, *(send.clone() for _ in range(senders - 1))]
        self.receivers = [receive, *(receive.clone() for _ in range(receivers - 1))]

    @staticmethod
    def send(end: MemoryObjectSendStream[int]) -> Send:
        return end.send

    @staticmethod
    def receive(end: MemoryObjectReceiveStream[int]) -> Receive:
        return end.receive

    @staticmethod
    def send_nowait(end: MemoryObjectSendStream[int]) -> Callable[[int], object]:
        return end.send_nowait

    @staticmethod
    def receive_nowait(end: MemoryObjectReceiveStream[int]) -> Callable[[], int]:
        return end.receive_nowait

    @staticmethod
    def iterate(end: MemoryObjectReceiveStream[int]) -> AsyncIterable[int]:
        return end

    async def close(self) -> None:
        for sender in self.senders:
            sender.close()
        for receiver in self.receivers:
            receiver.close()
