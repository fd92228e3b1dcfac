"""Closing a channel: which messages go in and come out, and which tasks are woken."""

from __future__ import annotations

import asyncio
import math
import signal
import sys
import warnings
from collections import deque

import anyio
import pytest
from anyio.lowlevel import checkpoint

from anycast import Anycast, ReceiverStoppedError, SenderError
from helpers import Attempt, begin, count_yields, drain, raises, settle, task_group, waiting

pytestmark = pytest.mark.anyio

LIMITS = pytest.mark.parametrize("limit", [0, 1, 2, math.inf])


@LIMITS
async def test_sends_after_close(limit: float) -> None:
    """Every send raises, even with room in the buffer, and leaves no trace."""
    channel = Anycast[int](limit=limit)
    sender = channel.new_sender()
    channel.close()
    for _ in range(3):
        with pytest.raises(SenderError):
            await sender.send(1)
        with pytest.raises(SenderError):
            sender.send_nowait(1)
    assert channel.statistics().messages_sent == 0


@pytest.mark.parametrize("limit", [0, 1, 2])
async def test_blocked_senders_are_woken_at_once(limit: int) -> None:
    """Blocked sends raise, even without a receiver, and their messages are not sent."""
    channel = Anycast[int](limit=limit)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    for number in range(limit):
        sender.send_nowait(number)
    async with task_group() as tasks:
        attempts = [await begin(tasks, sender.send, 100 + number) for number in range(3)]
        assert waiting(channel) == (3, 0)
        channel.close()
        assert waiting(channel) == (0, 0)
    for attempt in attempts:
        attempt.failure(SenderError)
    assert drain(receiver) == list(range(limit))


async def test_a_blocked_sender_does_not_slip_in_while_receivers_drain() -> None:
    """Room that appears after the close stays free, even before the blocked sender runs."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(0)
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        channel.close()
        assert receiver.receive_nowait() == 0
        with pytest.raises(ReceiverStoppedError):
            receiver.receive_nowait()
    sending.failure(SenderError)


async def test_a_sender_whose_message_was_stored_before_the_close() -> None:
    """A send whose message was stored returns, even if the task runs only after the close."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(0)
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        assert receiver.receive_nowait() == 0  # stores the message of the sender
        channel.close()
    assert sending.outcome == "done"
    assert drain(receiver) == [1]


async def test_a_batch_that_is_blocked_at_the_close() -> None:
    """The messages that were sent are received, and the caller keeps the unsent messages."""
    channel = Anycast[int](limit=2)
    messages = deque(range(5))
    receiver = channel.new_receiver()
    async with task_group() as tasks:
        sending = await begin(tasks, channel.new_sender().send_many, messages)
        assert receiver.receive_nowait() == 0
        channel.close()
        assert list(messages) == [3, 4]
    sending.failure(SenderError)
    assert list(messages) == [3, 4]
    assert drain(receiver) == [1, 2]


async def test_a_sender_at_the_checkpoint_when_the_channel_closes() -> None:
    """A send that yields first checks after the yield whether the channel is closed."""
    channel = Anycast[int](yield_every=1)
    sender = channel.new_sender()
    async with task_group() as tasks:
        sending = Attempt(tasks, sender.send, 1)
        await one_turn()
        channel.close()
    assert sending.outcome in {"done", "failed"}
    assert channel.statistics().messages_sent == (sending.outcome == "done")


@pytest.mark.asyncio_only
@pytest.mark.skipif(sys.platform == "win32", reason="asyncio handles no signals there")
async def test_a_signal_that_asyncio_handles_closes_the_channel() -> None:
    """The event loop calls `close`, and a receiver that waits stops."""
    channel, loop = Anycast[int](), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, channel.close)
    try:
        async with task_group() as tasks:
            receiving = await begin(tasks, channel.new_receiver().receive)
            signal.raise_signal(signal.SIGTERM)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
    receiving.failure(ReceiverStoppedError)


async def one_turn() -> None:
    """Let each ready task run about once."""
    await checkpoint()


async def test_many_tasks_at_the_checkpoint_when_the_channel_closes() -> None:
    """After any number of turns before the close, exactly the sent messages are there."""
    for turns in range(4):
        channel = Anycast[int](yield_every=1)
        sender, receiver = channel.new_sender(), channel.new_receiver()
        async with task_group() as tasks:
            sendings = [Attempt(tasks, sender.send, number) for number in range(3)]
            for _ in range(turns):
                await one_turn()
            channel.close()
        sent = [number for number, sending in enumerate(sendings) if sending.outcome == "done"]
        assert sorted(drain(receiver)) == sent


async def test_receivers_drain_then_stop() -> None:
    """The accepted messages are received in order, and then every receive raises."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    await sender.send_many([1, 2, 3])
    channel.close()
    assert [await receiver.receive(), receiver.receive_nowait()] == [1, 2]
    assert [message async for message in receiver] == [3]
    for _ in range(3):
        with pytest.raises(ReceiverStoppedError):
            await receiver.receive()
        with pytest.raises(ReceiverStoppedError):
            receiver.receive_nowait()


@LIMITS
async def test_waiting_receivers_are_woken(limit: float) -> None:
    """The close of an empty channel ends every wait with an error of the task's own receiver."""
    channel = Anycast[int](limit=limit)
    receivers = [channel.new_receiver() for _ in range(3)]
    async with task_group() as tasks:
        attempts = [await begin(tasks, receiver.receive) for receiver in receivers]
        channel.close()
        assert waiting(channel) == (0, 0)
    errors = [attempt.failure(ReceiverStoppedError) for attempt in attempts]
    assert [error.receiver for error in errors] == receivers


async def test_a_receiver_that_was_given_a_message_before_the_close() -> None:
    """A receiver that was given a message keeps the message, and the waiting receivers stop."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        first, second = await begin(tasks, receiver.receive), await begin(tasks, receiver.receive)
        sender.send_nowait(1)
        channel.close()
        assert waiting(channel) == (0, 0)
    assert (first.outcome, first.result) == ("done", 1)
    second.failure(ReceiverStoppedError)


async def test_a_receiver_that_was_given_the_last_message_and_is_cancelled() -> None:
    """The receiver keeps the message, so the end does not wait for that task."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        first, second = await begin(tasks, receiver.receive), await begin(tasks, receiver.receive)
        sender.send_nowait(1)
        channel.close()
        first.cancel()
    assert (first.outcome, first.result) == ("done", 1)
    second.failure(ReceiverStoppedError)


async def test_a_receiver_that_comes_when_the_last_message_was_given_away() -> None:
    """The channel has ended, though the task that was given the message has yet to run."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        first = await begin(tasks, receiver.receive)
        sender.send_nowait(1)
        channel.close()
        with pytest.raises(ReceiverStoppedError):
            receiver.receive_nowait()
        with pytest.raises(ReceiverStoppedError):
            await receiver.receive()
    assert first.result == 1


async def test_the_end_waits_for_a_lease_that_fails() -> None:
    """While a message is on lease the channel has not ended, and the message may come back."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(1)
    async with task_group() as tasks:
        lease = receiver.lease()
        await lease.__aenter__()
        channel.close()
        receiving = await begin(tasks, receiver.receive)
        assert receiving.outcome == "unfinished"
        with pytest.raises(anyio.WouldBlock):
            receiver.receive_nowait()
        await lease.__aexit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert receiving.result == 1


async def test_the_end_comes_with_the_end_of_the_last_lease() -> None:
    """Receivers that wait for the end of a lease stop when the last lease is done."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    await sender.send_many([1, 2])
    async with task_group() as tasks, receiver.lease():
        async with receiver.lease():
            channel.close()
            receivings = [await begin(tasks, receiver.receive) for _ in range(2)]
        await settle()
        assert [receiving.outcome for receiving in receivings] == ["unfinished"] * 2
    for receiving in receivings:
        receiving.failure(ReceiverStoppedError)


async def test_iteration_ends_for_every_receiver() -> None:
    """Several loops share the messages that are left, and each loop ends."""
    channel = Anycast[int](limit=3)
    seen: list[int] = []

    async def iterate() -> None:
        async for message in channel.new_receiver():
            seen.append(message)  # noqa: PERF401  the list shows the order

    async with task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(iterate)
        await channel.new_sender().send_many(range(20))
        channel.close()
    assert sorted(seen) == list(range(20))


async def test_closing_twice() -> None:
    """Closing is idempotent, with messages, tasks and leases about."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(1)
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 2)
        for _ in range(3):
            channel.close()
        await settle()
        await channel.aclose()
        async with receiver.lease() as message:
            channel.close()
    sending.failure(SenderError)
    assert message == 1
    with pytest.raises(ReceiverStoppedError):
        receiver.receive_nowait()


async def test_close_may_be_awaited() -> None:
    """``await channel.close()`` works, any number of times, and does not yield."""
    channel = Anycast[int]()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await channel.close()
        await channel.close()
    assert not scope.cancelled_caught
    assert channel.is_closed


def test_close_need_not_be_awaited() -> None:
    """``channel.close()`` works without an event loop, at once and without a warning."""
    channel = Anycast[int]()
    channel.new_sender().send_nowait(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        channel.close()
    assert channel.is_closed
    with raises(SenderError, f"Anycast:{channel.name}:_Sender cannot send: its channel is closed"):
        channel.new_sender().send_nowait(2)


def test_is_closed() -> None:
    """`is_closed` is true from the close on, even while messages are left."""
    channel = Anycast[int]()
    channel.new_sender().send_nowait(1)
    before = channel.is_closed
    channel.close()
    assert (before, channel.is_closed) == (False, True)
    assert drain(channel.new_receiver()) == [1]


async def test_aclose_does_not_yield() -> None:
    """``aclose`` closes at once, and ends before a woken task runs."""
    channel = Anycast[int](yield_every=1)
    async with task_group() as tasks:
        receiving = await begin(tasks, channel.new_receiver().receive)
        assert [await count_yields(channel.aclose()) for _ in range(3)] == [0] * 3
        assert channel.is_closed
        assert waiting(channel) == (0, 0)
        assert receiving.outcome == "unfinished"
    receiving.failure(ReceiverStoppedError)


async def test_closing_endpoints_of_a_closed_channel() -> None:
    """The order in which channel and endpoints are closed makes no difference."""
    channel = Anycast[int](auto_close=True, limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        channel.close()
        sender.close()
        receiver.close()
    assert sending.outcome == "failed"
    assert waiting(channel) == (0, 0)


@pytest.mark.asyncio_only
@pytest.mark.parametrize("close_first", [True, False])
async def test_native_cancellation_in_the_step_of_the_close(close_first: bool) -> None:
    """A receiver closed and cancelled at once ends, whichever came first, and is forgotten."""
    channel = Anycast[int]()
    task = asyncio.ensure_future(channel.new_receiver().receive())
    await settle()
    if close_first:
        channel.close()
    task.cancel()
    channel.close()
    with pytest.raises((asyncio.CancelledError, ReceiverStoppedError)):
        await task
    assert waiting(channel) == (0, 0)


@pytest.mark.asyncio_only
@pytest.mark.parametrize("what", ["channel", "end"])
async def test_native_cancellation_of_a_receiver_that_was_given_a_message(what: str) -> None:
    """The receiver keeps the message, whether channel or endpoint is closed in the same step."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    task = asyncio.ensure_future(receiver.receive())
    await settle()
    channel.new_sender().send_nowait(1)
    task.cancel()
    if what == "channel":
        channel.close()
    else:
        receiver.close()
    assert await task == 1
    assert channel.statistics().current_buffer_used == 0


@pytest.mark.asyncio_only
@pytest.mark.parametrize("what", ["channel", "end"])
async def test_native_cancellation_of_a_sender_whose_message_was_taken(what: str) -> None:
    """The send returns when the channel or the endpoint is closed in the same step."""
    channel = Anycast[int](limit=0)
    sender = channel.new_sender()
    task = asyncio.ensure_future(sender.send(1))
    await settle()
    assert channel.new_receiver().receive_nowait() == 1
    task.cancel()
    if what == "channel":
        channel.close()
    else:
        sender.close()
    await task
    assert channel.statistics().messages_sent == 1
