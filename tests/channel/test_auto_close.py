"""A channel that closes with its last sender, or its last receiver."""

from __future__ import annotations

import gc

import pytest

from anycast import (
    Anycast,
    ReceiverStoppedError,
    SenderClosedError,
    SenderError,
)
from helpers import begin, raises, task_group

pytestmark = pytest.mark.anyio


def test_auto_close_with_the_last_sender() -> None:
    """The channel closes when its last open sender is closed, and not before."""
    channel = Anycast[int](auto_close=True)
    sender = channel.new_sender()
    clone = sender.clone()
    sender.close()
    sender.close()
    with_one_left = channel.is_closed
    clone.close()
    assert (with_one_left, channel.is_closed) == (False, True)


def test_auto_close_with_the_last_receiver() -> None:
    """The channel closes when its last open receiver is closed, and not before."""
    channel = Anycast[int](auto_close=True)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    with receiver.clone():
        pass
    with_one_left = channel.is_closed
    receiver.close()
    assert (with_one_left, channel.is_closed) == (False, True)
    with raises(SenderError, f"{sender} cannot send: its channel is closed"):
        sender.send_nowait(1)


def test_without_auto_close_the_channel_stays_open() -> None:
    """By default closing endpoints never closes the channel."""
    channel = Anycast[int]()
    with channel.new_sender(), channel.new_receiver():
        pass
    assert not channel.is_closed


async def test_auto_close_lets_receivers_drain() -> None:
    """After the last close, the stored messages are received, and then the channel ends."""
    channel = Anycast[int](auto_close=True)
    receiver = channel.new_receiver()
    with channel.new_sender() as sender:
        await sender.send_many([1, 2])
    assert [message async for message in receiver] == [1, 2]


async def test_auto_close_wakes_a_waiting_receiver() -> None:
    """Closing the last sender ends the wait of a receiver."""
    channel = Anycast[int](auto_close=True)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        receiving = await begin(tasks, receiver.receive)
        sender.close()
    assert receiving.failure(ReceiverStoppedError).__cause__ is not None


async def test_auto_close_by_the_sender_that_is_blocked() -> None:
    """A task that is blocked in the last sender gets the error of a closed sender."""
    channel = Anycast[int](auto_close=True, limit=0)
    sender = channel.new_sender()
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        sender.close()
    sending.failure(SenderClosedError)


async def test_auto_close_by_the_last_receiver_wakes_blocked_senders() -> None:
    """A blocked send raises when the last receiver is closed, and its message is not sent."""
    channel = Anycast[int](auto_close=True, limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        receiver.close()
    sending.failure(SenderError)
    assert channel.statistics().messages_sent == 0


async def test_auto_close_leaves_to_a_task_what_it_was_given() -> None:
    """A task that was given a message keeps the message when the last receiver is closed."""
    channel = Anycast[int](auto_close=True, limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        receiving = await begin(tasks, receiver.receive)
        sender.send_nowait(1)
        receiver.close()
        assert channel.is_closed
    assert (receiving.outcome, receiving.result) == ("done", 1)


async def test_auto_close_leaves_sent_what_was_sent() -> None:
    """A message that was stored before the last close is received, and then the end comes."""
    channel = Anycast[int](auto_close=True, limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(0)
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        assert receiver.receive_nowait() == 0
        sender.close()
    assert sending.outcome == "done"
    assert [message async for message in receiver] == [1]


def test_the_garbage_collector_closes_nothing() -> None:
    """An endpoint that is dropped stays open in the books, and auto_close does not act."""
    channel = Anycast[int](auto_close=True)
    with pytest.warns(ResourceWarning):
        channel.new_sender()
    with pytest.warns(ResourceWarning):
        channel.new_receiver()
    gc.collect()
    assert not channel.is_closed
    now = channel.statistics()
    assert (now.open_senders, now.open_receivers) == (1, 1)
