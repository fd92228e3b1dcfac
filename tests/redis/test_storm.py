"""Cancellations at random, a thousand times: no message and no connection is lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from anyio import CancelScope, fail_after, sleep
from anyio.lowlevel import checkpoint

from helpers import task_group
from redis_tools import DEADLINE, channel, stored, until

if TYPE_CHECKING:
    from anycast.redis import RedisAnycast, RedisReceiver
    from servers import Server

pytestmark = pytest.mark.anyio

each_delivery = pytest.mark.parametrize("delivery", ["at-least-once", "at-most-once"])

CANCELLATIONS = 1000
CONNECTIONS = 4  # of a channel: to send, to receive, and to wait for a hint in each direction


class Storm:
    """Tasks that send, receive and lease, each cancelled again and again.

    Args:
        jobs: the channel.
        attempt: performs an operation, and cancels the operation if it takes long; returns whether
            the operation has happened.
    """

    def __init__(self, jobs: RedisAnycast[Any], attempt: Attempt) -> None:
        self.jobs = jobs
        self.attempt = attempt
        self.random = random.Random(7)
        self.cancelled: Counter[str] = Counter()
        self.sent: list[int] = []
        self.came: list[int] = []

    async def cancel_soon(self, cancel: Callable[[], object]) -> None:
        """Cancel after a moment that is at random within a message's way."""
        for _ in range(self.random.randrange(20)):
            await checkpoint()
        await sleep(self.random.random() * 0.001)
        cancel()

    async def send(self, first: int) -> None:
        """Send numbers, one after the other; record the numbers that were sent."""
        sender, numbers = self.jobs.new_sender(), count(first)

        async def send_one() -> None:
            await sender.send(number := next(numbers))
            self.sent.append(number)

        while self.cancelled.total() < CANCELLATIONS:
            cancelled = await self.attempt(self, send_one)
            self.cancelled["send"] += cancelled

    async def receive(self, receiver: RedisReceiver[int]) -> None:
        """Receive or lease, and note what came."""

        async def receive_one() -> None:
            self.came.append(await receiver.receive())

        async def lease_one() -> None:
            async with receiver.lease() as message:
                await sleep(self.random.random() * 0.001)
            self.came.append(message)

        while self.cancelled.total() < CANCELLATIONS:
            how = self.random.choice(["receive", "lease"])
            cancelled = await self.attempt(self, receive_one if how == "receive" else lease_one)
            self.cancelled[how] += cancelled

    async def receive_the_rest(self, receiver: RedisReceiver[int]) -> None:
        """Receive until the channel is closed and empty, and note what came."""
        self.came.extend([message async for message in receiver])


Attempt = Callable[[Storm, Callable[[], Coroutine[Any, Any, None]]], Awaitable[bool]]


async def within_a_scope(storm: Storm, operation: Callable[[], Awaitable[None]]) -> bool:
    """Cancel a scope of anyio."""
    with CancelScope() as scope:
        async with task_group() as tasks:
            tasks.start_soon(storm.cancel_soon, scope.cancel)
            await operation()
            tasks.cancel_scope.cancel()
    return scope.cancelled_caught


async def in_a_task(storm: Storm, operation: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Cancel a task of asyncio, twice."""
    task = asyncio.create_task(operation())

    def cancel_twice() -> None:
        task.cancel()
        task.cancel()

    canceller = asyncio.create_task(storm.cancel_soon(cancel_twice))
    await asyncio.wait([task])
    canceller.cancel()
    return task.cancelled()


async def within_a_timeout(storm: Storm, operation: Callable[[], Awaitable[None]]) -> bool:
    """Let a timeout of asyncio pass."""
    try:
        async with asyncio.timeout(storm.random.random() * 0.002):
            await operation()
    except TimeoutError:
        return True
    return False


async def waiting_for_it(storm: Storm, operation: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Let a timeout of `asyncio.wait_for` pass."""
    try:
        await asyncio.wait_for(operation(), storm.random.random() * 0.002)
    except TimeoutError:
        return True
    return False


async def blow(server: Server, name: str, delivery: str, attempt: Attempt) -> None:
    """Let a storm blow over: what was sent comes, and every connection is closed."""
    before = server.clients()
    with fail_after(DEADLINE):
        options: dict[str, Any] = {"limit": 5, "prefetch": 2, "delivery": delivery}
        async with channel(server, name, max_deliveries=None, **options) as jobs:
            storm = Storm(jobs, attempt)
            receivers = [jobs.new_receiver() for _ in range(3)]
            async with task_group() as tasks:
                for number, receiver in enumerate(receivers):
                    tasks.start_soon(storm.receive, receiver)
                    tasks.start_soon(storm.send, number * 1_000_000)
            async with task_group() as tasks:
                for receiver in receivers:
                    tasks.start_soon(storm.receive_the_rest, receiver)
                await jobs.aclose()
            assert len(server.clients() - before) <= CONNECTIONS
        await until(lambda: not server.clients() - before)
    assert stored(server, name) == 0
    assert storm.sent
    assert min(storm.cancelled[how] for how in ("send", "receive", "lease")) > CANCELLATIONS / 20
    if delivery == "at-least-once":
        assert sorted(storm.came) == sorted(storm.sent)
    else:  # a message on lease whose task was cancelled is lost, by promise
        assert len(storm.came) == len(set(storm.came))
        assert set(storm.came) <= set(storm.sent)


@each_delivery
async def test_a_storm(server: Server, name: str, delivery: str) -> None:
    """A sent message comes once, an unsent message never, and every connection is closed."""
    await blow(server, name, delivery, within_a_scope)


@pytest.mark.asyncio_only
@each_delivery
@pytest.mark.parametrize("attempt", [in_a_task, within_a_timeout, waiting_for_it])
async def test_a_native_storm(server: Server, name: str, delivery: str, attempt: Attempt) -> None:
    """The same holds for the cancellations of asyncio, which strike only their own operation."""
    await blow(server, name, delivery, attempt)
