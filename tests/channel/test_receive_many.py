"""Many messages at once: ``receive_many``."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial

import pytest
from anyio import WouldBlock

from anycast import Anycast, ReceiverStoppedError, Sender
from helpers import begin, count_yields, drain, settle, task_group, waiting

pytestmark = pytest.mark.anyio


async def test_receiving_what_is_there() -> None:
    """The call takes the stored messages, oldest first, at most as many as asked for."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    await channel.new_sender().send_many(range(5))
    assert await receiver.receive_many(3) == [0, 1, 2]
    assert await receiver.receive_many(3) == [3, 4]


async def test_receiving_many_waits_for_one() -> None:
    """The call waits for the first message, and then takes the messages that came since."""
    channel = Anycast[int](limit=2)
    sender = channel.new_sender()
    async with task_group() as tasks:
        receiving = await begin(tasks, channel.new_receiver().receive_many, 10)
        for number in range(3):
            sender.send_nowait(number)
    assert receiving.result == [0, 1, 2]


async def test_receiving_many_takes_nothing_that_was_given_to_others() -> None:
    """Each waiting task is given one message, and then a batch takes the stored messages."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        many = await begin(tasks, receiver.receive_many, 10)
        one = await begin(tasks, receiver.receive)
        for number in range(4):
            sender.send_nowait(number)
    assert (many.result, one.result) == ([0, 2, 3], 1)


@pytest.mark.parametrize("limit", [0, 1, 3])
async def test_receiving_many_takes_what_blocked_senders_offer(limit: int) -> None:
    """Stored messages come first, then the messages of the longest blocked senders."""
    channel = Anycast[int](limit=limit)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        attempts = [await begin(tasks, sender.send, number) for number in range(8)]
        assert await receiver.receive_many(5) == [0, 1, 2, 3, 4]
        assert channel.statistics().current_buffer_used == limit
        assert waiting(channel) == (3 - limit, 0)
        await settle()
        sent = 5 + limit
        assert [a.outcome for a in attempts] == ["done"] * sent + ["unfinished"] * (8 - sent)
        assert await receiver.receive_many(10) == [5, 6, 7]
    assert [a.outcome for a in attempts] == ["done"] * 8


async def test_receiving_many_fills_the_buffer_again() -> None:
    """The longest blocked senders use all the room that a batch makes."""
    channel = Anycast[int](limit=3)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        for number in range(8):
            await begin(tasks, sender.send, number)
        assert await receiver.receive_many(2) == [0, 1]
        assert waiting(channel) == (3, 0)
        now = channel.statistics()
        assert (now.current_buffer_used, now.peak_buffer_used) == (3, 3)
        assert (now.messages_sent, now.messages_received) == (5, 2)
        with pytest.raises(WouldBlock):
            sender.send_nowait(8)
        assert await receiver.receive_many(10) == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("limit", [0, 2])
async def test_receiving_many_takes_turns_with_senders_and_batches(limit: int) -> None:
    """A blocked batch gives one message, and goes to the end of the queue, as in every receive."""
    channel = Anycast[int](limit=limit)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        await sender.send_many(range(limit))
        await begin(tasks, sender.send_many, [100, 101, 102])
        await begin(tasks, sender.send, 200)
        await begin(tasks, sender.send_many, [300, 301])
        received = await receiver.receive_many(3) + await receiver.receive_many(10)
    assert received == [*range(limit), 100, 200, 300, 101, 301, 102]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 20])
@pytest.mark.parametrize("limit", [0, 1, 4])
async def test_receiving_many_takes_rounds_of_blocked_batches(limit: int, size: int) -> None:
    """A batch of any size has the order in which single receives take the messages."""
    batches = [[0, 1, 2, 3, 4], [10, 11, 12], [20, 21, 22, 23], [30, 31, 32]]
    in_turn = [0, 10, 20, 30, 1, 11, 21, 31, 2, 12, 22, 32, 3, 23, 4]
    channel = Anycast[int](limit=limit)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    received: list[int] = []
    async with task_group() as tasks:
        await sender.send_many(range(100, 100 + limit))
        for batch in batches:
            await begin(tasks, sender.send_many, deque(batch))
        while len(received) < limit + len(in_turn):
            received += await receiver.receive_many(size)
            now = channel.statistics()
            left = limit + len(in_turn) - len(received)
            assert now.current_buffer_used == min(limit, left)
            assert now.messages_received == len(received)
        assert waiting(channel) == (0, 0)
    assert received == [*range(100, 100 + limit), *in_turn]


async def test_a_batch_that_had_to_wait_takes_what_is_offered_by_then() -> None:
    """The call is given a message, and takes more from the buffer and from blocked senders."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()

    async def send() -> None:
        sender.send_nowait(0)
        await sender.send_many([1, 2, 3, 4, 5])

    async with task_group() as tasks:
        receiving = await begin(tasks, receiver.receive_many, 4)
        await begin(tasks, send)
        assert receiving.result == [0, 1, 2, 3]
        assert drain(receiver) == [4, 5]


async def test_receiving_many_counts_as_one_operation_however_much_senders_offer() -> None:
    """A batch brings the next yield nearer by one operation, even with blocked senders."""
    channel = Anycast[int](limit=2, yield_every=3)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        await begin(tasks, sender.send_many, list(range(40)))
        yields = [await count_yields(receiver.receive_many(5)) for _ in range(6)]
        assert len(drain(receiver)) == 10
    assert yields == [
        0,
        0,
        1,
        0,
        0,
        1,
    ]  # the first: a message that the sender stored before the sender waited


async def test_receiving_many_drains_a_closed_channel() -> None:
    """The messages that are left come in batches, and then the end."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    await channel.new_sender().send_many(range(3))
    channel.close()
    assert await receiver.receive_many(2) == [0, 1]
    assert await receiver.receive_many(2) == [2]
    with pytest.raises(ReceiverStoppedError):
        await receiver.receive_many(2)


async def test_a_batch_that_is_given_the_last_message_of_a_closed_channel() -> None:
    """The receivers behind the batch learn of the end in the same step."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(0)
    lease = receiver.lease()
    await lease.__aenter__()
    channel.close()
    async with task_group() as tasks:
        many = await begin(tasks, receiver.receive_many, 10)
        one = await begin(tasks, receiver.receive)
        await lease.__aexit__(ZeroDivisionError, ZeroDivisionError(), None)
        assert waiting(channel) == (0, 0)
    assert many.result == [0]
    one.failure(ReceiverStoppedError)


@pytest.mark.parametrize("closes", ["channel", "sender"])
async def test_a_close_leaves_a_batch_what_it_was_given(closes: str) -> None:
    """The call returns its given message, and the messages that were sent before the close."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        receiving = await begin(tasks, receiver.receive_many, 10)
        sender.send_nowait(0)
        sender.send_nowait(1)
        {"channel": channel, "sender": sender}[closes].close()
    assert receiving.result == [0, 1]
    assert channel.statistics().messages_received == 2


async def test_a_batch_takes_no_more_through_a_receiver_that_was_closed() -> None:
    """The call returns its given message, and leaves further messages to other receivers."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        receiving = await begin(tasks, receiver.receive_many, 10)
        sender.send_nowait(0)
        sender.send_nowait(1)
        receiver.close()
    assert receiving.result == [0]
    assert drain(channel.new_receiver()) == [1]


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
async def test_a_native_cancellation_of_a_batch_that_was_given_a_message() -> None:
    """The call returns the messages, and the next batch that has to wait is cancelled."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    received: list[list[int]] = []

    async def receive() -> None:
        while True:
            received.append(await receiver.receive_many(10))

    receiving = asyncio.ensure_future(receive())
    await settle()
    for number in range(3):
        sender.send_nowait(number)
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    assert received == [[0, 1, 2]]
    sender.send_nowait(3)
    assert drain(receiver) == [3]


async def test_batches_of_a_rendezvous() -> None:
    """With limit 0 a batch takes the messages of blocked senders, and does not wait for more."""
    channel = Anycast[int](limit=0)
    receiver = channel.new_receiver()
    async with task_group() as tasks:
        await begin(tasks, channel.new_sender().send_many, range(3))
        await begin(tasks, channel.new_sender().send_many, [3, 4, 5])
        batches = [await receiver.receive_many(2) for _ in range(3)]
    assert batches == [[0, 3], [4, 5], [1, 2]]


async def test_batches_both_ways() -> None:
    """No message is lost or reordered between batches of different sizes."""
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
