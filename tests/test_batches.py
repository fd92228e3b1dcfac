"""Many messages at once: ``send_many`` and ``receive_many``."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from anycast import Anycast, ReceiverStoppedError, Sender, SenderClosedError, SenderError
from helpers import Attempt, begin, drain, settle, task_group, waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", [list, tuple, deque, iter, dict.fromkeys])
async def test_sending_many_of_any_kind(kind: Callable[[range], Any]) -> None:
    """Whatever is iterable is sent in its order."""
    channel = Anycast[int]()
    await channel.new_sender().send_many(kind(range(5)))
    assert drain(channel.new_receiver()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("limit", [0, 1, 2, math.inf])
async def test_sending_more_than_there_is_room_for(limit: float) -> None:
    """It blocks as often as it must, and order is kept."""
    channel = Anycast[int](limit=limit)
    receiver = channel.new_receiver()
    async with task_group() as tasks:
        sending = Attempt(tasks, channel.new_sender().send_many, range(20))
        assert [await receiver.receive() for _ in range(20)] == list(range(20))
    assert sending.outcome == "done"


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


@pytest.mark.parametrize("messages", [[], deque[int](), iter(())])
async def test_sending_none_through_a_closed_sender(messages: Any) -> None:
    """It raises even if there is nothing to send."""
    sender = Anycast[int]().new_sender()
    sender.close()
    with pytest.raises(SenderClosedError):
        await sender.send_many(messages)


async def test_sending_none() -> None:
    """Nothing to send is no reason to block."""
    channel = Anycast[int](limit=0)
    await channel.new_sender().send_many([])
    await channel.new_sender().send_many(deque())
    assert channel.statistics().messages_sent == 0


async def test_a_generator_is_asked_as_late_as_can_be() -> None:
    """It is asked for one message at a time, and only when the one before is sent."""
    channel = Anycast[int](limit=2)
    receiver, asked = channel.new_receiver(), list[int]()

    def numbers() -> Iterator[int]:
        for number in range(5):
            asked.append(number)
            yield number

    async with task_group() as tasks:
        sending = await begin(tasks, channel.new_sender().send_many, numbers())
        assert asked == [0, 1, 2]
        assert receiver.receive_nowait() == 0
        assert asked == [0, 1, 2]
        await settle()
        assert asked == [0, 1, 2, 3]
        sending.cancel()
    assert drain(receiver) == [1, 2]


async def test_a_generator_goes_on_after_an_interruption() -> None:
    """A second call sends the rest; only the message that was waiting for room is missing."""
    channel = Anycast[int](limit=2)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    numbers = iter(range(5))
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send_many, numbers)
        sending.cancel()
        await settle()
        assert drain(receiver) == [0, 1]
        await sender.send_many(numbers)
    assert drain(receiver) == [3, 4]


async def test_a_generator_that_raises() -> None:
    """Its error goes to the caller, and what was sent before stays sent."""
    channel = Anycast[int]()

    def numbers() -> Iterator[int]:
        yield 1
        yield 2
        raise LookupError("no more")

    with pytest.raises(LookupError, match=r"^no more$"):
        await channel.new_sender().send_many(numbers())
    await channel.new_sender().send(3)
    assert drain(channel.new_receiver()) == [1, 2, 3]
    assert waiting(channel) == (0, 0)


async def test_a_generator_that_raises_after_a_wait() -> None:
    """No room is kept for a message that never came."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()

    async def send() -> None:
        with pytest.raises(ZeroDivisionError):
            await sender.send_many(1 // number for number in (1, 1, 0))

    async with task_group() as tasks:
        tasks.start_soon(send)
        assert [await receiver.receive() for _ in range(2)] == [1, 1]
    sender.send_nowait(2)
    with pytest.raises(anyio.WouldBlock):
        sender.send_nowait(3)
    assert drain(receiver) == [2]


async def test_a_generator_that_sends() -> None:
    """What a generator sends by itself comes before what it then gives, within the limit."""
    channel = Anycast[int](limit=3)
    sender, receiver = channel.new_sender(), channel.new_receiver()

    def numbers() -> Iterator[int]:
        for number in (1, 2, 3):
            sender.send_nowait(10 * number)
            yield number

    async with task_group() as tasks:
        sending = await begin(tasks, sender.send_many, numbers())
        assert channel.statistics().current_buffer_used == 3
        assert [await receiver.receive() for _ in range(2)] == [10, 1]
        await settle()
        assert channel.statistics().peak_buffer_used == 3
        received = [await receiver.receive() for _ in range(4)]
    assert received == [20, 2, 30, 3]
    assert sending.outcome == "done"


async def test_a_generator_that_takes_the_last_room() -> None:
    """Room is looked for after the generator has run, not before."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()

    def numbers() -> Iterator[int]:
        sender.send_nowait(1)
        yield 2

    async with task_group() as tasks:
        await begin(tasks, sender.send_many, numbers())
        assert channel.statistics().current_buffer_used == 1
        assert await receiver.receive_many(2) == [1]
        assert await receiver.receive() == 2


@pytest.mark.parametrize("what", ["channel", "sender"])
async def test_a_generator_that_closes(what: str) -> None:
    """What it gives after that is not sent."""
    channel = Anycast[int]()
    sender = channel.new_sender()

    def numbers() -> Iterator[int]:
        yield 1
        {"channel": channel, "sender": sender}[what].close()
        yield 2

    with pytest.raises(SenderError):
        await sender.send_many(numbers())
    assert drain(channel.new_receiver()) == [1]


async def test_a_generator_that_receives() -> None:
    """It may even take out what was just sent."""
    channel = Anycast[int](limit=1)
    receiver, seen = channel.new_receiver(), list[int]()

    def numbers() -> Iterator[int]:
        for number in range(5):
            yield number
            seen.append(receiver.receive_nowait())

    await channel.new_sender().send_many(numbers())
    assert seen == [0, 1, 2, 3, 4]


async def test_a_generator_is_not_closed() -> None:
    """It is the caller's: after an interruption it can go on."""
    channel = Anycast[int](limit=1)
    sender = channel.new_sender()

    def numbers() -> Generator[int]:
        yield from range(10)

    generator = numbers()
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send_many, generator)
        sending.cancel()
    assert next(generator) == 2


async def test_a_newcomer_waits_behind_a_blocked_batch() -> None:
    """A batch stands in line once, and its next message behind who came meanwhile."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        await begin(tasks, sender.send_many, [0, 1, 2])
        await begin(tasks, sender.send, 100)
        received: list[int] = []
        for _ in range(4):
            received.append(await receiver.receive())
            await settle()
    assert received == [0, 1, 100, 2]


async def test_receiving_what_is_there() -> None:
    """It takes as many as there are and as were asked for, oldest first."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    await channel.new_sender().send_many(range(5))
    assert await receiver.receive_many(3) == [0, 1, 2]
    assert await receiver.receive_many(3) == [3, 4]


async def test_receiving_many_waits_for_one() -> None:
    """It waits for the first message, then takes what has come until it runs."""
    channel = Anycast[int](limit=2)
    sender = channel.new_sender()
    async with task_group() as tasks:
        receiving = await begin(tasks, channel.new_receiver().receive_many, 10)
        for number in range(3):
            sender.send_nowait(number)
    assert receiving.result == [0, 1, 2]


async def test_receiving_many_takes_nothing_promised_to_others() -> None:
    """A batch does not take what was promised to a task that waits behind."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        many = await begin(tasks, receiver.receive_many, 10)
        one = await begin(tasks, receiver.receive)
        for number in range(2):
            sender.send_nowait(number)
    assert (many.result, one.result) in [([0], 1), ([1], 0)]


async def test_receiving_many_wakes_as_many_senders() -> None:
    """All the room that a batch makes is used by those who wait longest."""
    channel = Anycast[int](limit=3)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        attempts = [await begin(tasks, sender.send, number) for number in range(8)]
        assert await receiver.receive_many(10) == [0, 1, 2]
        assert waiting(channel) == (2, 0)
        await settle()
        assert [a.outcome for a in attempts] == ["done"] * 6 + ["unfinished"] * 2
        assert sorted(await receiver.receive_many(2)) != []
        await settle()
        assert [a.outcome for a in attempts] == ["done"] * 8


async def test_receiving_many_drains_a_closed_channel() -> None:
    """What is left comes in batches, and then the end."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    await channel.new_sender().send_many(range(3))
    channel.close()
    assert await receiver.receive_many(2) == [0, 1]
    assert await receiver.receive_many(2) == [2]
    with pytest.raises(ReceiverStoppedError):
        await receiver.receive_many(2)


async def test_the_last_batch_of_a_closed_channel_ends_other_waits() -> None:
    """Who waits for the end stops when a batch takes the last message."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        many = await begin(tasks, receiver.receive_many, 10)
        one = await begin(tasks, receiver.receive)
        sender.send_nowait(0)
        channel.close()
    assert many.result == [0]
    one.failure(ReceiverStoppedError)


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
async def test_native_cancellation_of_a_batch_that_was_promised_a_message() -> None:
    """It takes none of the messages that are there."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    receiving = asyncio.ensure_future(receiver.receive_many(10))
    await settle()
    for number in range(3):
        sender.send_nowait(number)
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    assert drain(receiver) == [0, 1, 2]


async def test_batches_of_a_rendezvous() -> None:
    """With limit 0 a batch gets one message: no more can be there."""
    channel = Anycast[int](limit=0)
    receiver = channel.new_receiver()
    async with task_group() as tasks:
        await begin(tasks, channel.new_sender().send_many, range(3))
        assert [await receiver.receive_many(10) for _ in range(3)] == [[0], [1], [2]]


async def test_batches_both_ways() -> None:
    """Nothing is lost or reordered between batches of different sizes."""
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
