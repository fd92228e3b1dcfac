"""Closing senders and receivers: who is woken, and what is left to the others."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from anycast import (
    Anycast,
    Receiver,
    ReceiverStoppedError,
    Sender,
    SenderClosedError,
)
from helpers import Attempt, begin, drain, settle, task_group, waiting

pytestmark = pytest.mark.anyio


def test_clones_are_closed_on_their_own() -> None:
    """Closing an endpoint leaves its clone and its original open."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    other_sender, other_receiver = sender.clone(), receiver.clone()
    sender.close()
    other_receiver.close()
    other_sender.send_nowait(1)
    assert receiver.receive_nowait() == 1
    now = channel.statistics()
    assert (now.open_senders, now.open_receivers) == (1, 1)


async def test_closing_a_sender_wakes_its_own_tasks_only() -> None:
    """Tasks blocked in a closed sender raise; those blocked in its clone keep their turn."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    clone = sender.clone()
    await sender.send(0)
    async with task_group() as tasks:
        attempts = [
            await begin(tasks, end.send, n) for n, end in enumerate((sender, clone, sender), 1)
        ]
        sender.close()
        assert waiting(channel) == (1, 0)
        await settle()
        outcomes = [attempt.outcome for attempt in attempts]
        assert outcomes == ["failed", "unfinished", "failed"]
        assert [await receiver.receive(), await receiver.receive()] == [0, 2]
    error = attempts[0].failure(SenderClosedError)
    assert error.sender is sender
    assert error.__cause__ is None
    assert channel.statistics().messages_sent == 2


async def test_closing_a_receiver_wakes_its_own_tasks_only() -> None:
    """Tasks waiting in a closed receiver raise; those waiting in its clone keep their turn."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    clone = receiver.clone()
    async with task_group() as tasks:
        attempts = [await begin(tasks, end.receive) for end in (receiver, clone, receiver)]
        receiver.close()
        assert waiting(channel) == (0, 1)
        await settle()
        assert [attempt.outcome for attempt in attempts] == ["failed", "unfinished", "failed"]
        await sender.send(1)
    assert attempts[1].result == 1
    error = attempts[0].failure(ReceiverStoppedError)
    assert error.receiver is receiver
    assert error.__cause__ is None


async def test_closing_a_receiver_that_was_promised_a_message() -> None:
    """The message goes to the next in line, though its first addressee was awake already."""
    channel = Anycast[int](limit=0)
    sender, receiver, clone = channel.new_sender(), channel.new_receiver(), channel.new_receiver()
    async with task_group() as tasks:
        first, second = await begin(tasks, receiver.receive), await begin(tasks, clone.receive)
        sender.send_nowait(1)
        receiver.close()
    first.failure(ReceiverStoppedError)
    assert second.result == 1


async def test_closing_a_sender_that_was_promised_room() -> None:
    """The room goes to the next in line, though its first owner was awake already."""
    channel = Anycast[int](limit=1)
    sender, clone, receiver = channel.new_sender(), channel.new_sender(), channel.new_receiver()
    sender.send_nowait(0)
    async with task_group() as tasks:
        first, second = await begin(tasks, sender.send, 1), await begin(tasks, clone.send, 2)
        assert receiver.receive_nowait() == 0
        sender.close()
    first.failure(SenderClosedError)
    assert second.outcome == "done"
    assert drain(receiver) == [2]


@pytest.mark.asyncio_only  # trio may let the sender run first, at random
async def test_closing_a_receiver_takes_back_the_room_it_made() -> None:
    """At limit 0 a sender waits on when the receiver it was woken for is closed."""
    channel = Anycast[int](limit=0)
    sender, receiver, other = channel.new_sender(), channel.new_receiver(), channel.new_receiver()
    async with task_group() as tasks:
        sending = Attempt(tasks, sender.send, 1)
        await settle()
        receiving = Attempt(tasks, receiver.receive)
        await until_the_sender_is_woken(channel)
        receiver.close()
        await settle()
        assert (sending.outcome, receiving.outcome) == ("unfinished", "failed")
        assert channel.statistics().current_buffer_used == 0
        assert await other.receive() == 1
    assert sending.outcome == "done"


async def until_the_sender_is_woken(channel: Anycast[int]) -> None:
    """Stop in the moment in which the one blocked sender has been woken and has yet to run."""
    for _ in range(16):
        if waiting(channel)[0] == 0:
            return
        await checkpoint()
    raise AssertionError(channel)


async def test_cancelling_a_task_blocked_in_a_closed_sender() -> None:
    """Closed and then cancelled before it could run, the task ends one way or the other."""
    channel = Anycast[int](limit=0)
    sender = channel.new_sender()
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        sender.close()
        sending.cancel()
    assert sending.outcome in {"failed", "cancelled"}
    assert channel.statistics().messages_sent == 0
    assert waiting(channel) == (0, 0)


@pytest.mark.parametrize("which", ["sender", "receiver"])
async def test_context_managers_close(which: str) -> None:
    """``with`` and ``async with`` give the endpoint and close it on leaving, errors or not."""
    channel = Anycast[int]()

    def make() -> Sender[int] | Receiver[int]:
        return channel.new_sender() if which == "sender" else channel.new_receiver()

    def still_open() -> int:
        return channel.statistics().open_senders + channel.statistics().open_receivers

    with (made := make()) as entered:
        assert entered is made
        assert still_open() == 1
    assert still_open() == 0
    async with (made := make()) as entered:
        assert entered is made
        assert still_open() == 1
    assert still_open() == 0
    with pytest.raises(ZeroDivisionError), make():
        raise ZeroDivisionError
    assert still_open() == 0
    with pytest.raises(ZeroDivisionError):
        async with make():
            raise ZeroDivisionError
    assert still_open() == 0


async def test_channel_as_context_manager() -> None:
    """``async with channel`` gives the channel and closes it on leaving, errors or not."""
    channel, other = Anycast[int](), Anycast[int]()
    async with channel as entered:
        assert entered is channel
        inside = channel.is_closed
    assert (inside, channel.is_closed) == (False, True)
    with pytest.raises(ZeroDivisionError):
        async with other:
            raise ZeroDivisionError
    assert other.is_closed


async def test_leaving_a_block_yields_to_nobody() -> None:
    """Leaving ``async with`` closes without a checkpoint, so cancellation cannot come between."""
    channel = Anycast[int]()
    with anyio.CancelScope() as scope:
        async with channel, channel.new_sender(), channel.new_receiver():
            scope.cancel()
    assert not scope.cancelled_caught
    assert channel.is_closed


async def test_aclose_closes_even_when_cancelled() -> None:
    """``aclose`` is a checkpoint, but has closed before it is one."""
    channel = Anycast[int]()
    closers = [channel.new_sender(), channel.new_receiver(), channel]
    for closer in closers:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await closer.aclose()
        assert scope.cancelled_caught
    now = channel.statistics()
    assert (now.open_senders, now.open_receivers, channel.is_closed) == (0, 0, True)


async def test_iterating_over_a_closed_receiver() -> None:
    """It ends at once, and leaves the messages to the others."""
    channel = Anycast[int]()
    receiver, other = channel.new_receiver(), channel.new_receiver()
    channel.new_sender().send_nowait(1)
    receiver.close()
    assert [message async for message in receiver] == []
    assert drain(other) == [1]
