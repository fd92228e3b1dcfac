"""What `merge`, `map`, `filter` and nests of them share with any receiver."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from anycast import (
    Anycast,
    ChannelClosedError,
    Receiver,
    ReceiverClosedError,
    ReceiverStoppedError,
    select,
    select_nowait,
)
from combinations import TRANSPARENT
from helpers import STOPPED, begin, count_yields, drain, raises, settle, task_group, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    Combinator = Callable[[Receiver[Any]], Receiver[Any]]

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("combinator", TRANSPARENT.values(), ids=list(TRANSPARENT)),
]


class WorkFailedError(Exception):
    """The work on a message failed."""


async def channel_of(*messages: int) -> Anycast[int]:
    """Return a channel that holds messages."""
    channel = Anycast[int]()
    await channel.new_sender().send_many(messages)
    return channel


async def lease_one(receiver: Receiver[int], leased: list[int]) -> None:
    """Take a message on lease, and end the lease as done."""
    async with receiver.lease() as message:
        leased.append(message)


async def test_receives_what_is_there(combinator: Combinator) -> None:
    """Every form of receiving gives messages in order, and counts them as received."""
    channel = await channel_of(1, 2, 3, 4, 5)
    receiver = combinator(channel.new_receiver())
    assert await receiver.receive() == 1
    assert receiver.receive_nowait() == 2
    assert await receiver.receive_many(2) == [3, 4]
    assert channel.statistics().messages_received == 4
    channel.close()
    assert [message async for message in receiver] == [5]


async def test_receives_what_comes(combinator: Combinator) -> None:
    """The task waits in the channel, and gets its message there."""
    channel = Anycast[int](limit=0)
    receiver = combinator(channel.new_receiver())
    async with task_group() as tasks:
        attempts = [await begin(tasks, receiver.receive) for _ in range(2)]
        attempts.append(await begin(tasks, channel.new_receiver().receive))
        assert waiting(channel) == (0, 3)
        for message in (1, 2, 3):
            channel.new_sender().send_nowait(message)
            await settle()  # trio runs tasks that are awake in any order
    assert [attempt.result for attempt in attempts] == [1, 2, 3]


async def test_a_batch_waits_for_one_message_only(combinator: Combinator) -> None:
    """The call waits for the first message, and takes the messages that are stored by then."""
    channel = Anycast[int]()
    receiver = combinator(channel.new_receiver())
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive_many, 9)
        channel.new_sender().send_nowait(1)
        channel.new_sender().send_nowait(2)
    assert attempt.result == [1, 2]


@pytest.mark.parametrize("limit", [0, 1])
async def test_receives_what_blocked_senders_offer(combinator: Combinator, limit: int) -> None:
    """Every way to receive takes the offered message without a wait, and the senders go on."""
    channel = Anycast[int](limit=limit)
    sender, receiver = channel.new_sender(), combinator(channel.new_receiver())
    leased: list[int] = []
    async with task_group() as tasks:
        attempts = [await begin(tasks, sender.send, number) for number in range(7 + limit)]
        assert receiver.receive_nowait() == 0
        assert await count_yields(lease_one(receiver, leased)) == 0
        assert await receiver.receive_many(3) == [2, 3, 4]
        assert select_nowait(receiver.receiving()).result() == 5
        assert await count_yields(receiver.receive()) == 0
        assert waiting(channel) == (0, 0)
        await settle()
        assert [attempt.outcome for attempt in attempts] == ["done"] * (7 + limit)
    assert leased == [1]
    assert drain(receiver) == [7] * limit


async def test_a_batch_takes_turns_with_blocked_batches(combinator: Combinator) -> None:
    """The order is the order of single receives."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), combinator(channel.new_receiver())
    async with task_group() as tasks:
        for batch in ([10, 11, 12], [20, 21]):
            await begin(tasks, sender.send_many, batch)
        assert await receiver.receive_many(9) == [10, 20, 11, 21, 12]


async def test_a_batch_at_the_end(combinator: Combinator) -> None:
    """The batch has the messages that are left, and the next batch raises at the end."""
    channel = await channel_of(1, 2)
    receiver = combinator(channel.new_receiver())
    channel.close()
    assert await receiver.receive_many(9) == [1, 2]
    with pytest.raises(ReceiverStoppedError):
        await receiver.receive_many(9)


@pytest.mark.parametrize(
    ("size", "error", "text"),
    [
        (0, ValueError, "`max_messages` must be >= 1, not 0"),
        ("1", TypeError, "`max_messages` must be an int, not '1'"),
    ],
)
async def test_wrong_size_of_a_batch(
    combinator: Combinator, size: Any, error: type[Exception], text: str
) -> None:
    """A wrong size raises, and no message is received."""
    channel = await channel_of(1)
    with raises(error, text):
        await combinator(channel.new_receiver()).receive_many(size)
    assert drain(channel.new_receiver()) == [1]


async def test_nothing_to_receive(combinator: Combinator) -> None:
    """Without a message, a call that does not wait raises WouldBlock."""
    receiver = combinator(Anycast[int]().new_receiver())
    with pytest.raises(anyio.WouldBlock):
        receiver.receive_nowait()


async def test_the_end_of_the_channel(combinator: Combinator) -> None:
    """The error tells the combinator that was used, and the channel that is closed."""
    channel = Anycast[int](name="numbers")
    receiver = combinator(channel.new_receiver())
    channel.close()
    with raises(ReceiverStoppedError, f"{receiver} {STOPPED}") as caught:
        await receiver.receive()
    assert caught.value.receiver is receiver
    assert type(caught.value.__cause__) is ChannelClosedError
    assert caught.value.__cause__.channel is channel
    with pytest.raises(ReceiverStoppedError):
        receiver.receive_nowait()
    assert [message async for message in receiver] == []


async def test_the_channel_is_closed_while_a_task_waits(combinator: Combinator) -> None:
    """The task is woken, and told which combinator has stopped and why."""
    channel = Anycast[int]()
    receiver = combinator(channel.new_receiver())
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        channel.close()
    failure = attempt.failure(ReceiverStoppedError)
    assert failure.receiver is receiver
    assert type(failure.__cause__) is ChannelClosedError


async def test_closing_leaves_messages_to_the_others(combinator: Combinator) -> None:
    """A waiting task raises, and the messages stay in the channel."""
    channel = Anycast[int]()
    receiver, other = combinator(channel.new_receiver()), channel.new_receiver()
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        receiver.close()
        receiver.close()
        channel.new_sender().send_nowait(1)
    failure = attempt.failure(ReceiverClosedError)
    assert str(failure) == f"{receiver} is closed"
    assert (failure.receiver, failure.__cause__) == (receiver, None)
    assert channel.statistics().open_receivers == 1
    assert drain(other) == [1]


async def test_dropping_leaves_messages_to_the_others(combinator: Combinator) -> None:
    """A loop that is left half-way takes no further message."""
    channel = await channel_of(1, 2, 3)
    async for message in combinator(channel.new_receiver()):
        assert message == 1
        break
    assert drain(channel.new_receiver()) == [2, 3]


async def test_with_closes_it(combinator: Combinator) -> None:
    """A derived receiver is a context manager, as every receiver is."""
    channel = Anycast[int]()
    with combinator(channel.new_receiver()):
        assert channel.statistics().open_receivers == 1
    async with combinator(channel.new_receiver()):
        assert channel.statistics().open_receivers == 1
    assert channel.statistics().open_receivers == 0


async def test_a_clone_is_closed_on_its_own(combinator: Combinator) -> None:
    """The clone receives in the same way, and goes on when the original is closed."""
    channel = await channel_of(1)
    receiver = combinator(channel.new_receiver())
    clone = receiver.clone()
    receiver.close()
    assert await clone.receive() == 1
    with pytest.raises(ReceiverClosedError):
        await receiver.receive()
    with pytest.raises(ReceiverClosedError):
        receiver.clone()


async def test_a_receive_that_is_cancelled_while_it_waits(combinator: Combinator) -> None:
    """A cancelled receive takes no message, and leaves no waiter in a queue."""
    channel = Anycast[int]()
    receiver = combinator(channel.new_receiver())
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        attempt.cancel()
        await settle()
        assert waiting(channel) == (0, 0)
        channel.new_sender().send_nowait(1)
    assert attempt.outcome == "cancelled"
    assert drain(channel.new_receiver()) == [1]


async def test_a_receive_that_is_cancelled_too_late(combinator: Combinator) -> None:
    """The receive returns the message that it was given, and takes no other message."""
    channel = Anycast[int]()
    receiver = combinator(channel.new_receiver())
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        channel.new_sender().send_nowait(1)
        channel.new_sender().send_nowait(2)
        attempt.cancel()
    assert attempt.result == 1
    assert drain(channel.new_receiver()) == [2]


@pytest.mark.asyncio_only
async def test_a_receive_that_is_natively_cancelled_too_late(combinator: Combinator) -> None:
    """A native cancellation strikes in the next receive that waits."""
    channel = Anycast[int]()
    receiver = combinator(channel.new_receiver())
    received: list[int] = []

    async def receive() -> None:
        while True:
            received.append(await receiver.receive())

    task = asyncio.ensure_future(receive())
    await settle()
    channel.new_sender().send_nowait(1)
    task.cancel()
    await asyncio.wait([task])
    assert (task.cancelled(), received) == (True, [1])
    assert waiting(channel) == (0, 0)
    channel.new_sender().send_nowait(2)
    assert drain(channel.new_receiver()) == [2]


async def receive_one(receiver: Receiver[int]) -> int:
    """Receive."""
    return await receiver.receive()


async def receive_batch(receiver: Receiver[int]) -> int:
    """Receive a batch of a single message."""
    (message,) = await receiver.receive_many(1)
    return message


async def receive_in_loop(receiver: Receiver[int]) -> int:
    """Receive in a loop."""
    return await anext(receiver)


async def receive_on_lease(receiver: Receiver[int]) -> int:
    """Receive on a lease."""
    async with receiver.lease() as message:
        return message


async def receive_in_select(receiver: Receiver[int]) -> int:
    """Receive in a `select`."""
    return (await select(receiver.receiving())).result()


@pytest.mark.parametrize("closes", ["receiver", "channel", "sender"])
@pytest.mark.parametrize(
    "way", [receive_one, receive_batch, receive_in_loop, receive_on_lease, receive_in_select]
)
async def test_a_close_leaves_it_what_it_was_given(
    combinator: Combinator, way: Callable[[Receiver[int]], Any], closes: str
) -> None:
    """A message that was given before the close stays with the task, which runs later."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), combinator(channel.new_receiver())
    async with task_group() as tasks:
        attempt = await begin(tasks, way, receiver)
        sender.send_nowait(1)
        {"receiver": receiver, "channel": channel, "sender": sender}[closes].close()
    assert attempt.result == 1
    now = channel.statistics()
    assert (now.messages_sent, now.messages_received) == (1, 1)


async def test_in_a_select(combinator: Combinator) -> None:
    """The operation of a derived receiver happens when a message is there, with the message."""
    quiet, channel = Anycast[int](), await channel_of(1)
    receiver = combinator(channel.new_receiver())
    operation, other = receiver.receiving(), combinator(quiet.new_receiver()).receiving()
    assert await select(other, operation) is operation
    assert operation.result() == 1
    async with task_group() as tasks:
        attempt = await begin(tasks, select, other, operation)
        channel.new_sender().send_nowait(2)
    assert attempt.result is operation
    assert operation.result() == 2
    assert waiting(quiet) == waiting(channel) == (0, 0)


async def test_the_result_of_what_has_not_happened(combinator: Combinator) -> None:
    """`result` raises an error that says that the operation has not happened."""
    operation = combinator((await channel_of(1)).new_receiver()).receiving()
    text = "the operation has not happened: `select` did not return it"
    with raises(RuntimeError, text):
        operation.result()


async def test_the_end_in_a_select(combinator: Combinator) -> None:
    """At the end the operation happens, and each call of `result` raises."""
    channel = Anycast[int]()
    receiver = combinator(channel.new_receiver())
    operation = receiver.receiving()
    channel.close()
    assert await select(operation) is operation
    for _ in range(2):
        with raises(ReceiverStoppedError, f"{receiver} {STOPPED}") as caught:
            operation.result()
        assert caught.value.receiver is receiver


async def test_a_lease_that_is_done(combinator: Combinator) -> None:
    """The message counts as received once the block has ended, and the channel may end."""
    channel = await channel_of(1)
    receiver = combinator(channel.new_receiver())
    channel.close()
    async with receiver.lease() as message:
        assert message == 1
        with pytest.raises(anyio.WouldBlock):
            receiver.receive_nowait()
    with pytest.raises(ReceiverStoppedError):
        receiver.receive_nowait()


async def test_a_lease_that_waits(combinator: Combinator) -> None:
    """Leases wait in the channel as receives do."""
    channel = Anycast[int]()
    leased: list[int] = []
    async with task_group() as tasks:
        await begin(tasks, lease_one, combinator(channel.new_receiver()), leased)
        channel.new_sender().send_nowait(1)
    assert leased == [1]


async def test_a_lease_that_is_given_back(combinator: Combinator) -> None:
    """The message is back at the head of its channel."""
    channel = await channel_of(1, 2)
    with pytest.raises(WorkFailedError):
        async with combinator(channel.new_receiver()).lease():
            raise WorkFailedError
    assert drain(channel.new_receiver()) == [1, 2]
    assert channel.statistics().messages_received == 2


async def test_a_lease_at_the_end(combinator: Combinator) -> None:
    """At the end, entering the block raises."""
    channel = Anycast[int]()
    receiver = combinator(channel.new_receiver())
    channel.close()
    with raises(ReceiverStoppedError, f"{receiver} {STOPPED}"):
        await lease_one(receiver, [])
