"""Cancellation of what is under way: it is seen through, and its outcome told."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from anyio import CancelScope, sleep
from anyio.lowlevel import checkpoint

from anycast import SenderClosedError, SenderError
from helpers import begin, task_group
from proxies import Proxy
from redis_tools import DEADLINE, channel, stored, until

if TYPE_CHECKING:
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

            async def cancel() -> None:
                await until(lambda: proxy.held)
                scope.cancel()
                await checkpoint()
                proxy.go_on()

            with CancelScope() as scope:
                tasks.start_soon(cancel)
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

            async def cancel() -> None:
                await until(lambda: proxy.held)
                scope.cancel()
                await checkpoint()
                proxy.go_on()

            with CancelScope() as scope:
                tasks.start_soon(cancel)
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
