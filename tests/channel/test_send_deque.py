"""A deque of messages: ``send_many`` takes out only messages that are sent."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest
from anyio import WouldBlock

from anycast import Anycast, SenderClosedError, SenderError, select
from helpers import Attempt, begin, drain, settle, task_group, waiting

pytestmark = pytest.mark.anyio


async def test_a_deque_ends_up_empty() -> None:
    """Sent messages are taken out of a deque, and stay in any other collection."""
    channel = Anycast[int]()
    messages, others = deque([1, 2, 3]), [4, 5]
    await channel.new_sender().send_many(messages)
    await channel.new_sender().send_many(others)
    assert list(messages) == []
    assert others == [4, 5]
    assert drain(channel.new_receiver()) == [1, 2, 3, 4, 5]


async def test_a_deque_shows_what_is_not_sent_while_it_blocks() -> None:
    """Each message leaves the deque in the step in which the message is sent."""
    channel = Anycast[int](limit=2)
    receiver, messages = channel.new_receiver(), deque(range(5))
    async with task_group() as tasks:
        await begin(tasks, channel.new_sender().send_many, messages)
        assert list(messages) == [2, 3, 4]
        assert receiver.receive_nowait() == 0
        assert list(messages) == [3, 4]
        await settle()
        assert list(messages) == [3, 4]
        assert await receiver.receive_many(3) == [1, 2, 3]
        assert list(messages) == []
        assert drain(receiver) == [4]


async def test_a_deque_that_grows_while_it_is_sent() -> None:
    """Messages that are appended during the call are sent, too: the deque ends up empty."""
    channel = Anycast[int](limit=1)
    receiver, messages = channel.new_receiver(), deque([1, 2])
    async with task_group() as tasks:
        await begin(tasks, channel.new_sender().send_many, messages)
        messages.append(3)
        messages.appendleft(0)
        assert [await receiver.receive() for _ in range(4)] == [1, 0, 2, 3]
    assert not messages


@pytest.mark.parametrize("limit", [0, 1])
@pytest.mark.parametrize("size", [1, 9])
async def test_a_deque_emptied_by_someone_else_while_blocked(limit: int, size: int) -> None:
    """The call ends without a send, and its turn goes to the next task in the queue."""
    channel = Anycast[int](limit=limit)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    messages = deque([1, 2])
    async with task_group() as tasks:
        await sender.send_many(range(limit))
        many = await begin(tasks, sender.send_many, messages)
        one = await begin(tasks, sender.send, 3)
        messages.clear()
        received = await receiver.receive_many(size)
        assert waiting(channel) == (0, 0)
        await settle()
        assert (many.outcome, one.outcome) == ("done", "done")
    assert [*received, *drain(receiver)] == [*range(limit), 3]


async def test_a_deque_emptied_while_blocked_on_a_rendezvous() -> None:
    """The receiver that the turn was for is left to the next sender."""
    channel = Anycast[int](limit=0)
    sender, receiver, messages = channel.new_sender(), channel.new_receiver(), deque([1])
    async with task_group() as tasks:
        many = await begin(tasks, sender.send_many, messages)
        messages.clear()
        with pytest.raises(WouldBlock):
            receiver.receive_nowait()
        receiving = await begin(tasks, receiver.receive)
        assert many.outcome == "done"
        assert receiving.outcome == "unfinished"
        sender.send_nowait(2)
    assert receiving.result == 2


async def test_a_deque_emptied_by_its_owner_while_others_select() -> None:
    """A select finds an emptied batch not ready, and waits for the next message."""
    channel = Anycast[int](limit=0)
    sender, receiver, messages = channel.new_sender(), channel.new_receiver(), deque([1])
    async with task_group() as tasks:
        many = await begin(tasks, sender.send_many, messages)
        messages.clear()
        selecting = await begin(tasks, select, receiving := receiver.receiving())
        assert (many.outcome, selecting.outcome) == ("done", "unfinished")
        sender.send_nowait(2)
    assert receiving.result() == 2


async def test_a_deque_that_is_filled_again_while_blocked() -> None:
    """Peers take the message that is next in the deque at that time."""
    channel = Anycast[int](limit=0)
    sender, receiver, messages = channel.new_sender(), channel.new_receiver(), deque([1])
    async with task_group() as tasks:
        many = await begin(tasks, sender.send_many, messages)
        messages.clear()
        messages.extend([2, 3])
        assert [receiver.receive_nowait() for _ in range(2)] == [2, 3]
        await settle()
        assert many.outcome == "done"


async def test_two_tasks_sending_one_deque() -> None:
    """The two calls share the messages, and no message is sent twice."""
    channel = Anycast[int](limit=1)
    sender, receiver, messages = channel.new_sender(), channel.new_receiver(), deque(range(20))
    async with task_group() as tasks:
        attempts = [Attempt(tasks, sender.send_many, messages) for _ in range(2)]
        received = [await receiver.receive() for _ in range(20)]
        with pytest.raises(WouldBlock):
            receiver.receive_nowait()
    assert received == list(range(20))
    assert [attempt.outcome for attempt in attempts] == ["done", "done"]


async def test_a_deque_of_two_blocked_tasks_is_received_in_one_batch() -> None:
    """The messages are taken in their order, and each message once."""
    channel = Anycast[int](limit=0)
    sender, receiver, messages = channel.new_sender(), channel.new_receiver(), deque(range(7))
    async with task_group() as tasks:
        attempts = [await begin(tasks, sender.send_many, messages) for _ in range(2)]
        assert await receiver.receive_many(20) == list(range(7))
        assert waiting(channel) == (0, 0)
    assert [attempt.outcome for attempt in attempts] == ["done", "done"]


async def test_a_deque_subclass_is_a_deque() -> None:
    """Messages are taken out of any kind of deque."""

    class Pending(deque[int]):
        """A deque of a user's own class."""

    messages = Pending([1, 2], maxlen=5)
    await Anycast[int]().new_sender().send_many(messages)
    assert not messages


@pytest.mark.parametrize("sent_first", [0, 1, 3])
async def test_interrupting_a_deque_by_a_cancellation(sent_first: int) -> None:
    """Sent messages stay sent, and the deque has exactly the unsent messages."""
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
    """Sent messages stay sent, and the deque has exactly the unsent messages."""
    channel = Anycast[int](limit=2)
    sender, receiver, messages = channel.new_sender(), channel.new_receiver(), deque(range(5))
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send_many, messages)
        {"channel": channel, "sender": sender}[closes].close()
    sending.failure(error)
    assert (drain(receiver), list(messages)) == ([0, 1], [2, 3, 4])


@pytest.mark.parametrize("how", ["cancel", "channel", "sender"])
@pytest.mark.parametrize("limit", [0, 2])
async def test_interrupting_a_deque_of_which_peers_took_some(how: str, limit: int) -> None:
    """The messages that peers took are received once, and the deque has the unsent messages."""
    channel = Anycast[int](limit=limit)
    sender, receiver, messages = channel.new_sender(), channel.new_receiver(), deque(range(6))
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send_many, messages)
        received = [receiver.receive_nowait(), *await receiver.receive_many(2)]
        if how == "cancel":
            sending.cancel()
        else:
            {"channel": channel, "sender": sender}[how].close()
        await settle()
        assert waiting(channel) == (0, 0)
        received += drain(receiver)
    assert sending.outcome == ("cancelled" if how == "cancel" else "failed")
    assert received == list(range(3 + limit))
    assert [*received, *messages] == list(range(6))
    assert channel.statistics().messages_sent == 3 + limit


@pytest.mark.asyncio_only
async def test_a_native_cancellation_of_a_deque_with_messages_left() -> None:
    """Peers have taken some, the rest is the owner's, and the next in the queue goes on."""
    channel = Anycast[int](limit=1)
    sender, receiver, messages = channel.new_sender(), channel.new_receiver(), deque([1, 2, 3])
    many = asyncio.ensure_future(sender.send_many(messages))
    await settle()
    one = asyncio.ensure_future(sender.send(4))
    await settle()
    assert receiver.receive_nowait() == 1
    many.cancel()
    with pytest.raises(asyncio.CancelledError):
        await many
    assert list(messages) == [3]
    assert [await receiver.receive() for _ in range(2)] == [2, 4]
    await one


class Unwilling(deque[int]):
    """A deque whose own methods refuse to take out a message."""

    def popleft(self) -> int:
        """Fail."""
        raise OSError

    def pop(self) -> int:  # type: ignore[override]
        """Fail."""
        raise OSError

    def clear(self) -> None:
        """Fail."""
        raise OSError


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("limit", [0, 1, 3, 8])
async def test_a_deque_subclass_does_not_disturb_peers(limit: int, many: bool) -> None:
    """No overridden method runs in the step of a receiver or of the sender."""
    channel = Anycast[int](limit=limit)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    messages = Unwilling(range(8))
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send_many, messages)
        received: list[int] = []
        while len(received) < 8:
            received += await receiver.receive_many(3) if many else [receiver.receive_nowait()]
        assert waiting(channel) == (0, 0)
    assert received == list(range(8))
    assert (sending.outcome, len(messages)) == ("done", 0)


async def test_a_deque_is_left_alone_by_a_closed_channel() -> None:
    """A closed channel takes no message out of the deque."""
    channel = Anycast[int]()
    channel.close()
    messages = deque([1])
    with pytest.raises(SenderError):
        await channel.new_sender().send_many(messages)
    assert list(messages) == [1]
