"""A deque of messages: ``send_many`` takes out what it sends, and nothing else."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest

from anycast import Anycast, SenderClosedError, SenderError
from helpers import Attempt, begin, drain, settle, task_group, waiting

pytestmark = pytest.mark.anyio


async def test_a_deque_ends_up_empty() -> None:
    """What is sent is taken out of a deque, and left in any other collection."""
    channel = Anycast[int]()
    messages, others = deque([1, 2, 3]), [4, 5]
    await channel.new_sender().send_many(messages)
    await channel.new_sender().send_many(others)
    assert list(messages) == []
    assert others == [4, 5]
    assert drain(channel.new_receiver()) == [1, 2, 3, 4, 5]


async def test_a_deque_shows_what_is_not_sent_while_it_blocks() -> None:
    """Each message leaves the deque in the step in which it is sent, not ahead of it."""
    channel = Anycast[int](limit=2)
    receiver, messages = channel.new_receiver(), deque(range(5))
    async with task_group() as tasks:
        await begin(tasks, channel.new_sender().send_many, messages)
        assert list(messages) == [2, 3, 4]
        assert receiver.receive_nowait() == 0
        assert list(messages) == [2, 3, 4]  # room is promised, the message not sent yet
        await settle()
        assert list(messages) == [3, 4]
        assert await receiver.receive_many(10) == [1, 2]
        await settle()
        assert drain(receiver) == [3, 4]


async def test_a_deque_that_grows_while_it_is_sent() -> None:
    """What is appended meanwhile is sent too: the deque ends up empty."""
    channel = Anycast[int](limit=1)
    receiver, messages = channel.new_receiver(), deque([1, 2])
    async with task_group() as tasks:
        await begin(tasks, channel.new_sender().send_many, messages)
        messages.append(3)
        messages.appendleft(0)
        assert [await receiver.receive() for _ in range(4)] == [1, 0, 2, 3]
    assert not messages


async def test_a_deque_emptied_by_someone_else_while_blocked() -> None:
    """The call ends without sending, and its turn goes to the next in line."""
    channel = Anycast[int](limit=1)
    sender, receiver, messages = channel.new_sender(), channel.new_receiver(), deque([1, 2])
    async with task_group() as tasks:
        many = await begin(tasks, sender.send_many, messages)
        one = await begin(tasks, sender.send, 3)
        messages.clear()
        assert await receiver.receive() == 1
        await settle()
        assert (many.outcome, one.outcome) == ("done", "done")
        assert waiting(channel) == (0, 0)
    assert drain(receiver) == [3]


async def test_a_deque_emptied_while_blocked_on_a_rendezvous() -> None:
    """The receiver that the turn was for is left to the next sender."""
    channel = Anycast[int](limit=0)
    sender, receiver, messages = channel.new_sender(), channel.new_receiver(), deque([1])
    async with task_group() as tasks:
        many = await begin(tasks, sender.send_many, messages)
        messages.clear()
        receiving = await begin(tasks, receiver.receive)
        assert many.outcome == "done"
        assert receiving.outcome == "unfinished"
        sender.send_nowait(2)
    assert receiving.result == 2


async def test_two_tasks_sending_one_deque() -> None:
    """They share the work, and no message is sent twice."""
    channel = Anycast[int](limit=1)
    sender, receiver, messages = channel.new_sender(), channel.new_receiver(), deque(range(20))
    async with task_group() as tasks:
        attempts = [Attempt(tasks, sender.send_many, messages) for _ in range(2)]
        received = [await receiver.receive() for _ in range(20)]
    assert received == list(range(20))
    assert [attempt.outcome for attempt in attempts] == ["done", "done"]


async def test_a_deque_subclass_is_a_deque() -> None:
    """Messages are taken out of any kind of deque."""

    class Pending(deque[int]):
        """A deque of one's own."""

    messages = Pending([1, 2], maxlen=5)
    await Anycast[int]().new_sender().send_many(messages)
    assert not messages


@pytest.mark.parametrize("sent_first", [0, 1, 3])
async def test_interrupting_a_deque_by_a_cancellation(sent_first: int) -> None:
    """What was sent is sent, and the deque holds exactly what was not."""
    channel = Anycast[int](limit=sent_first)
    receiver, messages = channel.new_receiver(), deque(range(5))
    async with task_group() as tasks:
        sending = await begin(tasks, channel.new_sender().send_many, messages)
        sending.cancel()
    assert sending.outcome == "cancelled"
    assert drain(receiver) + list(messages) == [0, 1, 2, 3, 4]
    assert len(messages) == 5 - sent_first


@pytest.mark.parametrize(
    ("closes", "error"), [("channel", SenderError), ("sender", SenderClosedError)]
)
async def test_interrupting_a_deque_by_a_close(closes: str, error: type[SenderError[int]]) -> None:
    """What was sent stays sent, and the deque holds exactly what was not."""
    channel = Anycast[int](limit=2)
    sender, receiver, messages = channel.new_sender(), channel.new_receiver(), deque(range(5))
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send_many, messages)
        {"channel": channel, "sender": sender}[closes].close()
    sending.failure(error)
    assert (drain(receiver), list(messages)) == ([0, 1], [2, 3, 4])


@pytest.mark.asyncio_only
async def test_native_cancellation_of_a_deque_that_was_promised_room() -> None:
    """The message that was to be next is still in the deque, and the room is the next one's."""
    channel = Anycast[int](limit=1)
    sender, receiver, messages = channel.new_sender(), channel.new_receiver(), deque([1, 2])
    many = asyncio.ensure_future(sender.send_many(messages))
    await settle()
    one = asyncio.ensure_future(sender.send(3))
    await settle()
    assert receiver.receive_nowait() == 1
    many.cancel()
    with pytest.raises(asyncio.CancelledError):
        await many
    await one
    assert (drain(receiver), list(messages)) == ([3], [2])


async def test_a_deque_is_left_alone_by_a_closed_channel() -> None:
    """Nothing is taken out when nothing can be sent."""
    channel = Anycast[int]()
    channel.close()
    messages = deque([1])
    with pytest.raises(SenderError):
        await channel.new_sender().send_many(messages)
    assert list(messages) == [1]
