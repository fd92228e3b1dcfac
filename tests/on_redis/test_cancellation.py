"""Cancellation of what is under way: it is seen through, and its outcome told."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from anyio import CancelScope, fail_after, sleep
from anyio.lowlevel import checkpoint

from anycast import SenderClosedError, SenderError
from helpers import begin, task_group, watch_yields
from proxies import Proxy
from redis_tools import DEADLINE, channel, stored, until

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from servers import Server

pytestmark = pytest.mark.anyio


@pytest.mark.asyncio_only
async def test_native_cancellation_of_a_send_under_way(server: Server, name: str) -> None:
    """It returns, since its message is sent, and the task is cancelled at its next await."""
    outcome: list[str] = []
    async with Proxy(server.port) as proxy, channel(server, name, url=proxy.url) as jobs:
        proxy.hold()

        async def send() -> None:
            await jobs.new_sender().send(1)
            outcome.append("sent")
            try:
                await asyncio.sleep(DEADLINE)
            except asyncio.CancelledError:
                outcome.append("cancelled")
                raise

        task = asyncio.create_task(send())
        await until(lambda: proxy.held)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        proxy.go_on()
        with suppress(asyncio.CancelledError):
            await task
    assert outcome == ["sent", "cancelled"]
    assert stored(server, name) == 1


async def test_cancelling_a_send_under_way(server: Server, name: str) -> None:
    """It returns, since its message is sent, and the cancellation comes after it."""
    sent = False
    async with Proxy(server.port) as proxy, channel(server, name, url=proxy.url) as jobs:
        proxy.hold()
        async with task_group() as tasks:
            with CancelScope() as scope:
                tasks.start_soon(proxy.cancel_held, scope)
                await jobs.new_sender().send(1)
                sent = True
                await sleep(DEADLINE)
            assert scope.cancelled_caught
    assert sent
    assert stored(server, name) == 1


async def test_cancelling_a_send_that_turns_out_to_be_refused(server: Server, name: str) -> None:
    """The channel was full: it is cancelled, and its message never sent."""
    async with Proxy(server.port) as proxy, channel(server, name, url=proxy.url, limit=1) as jobs:
        sender = jobs.new_sender()
        await sender.send("first")
        proxy.hold()
        async with task_group() as tasks:
            with CancelScope() as scope:
                tasks.start_soon(proxy.cancel_held, scope)
                await sender.send("second")
            assert scope.cancelled_caught
        async with jobs.new_receiver() as receiver:
            assert await receiver.receive() == "first"
        await sender.send("third")
        assert await jobs.new_receiver().receive() == "third"


async def test_a_cancelled_body_leaves_in_good_order(server: Server, name: str) -> None:
    """The message in hand goes back, the process is forgotten, and no error is wrapped."""
    with CancelScope() as scope:
        async with channel(server, name) as jobs:
            await jobs.new_sender().send(1)
            await jobs.new_receiver().receive()
            scope.cancel()
            await sleep(DEADLINE)
    assert scope.cancelled_caught
    async with channel(server, name) as jobs:
        assert await jobs.new_receiver().receive() == 1
    with pytest.raises(SenderError):
        async with channel(server, name) as jobs:
            await jobs.aclose()
            await jobs.new_sender().send(1)


async def test_a_cancelled_close_closes_the_channel_even_so(server: Server, name: str) -> None:
    """The server is told of it, when the channel is left at the latest."""
    with CancelScope() as scope:
        async with channel(server, name) as jobs:
            scope.cancel()
            await jobs.aclose()
    assert scope.cancelled_caught
    async with channel(server, name) as jobs:
        assert jobs.is_closed


async def cancelled_at(at: int, operation: Coroutine[Any, Any, object]) -> bool:
    """Cancel an operation when it yields for a certain time; return whether it did so often."""
    yields = count(1)

    def cancel_when_due() -> None:
        if next(yields) == at:
            scope.cancel()

    with CancelScope() as scope:
        await watch_yields(operation, cancel_when_due)
    return next(yields) > at


@pytest.mark.parametrize("delivery", ["at-least-once", "at-most-once"])
async def test_cancelling_at_every_await(
    server: Server, name: str, delivery: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """From opening to leaving: what was sent is there, once, and no connection is left."""
    before = server.clients()
    sent: list[int] = []
    received: list[int] = []

    async def use(number: int) -> None:
        async with channel(server, name, delivery=delivery, max_deliveries=None) as jobs:
            sender, receiver = jobs.new_sender(), jobs.new_receiver()
            messages = deque([number, number + 1])
            try:
                await sender.send_many(messages)
            finally:
                sent.extend(range(number, number + 2 - len(messages)))
            await sender.send(number + 2)
            sent.append(number + 2)
            async with receiver.lease() as message:
                await checkpoint()
            received.append(message)
            received.append(await receiver.receive())
            with receiver:
                await checkpoint()

    with fail_after(DEADLINE):
        at = 1
        while await cancelled_at(at, use(10 * at)):
            at += 1
        async with channel(server, name, delivery=delivery, max_deliveries=None) as jobs:
            await jobs.aclose()
            received.extend([message async for message in jobs.new_receiver()])
        await until(lambda: not server.clients() - before)
    assert at > 5
    if delivery == "at-least-once":
        assert set(sent) == set(received)
    assert set(received) <= set(sent)
    assert stored(server, name) == 0
    assert not caplog.records


@pytest.mark.parametrize("full", [True, False])
async def test_closing_a_sender_whose_message_is_under_way(
    server: Server, name: str, *, full: bool
) -> None:
    """The send tells what became of it: stored, or not and never."""
    limit = 1 if full else 2
    async with (
        Proxy(server.port) as proxy,
        channel(server, name, url=proxy.url, limit=limit) as jobs,
    ):
        sender = jobs.new_sender()
        await sender.clone().send("first")
        proxy.hold()
        async with task_group() as tasks:
            attempt = await begin(tasks, sender.send, "second")
            await until(lambda: proxy.held)
            sender.close()
            proxy.go_on()
        if full:
            attempt.failure(SenderClosedError)
        assert attempt.outcome == ("failed" if full else "done")
    assert stored(server, name) == limit
