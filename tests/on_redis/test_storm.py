"""Cancellation at random, a thousand times: nothing is lost, and no connection either."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from anyio import CancelScope, fail_after, sleep
from anyio.lowlevel import checkpoint

from helpers import task_group
from redis_tools import DEADLINE, channel, stored, until

if TYPE_CHECKING:
    from anycast.redis import RedisAnycast
    from servers import Server

pytestmark = pytest.mark.anyio

CANCELLATIONS = 1000
CONNECTIONS = 4  # of a channel: to send, to receive, and to wait for hints to do either


class Storm:
    """Tasks that send, receive and lease, each cancelled again and again."""

    def __init__(self, jobs: RedisAnycast[Any]) -> None:
        self.jobs = jobs
        self.random = random.Random(7)
        self.cancelled: Counter[str] = Counter()
        self.sent: list[int] = []
        self.came: list[int] = []

    async def cancel_soon(self, scope: CancelScope) -> None:
        """Cancel after a moment that is at random within a message's way."""
        for _ in range(self.random.randrange(20)):
            await checkpoint()
        await sleep(self.random.random() * 0.001)
        scope.cancel()

    async def send(self, first: int) -> None:
        """Send numbers, one after the other; note which were sent."""
        sender, number = self.jobs.new_sender(), first
        while self.cancelled.total() < CANCELLATIONS:
            with CancelScope() as scope:
                async with task_group() as tasks:
                    tasks.start_soon(self.cancel_soon, scope)
                    await sender.send(number)
                    self.sent.append(number)
                    tasks.cancel_scope.cancel()
            self.cancelled["send"] += scope.cancelled_caught
            number += 1

    async def receive(self) -> None:
        """Receive or lease, and note what came."""
        receiver = self.jobs.new_receiver()
        while self.cancelled.total() < CANCELLATIONS:
            how = self.random.choice(["receive", "lease"])
            with CancelScope() as scope:
                async with task_group() as tasks:
                    tasks.start_soon(self.cancel_soon, scope)
                    if how == "receive":
                        self.came.append(await receiver.receive())
                    else:
                        async with receiver.lease() as message:
                            await sleep(self.random.random() * 0.001)
                        self.came.append(message)
                    tasks.cancel_scope.cancel()
            self.cancelled[how] += scope.cancelled_caught
        self.came.extend([message async for message in receiver])


@pytest.mark.parametrize("delivery", ["at-least-once", "at-most-once"])
async def test_a_storm(server: Server, name: str, delivery: str) -> None:
    """What was sent comes once, what was not never does, and every connection is closed."""
    before = server.clients()
    with fail_after(DEADLINE):
        options: dict[str, Any] = {"limit": 5, "prefetch": 2, "delivery": delivery}
        async with channel(server, name, max_deliveries=None, **options) as jobs:
            storm = Storm(jobs)
            async with task_group() as receivers:
                for _ in range(3):
                    receivers.start_soon(storm.receive)
                async with task_group() as senders:
                    for number in range(3):
                        senders.start_soon(storm.send, number * 1_000_000)
                await jobs.aclose()
            assert len(server.clients() - before) <= CONNECTIONS
        await until(lambda: not server.clients() - before)
    assert stored(server, name) == 0
    assert storm.sent
    assert min(storm.cancelled[how] for how in ("send", "receive", "lease")) > CANCELLATIONS / 20
    if delivery == "at-least-once":
        assert sorted(storm.came) == sorted(storm.sent)
    else:  # one that was leased and cancelled is lost, by promise
        assert len(storm.came) == len(set(storm.came))
        assert set(storm.came) <= set(storm.sent)
