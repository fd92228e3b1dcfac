"""Senders and receivers: made, cloned, closed, shown."""

from __future__ import annotations

import gc

import anyio
import pytest
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from anyio.lowlevel import checkpoint

from anycast import (
    Anycast,
    Channel,
    Receiver,
    ReceiverStoppedError,
    Sender,
    SenderClosedError,
    SenderError,
)
from helpers import Attempt, begin, drain, raises, settle, task_group, waiting

pytestmark = pytest.mark.anyio


def test_kinds() -> None:
    """Endpoints are of the public abstract kinds, and streams of anyio."""
    channel = Anycast[int]()
    assert isinstance(channel, Channel)
    assert isinstance(channel.new_sender(), Sender)
    assert isinstance(channel.new_sender(), ObjectSendStream)
    assert isinstance(channel.new_receiver(), Receiver)
    assert isinstance(channel.new_receiver(), ObjectReceiveStream)


@pytest.mark.parametrize("kind", [Channel, Sender, Receiver])
def test_abstract_kinds_cannot_be_made(kind: type[object]) -> None:
    """Only a channel makes endpoints."""
    with pytest.raises(TypeError, match="abstract"):
        kind()


def test_str() -> None:
    """``str`` names the channel and the kind of endpoint."""
    channel = Anycast[int](name="numbers")
    assert str(channel) == "Anycast:numbers"
    assert str(channel.new_sender()) == "Anycast:numbers:_Sender"
    assert str(channel.new_receiver()) == "Anycast:numbers:_Receiver"


async def test_repr() -> None:
    """``repr`` shows kind, name, fill and waiters."""
    channel = Anycast[int](name="numbers", limit=2)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    shown = "Anycast(name='numbers', limit=2):<current={}, waiting_send={}, waiting_receive={}, "
    async with task_group() as tasks:
        sendings = [await begin(tasks, sender.send, number) for number in range(3)]
        assert repr(channel) == shown.format(2, 1, 0) + "closed=False>"
        assert repr(sender) == f"_Sender({shown.format(2, 1, 0)}closed=False>)"
        assert drain(receiver) == [0, 1]
        await settle()
        assert drain(receiver) == [2]
        receiving = await begin(tasks, receiver.receive)
        assert repr(receiver) == f"_Receiver({shown.format(0, 0, 1)}closed=False>)"
        channel.close()
    assert repr(channel) == shown.format(0, 0, 0) + "closed=True>"
    assert [sending.outcome for sending in sendings] == ["done"] * 3
    assert receiving.outcome == "failed"


def test_repr_of_closed_endpoints() -> None:
    """A closed endpoint says so; its channel may be open."""
    channel = Anycast[int](name="numbers")
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.close()
    receiver.close()
    assert repr(sender) == f"_Sender({channel!r}, closed)"
    assert repr(receiver) == f"_Receiver({channel!r}, closed)"


def test_str_of_a_subclass() -> None:
    """A subclass shows its own name."""

    class Numbers(Anycast[int]):
        """A channel of one's own."""

    channel = Numbers(name="one")
    assert str(channel.new_sender()) == "Numbers:one:_Sender"
    assert repr(channel).startswith("Numbers(name='one', ")


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


async def test_clones_share_one_channel() -> None:
    """What one clone sends or receives is sent or received for all."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    await sender.send(1)
    await sender.clone().send(2)
    assert await receiver.clone().receive() == 1
    assert await receiver.receive() == 2


def test_closing_an_endpoint_twice_counts_once() -> None:
    """Statistics count open endpoints, however often each is closed."""
    channel = Anycast[int]()
    ends = [channel.new_sender(), channel.new_sender(), channel.new_receiver()]
    for _ in range(3):
        ends[0].close()
        ends[2].close()
    now = channel.statistics()
    assert (now.open_senders, now.open_receivers) == (1, 0)


def test_endpoints_of_a_closed_channel_count() -> None:
    """Closing the channel closes no endpoint, and new ones can be made."""
    channel = Anycast[int]()
    channel.new_sender().send_nowait(1)
    channel.close()
    assert drain(channel.new_receiver()) == [1]
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


def test_the_garbage_collector_closes_nothing() -> None:
    """An endpoint that is dropped stays open in the books, and auto_close does not act."""
    channel = Anycast[int](auto_close=True)
    channel.new_sender()
    channel.new_receiver()
    gc.collect()
    assert not channel.is_closed
    now = channel.statistics()
    assert (now.open_senders, now.open_receivers) == (1, 1)


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
    """After the last sender is gone, what it sent is received, and then it ends."""
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
    """A task blocked in the last sender learns that its sender was closed."""
    channel = Anycast[int](auto_close=True, limit=0)
    sender = channel.new_sender()
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        sender.close()
    sending.failure(SenderClosedError)


async def test_auto_close_by_the_last_receiver_wakes_blocked_senders() -> None:
    """No receiver will come: who is blocked in a send raises, its message not sent."""
    channel = Anycast[int](auto_close=True, limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        receiver.close()
    sending.failure(SenderError)
    assert channel.statistics().messages_sent == 0


async def test_many_tasks_may_share_one_endpoint() -> None:
    """One sender and one receiver serve any number of tasks at once."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        receivings = [Attempt(tasks, receiver.receive) for _ in range(5)]
        for number in range(5):
            tasks.start_soon(sender.send, number)
    assert sorted(receiving.result or 0 for receiving in receivings) == [0, 1, 2, 3, 4]


async def test_leaving_a_block_yields_to_nobody() -> None:
    """Leaving ``async with`` closes without a checkpoint, so cancellation cannot come between."""
    channel = Anycast[int]()
    with anyio.CancelScope() as scope:
        async with channel, channel.new_sender(), channel.new_receiver():
            scope.cancel()
    assert not scope.cancelled_caught
    assert channel.is_closed
