"""Many messages at once: ``send_many``."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from anycast import Anycast, SenderClosedError, SenderError
from helpers import Attempt, begin, count_yields, drain, settle, task_group, waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", [list, tuple, deque, iter, dict.fromkeys])
async def test_sending_many_of_any_kind(kind: Callable[[range], Any]) -> None:
    """Any iterable is sent in its order."""
    channel = Anycast[int]()
    await channel.new_sender().send_many(kind(range(5)))
    assert drain(channel.new_receiver()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("limit", [0, 1, 2, math.inf])
async def test_sending_more_than_there_is_room_for(limit: float) -> None:
    """The call blocks as often as needed, and keeps the order."""
    channel = Anycast[int](limit=limit)
    receiver = channel.new_receiver()
    async with task_group() as tasks:
        sending = Attempt(tasks, channel.new_sender().send_many, range(20))
        assert [await receiver.receive() for _ in range(20)] == list(range(20))
    assert sending.outcome == "done"


@pytest.mark.parametrize("messages", [[], deque[int](), iter(())])
async def test_sending_none_through_a_closed_sender(messages: Any) -> None:
    """The call raises even without a message to send."""
    sender = Anycast[int]().new_sender()
    sender.close()
    with pytest.raises(SenderClosedError):
        await sender.send_many(messages)


async def test_sending_none() -> None:
    """A batch without a message does not block."""
    channel = Anycast[int](limit=0)
    await channel.new_sender().send_many([])
    await channel.new_sender().send_many(deque())
    assert channel.statistics().messages_sent == 0


@pytest.mark.parametrize("settles", [False, True])
async def test_a_newcomer_waits_behind_a_blocked_batch(settles: bool) -> None:
    """A batch stands in the queue once, and moves behind newcomers after each message."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        await begin(tasks, sender.send_many, [0, 1, 2])
        await begin(tasks, sender.send, 100)
        received: list[int] = []
        for _ in range(4):
            received.append(await receiver.receive())
            if settles:
                await settle()
    assert received == [0, 1, 100, 2]


@pytest.mark.parametrize("limit", [0, 1, 2])
async def test_blocked_batches_take_turns(limit: int) -> None:
    """After each message a batch goes to the end of the queue, behind senders and batches alike."""
    channel = Anycast[int](limit=limit)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        await sender.send_many(list(range(limit)))
        attempts = [
            await begin(tasks, sender.send_many, [10, 11, 12]),
            await begin(tasks, sender.send_many, [20, 21]),
            await begin(tasks, sender.send, 30),
            await begin(tasks, sender.send_many, [40, 41, 42, 43]),
        ]
        assert waiting(channel) == (4, 0)
        received = [receiver.receive_nowait() for _ in range(limit + 10)]
        assert waiting(channel) == (0, 0)
    assert received == [*range(limit), 10, 20, 30, 40, 11, 21, 41, 12, 42, 43]
    assert [attempt.outcome for attempt in attempts] == ["done"] * 4


@pytest.mark.parametrize("kind", [list, tuple, deque])
@pytest.mark.parametrize("limit", [0, 1, 5])
async def test_a_blocked_batch_wakes_once(limit: int, kind: Callable[[range], Any]) -> None:
    """The task of a batch runs once, whether messages are received one by one or in batches."""
    channel = Anycast[int](limit=limit)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    yields: list[int] = []

    async def send() -> None:
        yields.append(await count_yields(sender.send_many(kind(range(100)))))

    async with task_group() as tasks:
        await begin(tasks, send)
        received: list[int] = []
        for _ in range(30):
            received.append(receiver.receive_nowait())
            received += await receiver.receive_many(2)
            await settle()
            assert not yields
        received += drain(receiver)
        assert waiting(channel) == (0, 0)
    assert received == list(range(100))
    assert yields == [1]


async def test_a_batch_gives_to_each_receiver_that_waits_before_it_blocks() -> None:
    """Each waiting receiver gets a message, and the rest waits for later receivers."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        receivings = [await begin(tasks, receiver.receive) for _ in range(3)]
        sending = await begin(tasks, sender.send_many, list(range(5)))
        assert [receiving.result for receiving in receivings] == [0, 1, 2]
        assert (sending.outcome, waiting(channel)) == ("unfinished", (1, 0))
        assert await receiver.receive_many(9) == [3, 4]


@pytest.mark.parametrize(
    ("what", "error"), [("channel", SenderError), ("sender", SenderClosedError)]
)
async def test_a_close_does_not_undo_a_batch_that_was_taken(
    what: str, error: type[SenderError[int]]
) -> None:
    """A batch whose last message was taken returns, and a batch with messages left raises."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        whole = await begin(tasks, sender.send_many, [1, 2])
        part = await begin(tasks, sender.send_many, [10, 20, 30])
        assert await receiver.receive_many(4) == [1, 10, 2, 20]
        {"channel": channel, "sender": sender}[what].close()
    assert whole.outcome == "done"
    part.failure(error)
    assert channel.statistics().messages_sent == 4


async def test_a_generator_is_asked_as_late_as_can_be() -> None:
    """The generator is asked for a message only after the message before was sent."""
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
    """The error of the generator goes to the caller, and sent messages stay sent."""
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
    """A generator that raises leaves no room reserved in the buffer."""
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
    """A message that the generator sends itself comes before the message that it yields."""
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
        assert waiting(channel) == (1, 0)
        assert channel.statistics().current_buffer_used == 1
        assert await receiver.receive_many(2) == [1, 2]


@pytest.mark.parametrize("what", ["channel", "sender"])
async def test_a_generator_that_closes(what: str) -> None:
    """The messages that the generator yields after the close are not sent."""
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
    """A generator may receive the message that was just sent."""
    channel = Anycast[int](limit=1)
    receiver, seen = channel.new_receiver(), list[int]()

    def numbers() -> Iterator[int]:
        for number in range(5):
            yield number
            seen.append(receiver.receive_nowait())

    await channel.new_sender().send_many(numbers())
    assert seen == [0, 1, 2, 3, 4]


async def test_a_generator_is_not_closed() -> None:
    """The caller can go on with the generator after an interruption."""
    channel = Anycast[int](limit=1)
    sender = channel.new_sender()

    def numbers() -> Generator[int]:
        yield from range(10)

    generator = numbers()
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send_many, generator)
        sending.cancel()
    assert next(generator) == 2


@pytest.mark.parametrize("kind", [list, deque, iter])
async def test_a_batch_and_the_peak(kind: Callable[[range], Any]) -> None:
    """The peak counts all messages that a batch stored in one step."""
    channel = Anycast[int]()
    await channel.new_sender().send_many(kind(range(3)))
    assert channel.statistics().peak_buffer_used == 3


async def test_an_iterator_is_left_alone_by_a_closed_channel() -> None:
    """No message is asked for that cannot be sent."""
    channel = Anycast[int]()
    channel.close()
    messages = iter([1, 2])
    with pytest.raises(SenderError):
        await channel.new_sender().send_many(messages)
    assert list(messages) == [1, 2]
