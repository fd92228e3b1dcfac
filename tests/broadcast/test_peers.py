"""Known faults of other broadcast channels, each with a test that excludes the fault here."""

from __future__ import annotations

import asyncio
import weakref
from contextlib import suppress
from typing import Literal

import anyio
import pytest

from anycast import Broadcast, ReceiverClosedError, ReceiverLaggedError, ReceiverStoppedError
from helpers import begin, drain, drain_through_gaps, settle, task_group

pytestmark = pytest.mark.anyio


async def test_frequenz_closing_a_receiver_leaves_its_task_hanging() -> None:
    """A task that waits in a receiver stops when the receiver is closed."""
    receiver = Broadcast[int]().new_receiver()
    async with task_group() as tasks:
        receiving = await begin(tasks, receiver.receive)
        receiver.close()
    receiving.failure(ReceiverClosedError)


async def test_frequenz_loses_70_of_120_messages_to_an_idle_receiver() -> None:
    """A tight loop of sends loses no message, although the receiver may drop messages."""
    channel = Broadcast[int](limit=50, overflow="drop_oldest")
    receiver = channel.new_receiver()
    received: list[int] = []

    async def read() -> None:
        received.extend([message async for message in receiver])

    async with task_group() as tasks:
        tasks.start_soon(read)
        await settle()
        sender = channel.new_sender()
        for number in range(120):
            await sender.send(number)
        channel.close()
    assert received == list(range(120))


async def test_frequenz_does_not_resend_a_latest_value_of_none() -> None:
    """None is an ordinary message."""
    channel = Broadcast[int | None](replay=1)
    await channel.new_sender().send(None)
    assert await channel.new_receiver().receive() is None


@pytest.mark.parametrize("lost", [1, 2, 3, 100])
async def test_tractor_tells_two_when_three_were_lost(lost: int) -> None:
    """The number is exact."""
    channel = Broadcast[int](limit=4, overflow="drop_oldest")
    receiver = channel.new_receiver()
    for number in range(4 + lost):
        await channel.new_sender().send(number)
    with pytest.raises(ReceiverLaggedError) as caught:
        await receiver.receive()
    assert caught.value.lost == receiver.lost == lost
    assert drain(receiver) == list(range(lost, lost + 4))


class Message:
    """A message that can be weakly referred to."""


@pytest.mark.parametrize("overflow", ["block", "drop_oldest"])
async def test_broadcaster_keeps_100000_messages_for_a_subscriber_that_does_not_read(
    overflow: Literal["block", "drop_oldest"],
) -> None:
    """At most ``limit`` messages are alive, however many were sent."""
    channel = Broadcast[Message](limit=10, overflow=overflow)
    channel.new_receiver()
    alive = weakref.WeakSet[Message]()
    sender = channel.new_sender()
    for _ in range(1000):
        alive.add(message := Message())
        with suppress(anyio.WouldBlock):
            sender.send_nowait(message)
        del message
    assert len(alive) == 10


async def test_multisubscriber_queue_loses_what_is_sent_before_the_first_anext() -> None:
    """A receiver gets all messages that are sent after `new_receiver` returned."""
    channel = Broadcast[int]()
    receiver = channel.new_receiver()
    await channel.new_sender().send(1)
    channel.close()
    assert [message async for message in receiver] == [1]


async def test_aio_broadcast_hangs_all_when_one_consumer_is_cancelled() -> None:
    """A consumer that is cancelled in its wait blocks no sender."""
    channel = Broadcast[int](limit=1)
    cancelled, other = channel.new_receiver(), channel.new_receiver()
    async with task_group() as tasks:
        receiving = await begin(tasks, cancelled.receive)
        waiting = await begin(tasks, other.receive)
        receiving.cancel()
        await settle()
        await channel.new_sender().send(1)
    assert (receiving.outcome, waiting.result) == ("cancelled", 1)
    assert drain(cancelled) == [1]


async def test_tokio_overwrites_the_last_value_by_closing() -> None:
    """The last message is received, and then the end."""
    channel = Broadcast[int](limit=1, overflow="drop_oldest", replay=1)
    receiver = channel.new_receiver()
    await channel.new_sender().send(1)
    channel.close()
    for one in (receiver, channel.new_receiver()):
        assert await one.receive() == 1
        with pytest.raises(ReceiverStoppedError):
            await one.receive()


async def test_kotlin_never_resumes_fast_readers_beside_a_slow_one() -> None:
    """A waiting reader gets each message as soon as the slow reader makes room."""
    channel = Broadcast[int](limit=1)
    slow, fast = channel.new_receiver(), channel.new_receiver()
    received: list[int] = []

    async def read() -> None:
        async for message in fast:
            received.append(message)  # noqa: PERF401  to see each message at once

    async with task_group() as tasks:
        tasks.start_soon(read)
        tasks.start_soon(channel.new_sender().send_many, [*range(5)])
        for number in range(5):
            await settle()
            assert received == list(range(number + 1))
            assert slow.receive_nowait() == number
        channel.close()


async def test_users_of_tokio_do_not_notice_that_an_error_for_lag_ends_a_loop() -> None:
    """An error for a lag that is not caught ends the program, and not the channel."""
    channel = Broadcast[int](limit=1, overflow="drop_oldest")
    receiver = channel.new_receiver()
    for number in range(3):
        await channel.new_sender().send(number)
    assert not issubclass(ReceiverLaggedError, (ReceiverStoppedError, anyio.EndOfStream))
    assert not issubclass(ReceiverLaggedError, StopAsyncIteration)
    assert drain_through_gaps(receiver) == ["2", 2]


@pytest.mark.asyncio_only
async def test_queues_of_subscribers_lose_a_message_to_a_native_cancellation() -> None:
    """A task that is cancelled after a message was handed to it has the message."""
    channel = Broadcast[int]()
    receiver, other = channel.new_receiver(), channel.new_receiver()
    task = asyncio.ensure_future(receiver.receive())
    await settle()
    channel.new_sender().send_nowait(1)
    task.cancel()
    assert await task == 1
    assert drain(other) == [1]
