"""A small run of a broadcast channel: every receiver gets every message.

One receiver is fast. Two receivers are slow, and do different things at their limit:

- The *blocking* receiver starts to receive when a sender must wait for this receiver.
- The *dropping* receiver starts to receive when every message was sent. By then this receiver has
  lost its oldest messages, and `ReceiverLaggedError` tells how many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint

from anycast._broadcast.channel import Broadcast
from anycast._demo._options import Plan
from anycast._demo._spoken import SpokenRun
from anycast._interface.errors import ReceiverLaggedError

if TYPE_CHECKING:
    from anycast._interface.receiver import Receiver
    from anycast._interface.sender import Sender

LIMIT = 2
PLAN = Plan(messages=3, senders=1, receivers=3, limit=LIMIT)
HEADINGS = ("sender", "fast", "blocking", "dropping")
FAST, BLOCKING, DROPPING = range(3)  # the numbers of the receivers
EXPLANATION = (
    "Every receiver gets all messages. Two receivers are slow: the blocking one makes the sender"
    " wait; the dropping one loses old messages: ReceiverLaggedError tells."
)


class BroadcastRun(SpokenRun):
    """Sends each message to a fast, a blocking and a dropping receiver, and shows what they get.

    Args:
        backend: where to run; a key of `BACKENDS`.
    """

    def __init__(self, backend: str) -> None:
        super().__init__(backend, PLAN, HEADINGS)
        self._seen: list[list[int]] = [[] for _ in HEADINGS[1:]]  # by the number of the receiver
        self._told = 0  # how many messages `ReceiverLaggedError` told of

    @property
    def lost(self) -> int:
        """How many messages a receiver neither got nor was told of."""
        return sum(self.plan.messages - len({*seen}) for seen in self._seen) - self._told

    @property
    def duplicated(self) -> int:
        """How many times a receiver got a message again."""
        return sum(len(seen) - len({*seen}) for seen in self._seen)

    async def _work(self) -> None:
        news = Broadcast[int](name="news", limit=LIMIT)
        blocking = news.new_receiver()
        dropping = news.new_receiver(overflow="drop_oldest")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._receive_all, FAST, news.new_receiver())
            async with news, anyio.create_task_group() as senders:  # closes the channel at the end
                senders.start_soon(self._send_news, news.new_sender())
                while not news.statistics().tasks_waiting_send:
                    await checkpoint()
                tasks.start_soon(self._receive_all, BLOCKING, blocking)
            await self._receive_with_gaps(dropping)

    async def _send_news(self, sender: Sender[int]) -> None:
        for message in range(self.plan.messages):
            await self._send(sender, message)
            await checkpoint()  # the fast receiver shows what it got

    async def _receive_with_gaps(self, receiver: Receiver[int]) -> None:
        try:
            await self._receive_all(DROPPING, receiver)
        except ReceiverLaggedError as lag:
            self._told += lag.lost
            self._say(self.plan.senders + DROPPING, f"{lag.lost} lost")
            await self._receive_with_gaps(receiver)

    def _count(self, number: int, message: int) -> None:
        super()._count(number, message)
        self._seen[number].append(message)
