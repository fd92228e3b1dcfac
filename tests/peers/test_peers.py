"""Known faults of other channels and queues, each with a test that excludes the fault here."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio.lowlevel import checkpoint

from anycast import (
    Anycast,
    Receiver,
    ReceiverClosedError,
    ReceiverStoppedError,
    SenderClosedError,
    SenderError,
)
from helpers import ROUNDS, begin, drain, settle, task_group, waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.anyio


async def test_frequenz_sender_blocked_at_aclose_hangs() -> None:
    """A blocked sender raises when the channel is closed, even without a receiver."""
    channel = Anycast[int](limit=1)
    sender = channel.new_sender()
    await sender.send(0)
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        await channel.aclose()
    sending.failure(SenderError)


async def test_frequenz_sender_blocked_at_aclose_sneaks_its_message_in() -> None:
    """No message enters a closed channel, even when a receiver makes room."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    await sender.send(0)
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        await channel.aclose()
        assert await receiver.receive() == 0
        await settle()
        with pytest.raises(ReceiverStoppedError):
            await receiver.receive()
    sending.failure(SenderError)
    assert channel.statistics().messages_sent == 1


async def test_frequenz_closing_a_receiver_does_not_wake_its_tasks() -> None:
    """A task that waits in a receiver stops when the receiver is closed."""
    receiver = Anycast[int]().new_receiver()
    async with task_group() as tasks:
        receiving = await begin(tasks, receiver.receive)
        receiver.close()
    receiving.failure(ReceiverClosedError)


async def test_frequenz_closing_a_sender_does_not_wake_its_tasks() -> None:
    """A task that is blocked in a sender raises when the sender is closed."""
    sender = Anycast[int](limit=0).new_sender()
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        await sender.aclose()
    sending.failure(SenderClosedError)


async def test_frequenz_limit_0_blocks_for_ever() -> None:
    """Without a buffer sender and receiver meet, whichever comes first."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        assert await receiver.receive() == 1
        receiving = await begin(tasks, receiver.receive)
        await sender.send(2)
    assert (sending.outcome, receiving.result) == ("done", 2)


async def test_frequenz_a_new_sender_overtakes_blocked_ones() -> None:
    """Room goes to the longest blocked sender, and not to a sender that comes just then."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    await sender.send(0)
    async with task_group() as tasks:
        await begin(tasks, sender.send, 1)
        assert receiver.receive_nowait() == 0
        with pytest.raises(anyio.WouldBlock):
            channel.new_sender().send_nowait(2)
        newcomer = await begin(tasks, channel.new_sender().send, 2)
        assert [await receiver.receive() for _ in range(2)] == [1, 2]
    assert newcomer.outcome == "done"


async def share(channel: Anycast[int], work: Callable[[], Awaitable[object]]) -> list[int]:
    """Send 300 messages in a tight loop to three idle receivers; return how many each got."""
    shares: Counter[int] = Counter()

    async def receive(number: int, receiver: Receiver[int]) -> None:
        async for _ in receiver:
            shares[number] += 1
            await work()

    async with task_group() as tasks:
        for number in range(3):
            tasks.start_soon(receive, number, channel.new_receiver())
        await settle()
        sender = channel.new_sender()
        for number in range(300):
            await sender.send(number)
        channel.close()
    return sorted(shares.values())


async def nothing() -> None:
    """Work without yielding."""


@pytest.mark.parametrize("limit", [0, 1, 10])
async def test_frequenz_one_of_three_idle_receivers_gets_all(limit: int) -> None:
    """If every operation yields, receivers take turns, even beside a tight loop of sends."""
    assert await share(Anycast(limit=limit, yield_every=1), nothing) == [100, 100, 100]


async def test_frequenz_one_of_three_receivers_of_a_rendezvous_gets_all() -> None:
    """Each waiting receiver is given a message before any receiver is given a second message.

    When each receiver has a message, the sender is blocked, and the receiver that runs first takes
    the sender's message as well. So of four messages each receiver gets at least one.
    """
    shares = await share(Anycast(limit=0), nothing)
    assert sum(shares) == 300
    assert min(shares) >= 75


@pytest.mark.parametrize("limit", [1, 10, math.inf])
async def test_frequenz_one_of_three_working_receivers_gets_all(limit: float) -> None:
    """Receivers whose work yields but once share the messages of a buffer."""
    shares = await share(Anycast(limit=limit), checkpoint)
    assert sum(shares) == 300
    assert min(shares) >= 50


@pytest.mark.parametrize("limit", [1, 10, math.inf])
async def test_frequenz_one_of_three_receivers_without_work_gets_all(limit: float) -> None:
    """Each receiver gets some messages, even if the receivers never yield by themselves."""
    shares = await share(Anycast(limit=limit), nothing)
    assert sum(shares) == 300
    assert len(shares) == 3


@pytest.mark.asyncio_only
@pytest.mark.parametrize("limit", [0, 1, 2])
@pytest.mark.parametrize("yield_every", [1, 64])
@pytest.mark.parametrize("turns", range(ROUNDS))
async def test_a_cancelled_send_has_sent_nothing(limit: int, yield_every: int, turns: int) -> None:
    """A send that is cancelled at any moment has returned, or has sent no message."""
    channel = Anycast[int](limit=limit, yield_every=yield_every)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    if limit:
        sender.send_nowait(0)
    sending = asyncio.ensure_future(sender.send(1))
    receiving = asyncio.ensure_future(receiver.receive())
    for _ in range(turns):
        await asyncio.sleep(0)
    sending.cancel()
    await asyncio.wait([sending])
    await settle()
    receiving.cancel()
    await asyncio.wait([receiving])
    received = drain(receiver) if receiving.cancelled() else [receiving.result(), *drain(receiver)]
    assert received.count(1) == (not sending.cancelled())
    assert channel.statistics().messages_sent == len(received)


@pytest.mark.asyncio_only
async def test_anyio_a_natively_cancelled_receiver_loses_the_item_it_was_handed() -> None:
    """The cancelled task returns its message, and the next message stays in the channel."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    first = asyncio.ensure_future(receiver.receive())
    await settle()
    second = asyncio.ensure_future(receiver.receive())
    await settle()
    sender.send_nowait(1)
    first.cancel()
    await asyncio.wait([first])
    assert (first.cancelled(), first.result()) == (False, 1)
    sender.send_nowait(2)
    assert await second == 2
    assert drain(receiver) == []


@pytest.mark.asyncio_only
@pytest.mark.parametrize("turns", range(ROUNDS))
async def test_anyio_a_receiver_that_is_natively_cancelled_at_any_moment(turns: int) -> None:
    """The cancelled task has the message, or the message is left for other receivers."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    receiving = asyncio.ensure_future(receiver.receive())
    sending = asyncio.ensure_future(sender.send(1))
    for _ in range(turns):
        await asyncio.sleep(0)
    receiving.cancel()
    await asyncio.wait([receiving, sending])
    received = [] if receiving.cancelled() else [receiving.result()]
    assert [*received, *drain(receiver)] == [1]


@pytest.mark.asyncio_only
async def test_anyio_a_retry_after_a_cancelled_send_sends_twice() -> None:
    """A send that is cancelled after its message was taken returns, since it has happened."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sending = asyncio.ensure_future(sender.send(1))
    await settle()
    receiving = asyncio.ensure_future(receiver.receive())
    for _ in range(ROUNDS):
        if waiting(channel)[0] == 0:  # the receiver has woken the sender
            break
        await asyncio.sleep(0)
    sending.cancel()
    await asyncio.wait([sending])
    if sending.cancelled():
        await sender.send(1)
    assert await receiving == 1
    assert drain(receiver) == []
    assert channel.statistics().messages_sent == 1


async def test_asyncio_queue_newcomers_overtake_blocked_putters() -> None:
    """A task that receives and then sends in one step goes behind the blocked senders."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    await sender.send(0)
    received: list[int] = []

    async def receive_and_send() -> None:
        received.append(receiver.receive_nowait())
        await sender.send(1)

    async with task_group() as tasks:
        blocked = await begin(tasks, sender.send, 100)
        newcomer = await begin(tasks, receive_and_send)
        assert (blocked.outcome, newcomer.outcome) == ("done", "unfinished")
        received += [await receiver.receive() for _ in range(2)]
    assert received == [0, 100, 1]


async def test_asyncio_queue_newcomers_overtake_waiting_getters() -> None:
    """A message goes to the longest waiting receiver, and not to a receiver that just came."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        waiting_longer = await begin(tasks, receiver.receive)
        await sender.send(1)
        with pytest.raises(anyio.WouldBlock):
            channel.new_receiver().receive_nowait()
    assert waiting_longer.result == 1


async def test_aiochannel_a_second_close_with_a_blocked_putter_raises() -> None:
    """Closing again is harmless, whether or not the blocked tasks have run meanwhile."""
    channel = Anycast[int](limit=0)
    async with task_group() as tasks:
        sending = await begin(tasks, channel.new_sender().send, 1)
        channel.close()
        channel.close()
        await settle()
        channel.close()
    sending.failure(SenderError)
