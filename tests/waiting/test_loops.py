"""A channel in several event loops in turn, and in other threads."""

from __future__ import annotations

import asyncio

import anyio
import pytest
import trio
from anyio import from_thread, to_thread

from anycast import Anycast, Receiver, ReceiverStoppedError
from helpers import begin, task_group, waiting

numbers = Anycast[int](name="numbers", limit=1)


async def send_and_receive() -> list[int]:
    """Send more messages than fit, and receive the messages in another task."""
    receiver = numbers.new_receiver()
    async with task_group() as tasks:
        receiving = await begin(tasks, receive, receiver, 5)
        await numbers.new_sender().send_many(range(5))
    return receiving.result or []


async def receive(receiver: Receiver[int], count: int) -> list[int]:
    """Receive so many messages."""
    return [await receiver.receive() for _ in range(count)]


def test_a_channel_made_at_module_level() -> None:
    """The channel serves an ``asyncio.run``, then a ``trio.run``, then an ``asyncio.run``."""
    for _ in range(3):
        assert asyncio.run(send_and_receive()) == [0, 1, 2, 3, 4]
    assert trio.run(send_and_receive) == [0, 1, 2, 3, 4]
    assert asyncio.run(send_and_receive()) == [0, 1, 2, 3, 4]


def test_messages_outlive_an_event_loop() -> None:
    """A message that was sent in one event loop is received in the next."""
    channel = Anycast[int]()
    asyncio.run(channel.new_sender().send_many([1, 2]))
    assert trio.run(channel.new_receiver().receive) == 1
    assert asyncio.run(channel.new_receiver().receive()) == 2


def test_a_run_that_is_cancelled_leaves_nothing_behind() -> None:
    """The run cancels its waiting tasks at the end, and tasks of the next run can wait."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()

    async def leave_a_task() -> None:
        task = asyncio.ensure_future(receiver.receive())
        await asyncio.wait([task], timeout=0)

    asyncio.run(leave_a_task())
    assert waiting(channel) == (0, 0)

    async def exchange() -> int:
        async with task_group() as tasks:
            receiving = await begin(tasks, receiver.receive)
            await sender.send(1)
        return receiving.result or 0

    assert trio.run(exchange) == 1


def test_nowait_forms_need_no_event_loop() -> None:
    """All calls without an ``await`` work outside of an event loop."""
    channel = Anycast[int](limit=1)
    with channel.new_sender() as sender, channel.new_receiver() as receiver:
        sender.send_nowait(1)
        with pytest.raises(anyio.WouldBlock):
            sender.send_nowait(2)
        assert receiver.receive_nowait() == 1
        channel.close()
        with pytest.raises(ReceiverStoppedError):
            receiver.receive_nowait()


@pytest.mark.anyio
async def test_sending_from_another_thread() -> None:
    """``anyio.from_thread.run`` sends, and blocks the calling thread while the channel is full."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()

    def send() -> None:
        for number in range(5):
            from_thread.run(sender.send, number)

    async with task_group() as tasks:
        tasks.start_soon(to_thread.run_sync, send)
        assert await receive(receiver, 5) == [0, 1, 2, 3, 4]


@pytest.mark.anyio
@pytest.mark.asyncio_only
async def test_a_thread_of_asyncio_sends_and_receives() -> None:
    """``asyncio.run_coroutine_threadsafe`` does both, and blocks that thread meanwhile."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    loop = asyncio.get_running_loop()

    def send() -> None:
        for number in range(5):
            asyncio.run_coroutine_threadsafe(sender.send(number), loop).result()

    def receive_all() -> list[int]:
        return [
            asyncio.run_coroutine_threadsafe(receiver.receive(), loop).result() for _ in range(5)
        ]

    received, _ = await asyncio.gather(asyncio.to_thread(receive_all), asyncio.to_thread(send))
    assert received == [0, 1, 2, 3, 4]


@pytest.mark.anyio
async def test_receiving_in_another_thread() -> None:
    """``anyio.from_thread.run`` receives, and raises the error of the receive in that thread."""
    channel = Anycast[int](limit=1)
    receiver = channel.new_receiver()
    received: list[int] = []

    def receive_all() -> None:
        received.extend(from_thread.run(receiver.receive) for _ in range(5))
        with pytest.raises(ReceiverStoppedError):
            from_thread.run(receiver.receive)

    async with task_group() as tasks:
        tasks.start_soon(to_thread.run_sync, receive_all)
        await channel.new_sender().send_many(range(5))
        channel.close()
    assert received == [0, 1, 2, 3, 4]


def test_sending_from_a_thread_of_trio() -> None:
    """``trio.from_thread.run`` sends there, and ``run_sync`` calls what never waits."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()

    def send() -> None:
        for number in range(5):
            trio.from_thread.run(sender.send, number)
        trio.from_thread.run_sync(channel.close)

    async def exchange() -> list[int]:
        async with task_group() as tasks:
            tasks.start_soon(trio.to_thread.run_sync, send)
            return [number async for number in receiver]

    assert trio.run(exchange) == [0, 1, 2, 3, 4]
