"""A storm: many receivers of every kind, and cancellations everywhere, on real event loops.

Each receiver that blocks gets all messages in order. Each receiver that drops gets all messages
except for the lost messages, and is told their number at the place of the loss.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

import hubs
from anycast import Anycast, Broadcast, ReceiverLaggedError, ReceiverStoppedError, select
from event_loops import BACKENDS
from storm import Survivors

if TYPE_CHECKING:
    from anycast import Receiver

every_backend = pytest.mark.parametrize("backend", BACKENDS.values(), ids=list(BACKENDS))


class Storm(Survivors):
    """A number of receivers with a task for each, two senders, and random cancellations.

    Args:
        random: decides everything.
        receivers: how many.
        messages: how many are sent.
        native: whether tasks are cancelled by `asyncio.Task.cancel`, too.
        batch: how many messages a batch has at most. With large batches, most operations are such.
    """

    def __init__(
        self, random: Random, receivers: int, messages: int, *, native: bool, batch: int = 3
    ) -> None:
        super().__init__(random, native=native)
        self.messages = messages
        self.batch = batch
        limit = random.choice([1, 2, 10]) if batch == 3 else 2 * batch
        self.channel = Broadcast[int](limit=limit, yield_every=random.choice([1, 64]))
        self.receivers = [
            self.channel.new_receiver(
                overflow=random.choice(["block", "drop_oldest"]),
                limit=random.choice([None, 100] if batch > 3 else [None, 1, 3, 100]),
            )
            for _ in range(receivers)
        ]
        self.idle = Anycast[int]().new_receiver()

    async def run(self) -> None:
        """Run until all has been sent and read, and check what each receiver got."""
        async with anyio.create_task_group() as tasks:
            for receiver in self.receivers:
                tasks.start_soon(self._read, receiver)
            tasks.start_soon(self._chaos)
            async with anyio.create_task_group() as sending:
                sending.start_soon(self._send)
            self.channel.close()
        hubs.check(self.channel._core)
        assert self.channel._core.idle

    async def _send(self) -> None:
        sender = self.channel.new_sender()
        to_send = deque(range(self.messages))
        while to_send:
            size = min(self.random.choice([1, 1, self.batch]), len(to_send))
            batch = deque([to_send.popleft() for _ in range(size)])
            while batch:
                way: Any = self.random.choice([sender.send, self._select_send, sender.send_many])
                if way == sender.send_many:
                    await self.survives(way, batch)
                else:
                    argument: Any = batch[0] if way == sender.send else sender.sending(batch[0])
                    if await self.survives(way, argument):
                        batch.popleft()

    async def _select_send(self, operation: Any) -> None:
        (await select(operation, self.idle.receiving())).result()

    async def _read(self, receiver: Receiver[int]) -> None:
        got: list[int] = []
        expected = 0
        ways = [self._receive, self._batch, self._lease, self._fail, self._select]
        ways += [self._batch] * (0 if self.batch == 3 else 20)
        try:
            while True:
                got.clear()
                try:
                    await self.survives(self.random.choice(ways), receiver, got)
                except ReceiverLaggedError as error:
                    expected += error.lost
                for number in got:
                    assert number == expected, "out of order, twice, or a silent gap"
                    expected += 1
        except ReceiverStoppedError:
            assert expected == self.messages, "a message was lost"

    async def _receive(self, receiver: Receiver[int], got: list[int]) -> None:
        got.append(await receiver.receive())
        if not self.random.randrange(5):
            await checkpoint()

    async def _batch(self, receiver: Receiver[int], got: list[int]) -> None:
        got.extend(await receiver.receive_many(self.batch))

    async def _lease(self, receiver: Receiver[int], got: list[int]) -> None:
        async with receiver.lease() as message:
            got.append(message)

    async def _fail(self, receiver: Receiver[int], _: list[int]) -> None:
        with suppress(ZeroDivisionError):
            async with receiver.lease():
                raise ZeroDivisionError

    async def _select(self, receiver: Receiver[int], got: list[int]) -> None:
        got.append((await select(self.idle.receiving(), receiver.receiving())).result())

    async def _chaos(self) -> None:
        try:
            while not self.channel.is_closed:
                await checkpoint()
                for cancel in list(self.cancels):
                    if not self.random.randrange(50):
                        cancel()
        except BaseException:
            self.failed = True  # from now on a cancellation is for good
            raise


@every_backend
def test_storms(backend: tuple[str, dict[str, Any]]) -> None:
    """Every receiver is exact, in a few storms of different kinds."""
    name, options = backend
    cancelled = 0
    for seed in range(10):
        storm = Storm(Random(seed), receivers=8, messages=100, native=name == "asyncio")
        anyio.run(storm.run, backend=name, backend_options=options)
        cancelled += storm.cancelled
    assert cancelled > 100, "that was no storm"


@pytest.mark.slow
@every_backend
def test_a_storm_of_1000_receivers(backend: tuple[str, dict[str, Any]]) -> None:
    """Each receiver gets 10,000 messages, or is told how many messages were lost."""
    name, options = backend
    native = name == "asyncio"
    storm = Storm(Random(1), receivers=1_000, messages=10_000, native=native, batch=50)
    anyio.run(storm.run, backend=name, backend_options=options)
    assert storm.cancelled > 1_000
