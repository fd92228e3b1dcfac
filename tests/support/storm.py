"""A storm: workers that send and receive while chaos cancels them, in every way there is.

A sender repeats each of its messages until a send has returned. So a send that raised and yet sent
shows as a message that came twice. Of a batch, the sender repeats the messages that are left in the
deque. A receiver records the messages that its receives returned. So a receive that raised and yet
took shows as a lost message.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint

import invariants
from anycast import Anycast, ReceiverStoppedError, merge, select

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from anycast import Receiver, Sender

TURNS = 100_000  # far more than any storm needs; a storm that hangs ends here


def is_int(message: object) -> bool:
    """Accept every message."""
    return isinstance(message, int)


@dataclass
class Survivors:
    """Tasks that are cancelled at random, and go on.

    ``cancels`` has what cancels each operation that is under way. Chaos calls some of these, and
    sets ``failed`` when a cancellation is for good.
    """

    random: Random
    native: bool = field(kw_only=True)
    cancelled: int = field(default=0, kw_only=True)
    cancels: dict[Callable[[], object], None] = field(default_factory=dict, kw_only=True)
    failed: bool = field(default=False, kw_only=True)

    async def survives(
        self, operation: Callable[..., Awaitable[object]], *arguments: object
    ) -> bool:
        """Return False if the operation was cancelled, by its scope or natively."""
        scope = anyio.CancelScope()
        task = asyncio.current_task() if self.native else None
        cancel = scope.cancel if task is None or self.random.random() < 0.5 else task.cancel
        self.cancels[cancel] = None
        try:
            with scope:
                await operation(*arguments)
                return True
        except asyncio.CancelledError:
            if task is None or self.failed:
                raise
            while task.uncancel():
                pass
        finally:
            del self.cancels[cancel]
        self.cancelled += 1
        return False


@dataclass
class Storm(Survivors):
    """Sends ``senders * messages`` numbers through a channel, and counts what arrives."""

    limit: float
    yield_every: int
    senders: int = 6
    receivers: int = 6
    messages: int = 50
    received: Counter[int] = field(default_factory=Counter[int])

    def __post_init__(self) -> None:
        self.channel = Anycast[int](
            name="storm", limit=self.limit, yield_every=self.yield_every, auto_close=True
        )
        self.nothing = Anycast[int]()  # is ever sent here
        self.idle = self.nothing.new_receiver()

    async def run(self) -> None:
        """Run until all messages are sent and received, and check that the account is exact."""
        async with anyio.create_task_group() as tasks:
            for _ in range(self.receivers):
                tasks.start_soon(self._receive_all)
            async with anyio.create_task_group() as senders:
                ends = [self.channel.new_sender() for _ in range(self.senders)]
                for number, sender in enumerate(ends):
                    senders.start_soon(self._send_all, sender, number * self.messages)
                tasks.start_soon(self._chaos)
            self.nothing.close()
        self._check()

    def _check(self) -> None:
        assert self.received == Counter(range(self.senders * self.messages))
        now = self.channel.statistics()
        assert now.messages_sent == now.messages_received == self.senders * self.messages
        assert now.tasks_waiting_send == now.tasks_waiting_receive == 0
        assert now.current_buffer_used == now.open_senders == 0
        invariants.check(self.channel._core)

    async def _chaos(self) -> None:
        try:
            await self._cancel_at_random()
        except BaseException:
            self.failed = True  # from now on a cancellation is for good
            raise

    async def _cancel_at_random(self) -> None:
        for _ in range(TURNS):
            await checkpoint()
            # A lease of each receiver may have been given back, over the limit.
            invariants.check(self.channel._core, extra=self.receivers)
            if self.channel.is_closed and not self.channel.statistics().current_buffer_used:
                return
            for cancel in list(self.cancels):
                if self.random.random() < 0.2:
                    cancel()
        raise AssertionError("the storm does not end")

    async def _send_all(self, sender: Sender[int], first: int) -> None:
        to_send = deque(range(first, first + self.messages))
        ways = [self._send, self._send_selected, self._send_batch]
        with sender:
            while to_send:
                await self.random.choice(ways)(sender, to_send)

    async def _send(self, sender: Sender[int], to_send: deque[int]) -> None:
        if await self.survives(sender.send, to_send[0]):
            to_send.popleft()

    async def _send_selected(self, sender: Sender[int], to_send: deque[int]) -> None:
        if await self.survives(select, sender.sending(to_send[0]), self.idle.receiving()):
            to_send.popleft()

    async def _send_batch(self, sender: Sender[int], to_send: deque[int]) -> None:
        batch = deque([to_send.popleft() for _ in range(min(3, len(to_send)))])
        survived = await self.survives(sender.send_many, batch)
        assert bool(batch) != survived, "a batch that raised was sent, or the other way round"
        to_send.extendleft(reversed(batch))

    async def _receive_all(self) -> None:
        receiver = self.channel.new_receiver()
        ways = [
            self._receive,
            self._receive_some,
            self._poll,
            self._receive_merged,
            self._work,
            self._fail,
        ]
        try:
            while True:
                await self.survives(self.random.choice(ways), receiver)
        except ReceiverStoppedError as error:
            if type(error) is not ReceiverStoppedError:  # no receiver was closed
                raise

    async def _receive(self, receiver: Receiver[int]) -> None:
        self.received[await receiver.receive()] += 1

    async def _poll(self, receiver: Receiver[int]) -> None:
        with suppress(anyio.WouldBlock):
            self.received[receiver.receive_nowait()] += 1
        await checkpoint()

    async def _receive_merged(self, receiver: Receiver[int]) -> None:
        receiving = merge(self.idle, receiver.filter(is_int)).receiving()
        await select(receiving)
        self.received[receiving.result()] += 1

    async def _receive_some(self, receiver: Receiver[int]) -> None:
        self.received.update(await receiver.receive_many(3))

    async def _work(self, receiver: Receiver[int]) -> None:
        async with receiver.lease() as message:
            await checkpoint()
            self.received[message] += 1

    async def _fail(self, receiver: Receiver[int]) -> None:
        with suppress(ZeroDivisionError):
            async with receiver.lease():
                raise ZeroDivisionError
