"""Many messages at once: ``receive_many``."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial

import pytest

from anycast import Anycast, ReceiverStoppedError, Sender
from helpers import begin, drain, settle, task_group, waiting

pytestmark = pytest.mark.anyio


async def test_receiving_what_is_there() -> None:
    """It takes as many as there are and as were asked for, oldest first."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    await channel.new_sender().send_many(range(5))
    assert await receiver.receive_many(3) == [0, 1, 2]
    assert await receiver.receive_many(3) == [3, 4]


async def test_receiving_many_waits_for_one() -> None:
    """It waits for the first message, then takes what has come until it runs."""
    channel = Anycast[int](limit=2)
    sender = channel.new_sender()
    async with task_group() as tasks:
        receiving = await begin(tasks, channel.new_receiver().receive_many, 10)
        for number in range(3):
            sender.send_nowait(number)
    assert receiving.result == [0, 1, 2]


async def test_receiving_many_takes_nothing_promised_to_others() -> None:
    """A batch does not take what was promised to a task that waits behind."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        many = await begin(tasks, receiver.receive_many, 10)
        one = await begin(tasks, receiver.receive)
        for number in range(2):
            sender.send_nowait(number)
    assert (many.result, one.result) in [([0], 1), ([1], 0)]


async def test_receiving_many_wakes_as_many_senders() -> None:
    """All the room that a batch makes is used by those who wait longest."""
    channel = Anycast[int](limit=3)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        attempts = [await begin(tasks, sender.send, number) for number in range(8)]
        assert await receiver.receive_many(10) == [0, 1, 2]
        assert waiting(channel) == (2, 0)
        await settle()
        assert [a.outcome for a in attempts] == ["done"] * 6 + ["unfinished"] * 2
        assert sorted(await receiver.receive_many(2)) != []
        await settle()
        assert [a.outcome for a in attempts] == ["done"] * 8


async def test_receiving_many_drains_a_closed_channel() -> None:
    """What is left comes in batches, and then the end."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    await channel.new_sender().send_many(range(3))
    channel.close()
    assert await receiver.receive_many(2) == [0, 1]
    assert await receiver.receive_many(2) == [2]
    with pytest.raises(ReceiverStoppedError):
        await receiver.receive_many(2)


async def test_the_last_batch_of_a_closed_channel_ends_other_waits() -> None:
    """Who waits for the end stops when a batch takes the last message."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        many = await begin(tasks, receiver.receive_many, 10)
        one = await begin(tasks, receiver.receive)
        sender.send_nowait(0)
        channel.close()
        await settle()
        assert many.result == [0]
        one.failure(ReceiverStoppedError)


async def test_a_cancelled_batch_receives_nothing() -> None:
    """A wait that is cancelled takes no message."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        receiving = await begin(tasks, receiver.receive_many, 10)
        receiving.cancel()
    await sender.send_many([1, 2])
    assert drain(receiver) == [1, 2]


@pytest.mark.asyncio_only
async def test_native_cancellation_of_a_batch_that_was_promised_a_message() -> None:
    """It takes none of the messages that are there."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    receiving = asyncio.ensure_future(receiver.receive_many(10))
    await settle()
    for number in range(3):
        sender.send_nowait(number)
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    assert drain(receiver) == [0, 1, 2]


async def test_batches_of_a_rendezvous() -> None:
    """With limit 0 a batch gets one message: no more can be there."""
    channel = Anycast[int](limit=0)
    receiver = channel.new_receiver()
    async with task_group() as tasks:
        await begin(tasks, channel.new_sender().send_many, range(3))
        assert [await receiver.receive_many(10) for _ in range(3)] == [[0], [1], [2]]


async def test_batches_both_ways() -> None:
    """Nothing is lost or reordered between batches of different sizes."""
    channel = Anycast[int](limit=7)
    received: list[int] = []

    async def receive(size: int) -> None:
        async with channel.new_receiver() as receiver:
            while len(received) < 100:
                received.extend(await receiver.receive_many(size))

    async def send(sender: Sender[int]) -> None:
        for start in range(0, 100, 20):
            await sender.send_many(deque(range(start, start + 20)))

    async with task_group() as tasks:
        tasks.start_soon(partial(receive, 3))
        await send(channel.new_sender())
    assert received == list(range(100))
