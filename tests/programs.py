"""Small programs that send and receive, and the account of what they did.

The same programs run by hand, through every schedule, and on real event loops.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import invariants
from anycast import Anycast, Error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

OPERATIONS = "smrblf"


class WorkFailed(Exception):  # noqa: N818  it is what happens, not an error of ours
    """What a block with a lease raises."""


class Outgoing(deque[int]):
    """Messages to send, which notes those that are taken out to be sent."""

    def __init__(self, messages: list[int], sent: list[int]) -> None:
        super().__init__(messages)
        self._sent = sent

    def popleft(self) -> int:
        message = super().popleft()
        self._sent.append(message)
        return message


class Program:
    """A channel, and tasks that each follow a script of one letter per operation.

    ``s`` sends, ``m`` sends two out of a deque, ``r`` receives, ``b`` receives up to two,
    ``l`` works on a lease, ``f`` fails with a lease.
    """

    def __init__(
        self, limit: float, yield_every: int, checkpoint: Callable[[], Awaitable[None]]
    ) -> None:
        self.channel = Anycast[int](limit=limit, yield_every=yield_every)
        self.checkpoint = checkpoint
        self.sent: list[int] = []
        self.received: list[int] = []
        self.sends = 0
        self.receives = 0
        self.reorders = False
        self._messages = 0
        self._sender = self.channel.new_sender()
        self._receiver = self.channel.new_receiver()
        self.endings: list[Callable[[], object]] = [
            self.channel.close,
            self._sender.close,
            self._receiver.close,
        ]

    async def run(self, script: str) -> None:
        """Do the operations of one task, until one finds the channel or its end closed."""
        with suppress(Error):
            for operation in script:
                await getattr(self, f"_{operation}")()

    def check(self) -> None:
        """Check, when all tasks have ended, that each message is accounted for."""
        core = self.channel._core
        invariants.check(core)
        assert not core.senders
        assert not core.receivers
        assert not core.leases
        everything = [*self.received, *core.buffer]
        assert sorted(everything) == sorted(self.sent)
        assert self.reorders or everything == self.sent

    def _message(self) -> int:
        self._messages += 1
        return self._messages

    async def _s(self) -> None:
        message = self._message()
        await self._sender.send(message)
        self.sent.append(message)
        self.sends += 1

    async def _m(self) -> None:
        await self._sender.send_many(Outgoing([self._message(), self._message()], self.sent))

    async def _r(self) -> None:
        self.received.append(await self._receiver.receive())
        self.receives += 1

    async def _b(self) -> None:
        self.received += await self._receiver.receive_many(2)
        self.receives += 1

    async def _l(self) -> None:
        self.reorders = True  # a message is noted when its work is done, or comes back
        async with self._receiver.lease() as message:
            self.receives += 1
            await self.checkpoint()
            self.received.append(message)

    async def _f(self) -> None:
        self.reorders = True
        with suppress(WorkFailed):
            async with self._receiver.lease():
                self.receives += 1
                await self.checkpoint()
                raise WorkFailed
