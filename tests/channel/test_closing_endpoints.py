"""Closing senders and receivers: which tasks are woken, and which are not."""

from __future__ import annotations

from collections import deque

import anyio
import pytest

from anycast import (
    Anycast,
    Receiver,
    ReceiverClosedError,
    Sender,
    SenderClosedError,
    merge,
)
from debris import WorkFailedError
from helpers import Attempt, begin, count_yields, drain, settle, task_group, waiting

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
    """Tasks that are blocked in a closed sender raise, and tasks blocked in its clone wait on."""
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
    """Tasks that wait in a closed receiver raise, and tasks that wait in its clone wait on."""
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
    error = attempts[0].failure(ReceiverClosedError)
    assert error.receiver is receiver
    assert error.__cause__ is None


async def test_closing_a_receiver_that_was_given_a_message() -> None:
    """The task keeps its message, even before the task has run, and the next task waits on."""
    channel = Anycast[int](limit=0)
    sender, receiver, clone = channel.new_sender(), channel.new_receiver(), channel.new_receiver()
    async with task_group() as tasks:
        first, second = await begin(tasks, receiver.receive), await begin(tasks, clone.receive)
        sender.send_nowait(1)
        receiver.close()
        await settle()
        assert (first.outcome, first.result, second.outcome) == ("done", 1, "unfinished")
        sender.send_nowait(2)
    assert second.result == 2


async def test_closing_a_receiver_that_was_given_a_message_on_lease() -> None:
    """The lease goes on, and the message comes back if the work fails."""
    channel = Anycast[int](limit=0)
    receiver, other = channel.new_receiver(), channel.new_receiver()

    async def work() -> None:
        async with receiver.lease() as message:
            assert message == 1
            raise WorkFailedError

    async with task_group() as tasks:
        working = await begin(tasks, work)
        channel.new_sender().send_nowait(1)
        receiver.close()
    working.failure(WorkFailedError)
    assert drain(other) == [1]


async def test_closing_a_sender_whose_message_was_stored() -> None:
    """The task has sent its message, even before the task has run, and the next task waits on."""
    channel = Anycast[int](limit=1)
    sender, clone, receiver = channel.new_sender(), channel.new_sender(), channel.new_receiver()
    sender.send_nowait(0)
    async with task_group() as tasks:
        first, second = await begin(tasks, sender.send, 1), await begin(tasks, clone.send, 2)
        assert receiver.receive_nowait() == 0
        sender.close()
        await settle()
        assert (first.outcome, second.outcome) == ("done", "unfinished")
        assert drain(receiver) == [1, 2]
    assert second.outcome == "done"


async def test_closing_a_sender_in_a_batch() -> None:
    """Sent messages stay sent, the caller keeps the unsent messages, and the room is free."""
    channel = Anycast[int](limit=1)
    sender, clone, receiver = channel.new_sender(), channel.new_sender(), channel.new_receiver()
    messages = deque([0, 1, 2, 3])
    async with task_group() as tasks:
        first = await begin(tasks, sender.send_many, messages)
        second = await begin(tasks, clone.send, 4)
        assert receiver.receive_nowait() == 0
        sender.close()
        assert list(messages) == [2, 3]
        assert drain(receiver) == [1, 4]
    first.failure(SenderClosedError)
    assert (second.outcome, list(messages)) == ("done", [2, 3])


async def test_closing_a_sender_whose_message_was_taken() -> None:
    """In a rendezvous both operations have happened, even before the sender's task runs."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        assert receiver.receive_nowait() == 1
        sender.close()
    assert sending.outcome == "done"
    now = channel.statistics()
    assert (now.messages_sent, now.messages_received) == (1, 1)


async def test_cancelling_a_task_blocked_in_a_closed_sender() -> None:
    """A task whose sender is closed, and which is then cancelled, ends with one of both errors."""
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
    """``with`` and ``async with`` give the endpoint, and close the endpoint even after an error."""
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
    """``async with channel`` gives the channel, and closes the channel even after an error."""
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


async def test_aclose_does_not_yield() -> None:
    """``aclose`` of an endpoint closes at once, and ends before another task runs."""
    channel = Anycast[int](yield_every=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    for closer in (sender, receiver, receiver.map(str), merge(channel.new_receiver())):
        assert await count_yields(closer.aclose()) == 0
    now = channel.statistics()
    assert (now.open_senders, now.open_receivers) == (0, 0)


async def test_aclose_when_cancelled() -> None:
    """``aclose`` closes and raises nothing in a cancelled scope."""
    channel = Anycast[int](yield_every=1)
    receiver = channel.new_receiver()
    closers = [channel.new_sender(), receiver.filter(bool), merge(channel.new_receiver()), channel]
    with anyio.CancelScope() as scope:
        scope.cancel()
        for closer in closers:
            await closer.aclose()
    assert not scope.cancelled_caught
    now = channel.statistics()
    assert (now.open_senders, now.open_receivers, channel.is_closed) == (0, 0, True)


async def receive_all(receiver: Receiver[int], received: list[int]) -> None:
    """Receive in a loop, and yield after each message."""
    async for message in receiver:
        received.append(message)
        await settle()


async def test_iterating_over_a_closed_receiver() -> None:
    """The loop raises at once, and leaves the messages to the open receivers."""
    channel = Anycast[int]()
    receiver, other = channel.new_receiver(), channel.new_receiver()
    channel.new_sender().send_nowait(1)
    receiver.close()
    received: list[int] = []
    with pytest.raises(ReceiverClosedError):
        await receive_all(receiver, received)
    assert (received, drain(other)) == ([], [1])


async def test_a_receiver_that_is_closed_while_tasks_iterate_over_it() -> None:
    """Each loop raises, while waiting or working, and the messages go to other receivers."""
    channel = Anycast[int]()
    sender, receiver, other = channel.new_sender(), channel.new_receiver(), channel.new_receiver()
    received: list[int] = []
    async with task_group() as tasks:
        waits = await begin(tasks, receive_all, receiver, received)
        sender.send_nowait(1)
        await settle()
        works = Attempt(tasks, receive_all, receiver, received)
        await begin(tasks, receive_all, receiver, received)
        sender.send_nowait(2)
        receiver.close()
        sender.send_nowait(3)
    waits.failure(ReceiverClosedError)
    works.failure(ReceiverClosedError)
    assert (received, drain(other)) == ([1, 2], [3])


async def test_a_receiver_that_is_closed_just_after_the_end() -> None:
    """A task that the end has woken, and that has yet to run, learns of the closed receiver."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        channel.close()
        receiver.close()
    attempt.failure(ReceiverClosedError)


async def test_leaving_a_shared_receiver() -> None:
    """The task that leaves closes the receiver, and the loops of the other tasks raise."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()

    async def work_once() -> None:
        with receiver:
            await receiver.receive()

    async with task_group() as tasks:
        loops = await begin(tasks, receive_all, receiver, [])
        await begin(tasks, work_once)
        await channel.new_sender().send_many([1, 2])
    loops.failure(ReceiverClosedError)
