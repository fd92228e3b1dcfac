"""A batch that waits for further messages: ``receive_many`` with ``within``."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

import pytest
from anyio import fail_after, move_on_after, to_thread

from anycast import Anycast, Receiver, ReceiverStoppedError, merge
from combinations import TRANSPARENT, OddError, only_even
from helpers import begin, drain, raises, settle, task_group, waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

pytestmark = pytest.mark.anyio

DEADLINE = 20.0  # in seconds, for what would hang
A_MOMENT = 0.001  # in seconds, for a time that is to be over
KINDS: dict[str, Callable[[Receiver[int]], Receiver[int]]] = {
    "receiver": lambda receiver: receiver,
    **TRANSPARENT,
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


class Ends:
    """A channel and its endpoints, with a combinator on the receiver."""

    def __init__(
        self, kind: Callable[[Receiver[int]], Receiver[int]] = KINDS["receiver"], limit: float = 10
    ) -> None:
        self.channel = Anycast[int](limit=limit)
        self.sender = self.channel.new_sender()
        self.source = self.channel.new_receiver()
        self.receiver = kind(self.source)

    async def collect(self, most: int = 3) -> list[int]:
        """Receive a batch, however long that takes."""
        return await self.receiver.receive_many(most, within=math.inf)


@each_kind
async def test_a_batch_that_is_there(kind: Callable[[Receiver[int]], Receiver[int]]) -> None:
    """A full batch is returned at once, without a wait for the time."""
    ends = Ends(kind)
    await ends.sender.send_many(range(4))
    assert await ends.collect() == [0, 1, 2]
    assert drain(ends.source) == [3]


@each_kind
@pytest.mark.parametrize("limit", [0, 1])
async def test_messages_that_come_meanwhile(
    kind: Callable[[Receiver[int]], Receiver[int]], limit: int
) -> None:
    """The batch is returned as soon as the batch has as many messages as asked for."""
    ends = Ends(kind, limit)
    async with task_group() as tasks:
        batch = await begin(tasks, ends.collect)
        for number in range(3):
            assert batch.outcome == "unfinished"
            await ends.sender.send(number)
            await settle()
        assert batch.result == [0, 1, 2]
    now = ends.channel.statistics()
    assert (now.messages_sent, now.messages_received) == (3, 3)


@each_kind
@pytest.mark.parametrize("within", [0, A_MOMENT])
async def test_the_time_is_up(
    kind: Callable[[Receiver[int]], Receiver[int]], within: float
) -> None:
    """The batch has the messages that have come, and the channel works on."""
    ends = Ends(kind)
    await ends.sender.send_many([1, 2])
    assert await ends.receiver.receive_many(3, within=within) == [1, 2]
    await ends.sender.send(3)
    assert await ends.receiver.receive_many(3, within=within) == [3]
    assert waiting(ends.channel) == (0, 0)


async def test_the_time_begins_with_the_first_message() -> None:
    """The first message is waited for as long as that takes."""
    ends = Ends()
    async with task_group() as tasks:
        batch = await begin(tasks, lambda: ends.receiver.receive_many(3, within=0))
        assert batch.outcome == "unfinished"
        await ends.sender.send(1)
        await settle()
        assert batch.result == [1]


@each_kind
async def test_a_batch_that_is_cancelled(kind: Callable[[Receiver[int]], Receiver[int]]) -> None:
    """The batch has taken no message: all messages are back at the head, in order."""
    ends = Ends(kind)
    await ends.sender.send_many([1, 2])
    before = ends.channel.statistics()
    async with task_group() as tasks:
        batch = await begin(tasks, ends.collect)
        assert drain(ends.source) == []
        batch.cancel()
        await settle()
        assert batch.outcome == "cancelled"
    assert ends.channel.statistics() == before
    await ends.sender.send(3)
    assert drain(ends.source) == [1, 2, 3]


async def test_an_outer_time_is_up() -> None:
    """A timeout around the call cancels the batch, and not the wait for further messages alone."""
    ends = Ends()
    await ends.sender.send(1)
    with move_on_after(A_MOMENT) as scope:
        await ends.collect()
    assert scope.cancelled_caught
    assert drain(ends.source) == [1]


@each_kind
async def test_tasks_that_wait_when_a_batch_is_cancelled(
    kind: Callable[[Receiver[int]], Receiver[int]],
) -> None:
    """The first messages go to the tasks that have waited longest, and the rest to the head."""
    ends = Ends(kind)
    await ends.sender.send_many([1, 2, 3])
    async with task_group() as tasks:
        batch = await begin(tasks, ends.collect, 9)
        first, second = [await begin(tasks, ends.source.receive) for _ in range(2)]
        batch.cancel()
        await settle()
        assert (first.result, second.result) == (1, 2)
    assert drain(ends.source) == [3]


async def test_a_batch_of_several_channels_that_is_cancelled() -> None:
    """Each message goes back to its own channel, in order."""
    one, two = Ends(), Ends()
    await one.sender.send_many([1, 2])
    await two.sender.send_many([3, 4])
    merged = merge(one.source, two.source)
    async with task_group() as tasks:
        batch = await begin(tasks, lambda: merged.receive_many(9, within=math.inf))
        other = await begin(tasks, two.source.receive)
        batch.cancel()
        await settle()
        assert other.result == 3
    assert (drain(one.source), drain(two.source)) == ([1, 2], [4])


@pytest.mark.asyncio_only
async def test_a_native_cancellation_of_a_batch() -> None:
    """The message that was given in the same step goes back with the rest."""
    ends = Ends()
    await ends.sender.send(1)
    batch = asyncio.ensure_future(ends.collect())
    await settle()
    ends.sender.send_nowait(2)
    batch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await batch
    assert drain(ends.source) == [1, 2]


@pytest.mark.asyncio_only
async def test_a_native_cancellation_of_a_batch_that_is_complete() -> None:
    """The batch is returned, and the cancellation is delivered at the next wait."""
    ends = Ends()
    await ends.sender.send(1)
    results: list[list[int]] = []

    async def script() -> None:
        results.append(await ends.collect(2))
        await settle()

    task = asyncio.ensure_future(script())
    await settle()
    ends.sender.send_nowait(2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert results == [[1, 2]]


@pytest.mark.asyncio_only
async def test_a_batch_that_is_destroyed() -> None:
    """The messages go back when the waiting coroutine is closed."""
    ends = Ends()
    await ends.sender.send_many([1, 2])
    batch = asyncio.ensure_future(ends.collect())
    await settle()
    coroutine: Any = batch.get_coro()
    with pytest.raises(RuntimeError, match="cancel scope in a different task"):  # of anyio
        coroutine.close()
    assert drain(ends.source) == [1, 2]
    batch.cancel()
    await asyncio.wait([batch])


@each_kind
async def test_a_close_completes_a_batch(kind: Callable[[Receiver[int]], Receiver[int]]) -> None:
    """No further message will be sent, so there is no reason to wait."""
    ends = Ends(kind)
    await ends.sender.send_many([1, 2])
    async with task_group() as tasks:
        batch = await begin(tasks, ends.collect)
        ends.channel.close()
        await settle()
        assert batch.result == [1, 2]
    with pytest.raises(ReceiverStoppedError), fail_after(DEADLINE):
        await ends.collect()


@each_kind
async def test_a_batch_of_a_closed_channel(kind: Callable[[Receiver[int]], Receiver[int]]) -> None:
    """The batch has the messages that are left, even while other messages are on lease."""
    ends = Ends(kind)
    await ends.sender.send_many([1, 2, 3])
    async with ends.source.lease():
        ends.channel.close()
        assert await ends.collect() == [2, 3]


async def test_the_end_waits_for_a_batch() -> None:
    """The messages of a batch may come back, so other receivers wait for the end."""
    ends = Ends()
    other = Ends()
    await ends.sender.send(1)
    merged = merge(ends.receiver, other.receiver)
    async with task_group() as tasks:
        batch = await begin(tasks, lambda: merged.receive_many(2, within=math.inf))
        ends.channel.close()
        receiving = await begin(tasks, ends.source.receive)
        assert receiving.outcome == "unfinished"
        batch.cancel()
        await settle()
        assert receiving.result == 1


async def test_a_merge_whose_source_is_closed_during_a_batch() -> None:
    """The batch waits for the open source, and later receives ask both sources again."""
    one, two = Ends(), Ends()
    await one.sender.send_many([1, 2])
    merged = merge(one.source, two.source)
    async with task_group() as tasks, one.source.lease():
        batch = await begin(tasks, lambda: merged.receive_many(2, within=math.inf))
        one.channel.close()
        await two.sender.send(3)
        await settle()
        assert batch.result == [2, 3]
    assert drain(merged) == []


@each_kind
async def test_a_receiver_that_is_closed_during_a_batch(
    kind: Callable[[Receiver[int]], Receiver[int]],
) -> None:
    """The task keeps the messages that were taken before the close."""
    ends = Ends(kind)
    await ends.sender.send_many([1, 2])
    async with task_group() as tasks:
        batch = await begin(tasks, ends.collect)
        ends.receiver.close()
        await settle()
        assert batch.result == [1, 2]


async def test_a_join_waits_for_a_batch() -> None:
    """The messages of a batch are held until the batch is complete."""
    ends = Ends()
    await ends.sender.send(1)
    async with task_group() as tasks:
        batch = await begin(tasks, ends.collect, 2)
        join = await begin(tasks, ends.channel.join)
        assert join.outcome == "unfinished"
        await ends.sender.send(2)
        await settle()
        assert (batch.outcome, join.outcome) == ("done", "done")


async def test_a_batch_counts_for_no_lease() -> None:
    """A message that a batch has given back was never on lease."""
    ends = Ends()
    await ends.sender.send(1)
    async with task_group() as tasks:
        batch = await begin(tasks, ends.collect)
        batch.cancel()
    lease = ends.receiver.lease()
    async with lease:
        assert lease.deliveries == 1


def leave(operation: Callable[[], Coroutine[Any, Any, list[int]]]) -> asyncio.Task[list[int]]:
    """Return a task that waits in an event loop that is over."""
    loop = asyncio.new_event_loop()
    left = loop.create_task(operation())
    loop.run_until_complete(settle())
    loop.close()
    return left


def destroy(left: asyncio.Task[list[int]]) -> None:
    """Destroy a task that was left."""
    coroutine: Any = left.get_coro()
    with pytest.raises(RuntimeError):  # of anyio
        coroutine.close()
    left._log_destroy_pending = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("merged", [False, True])
async def test_a_batch_that_was_left_in_a_closed_event_loop(*, merged: bool) -> None:
    """The messages come back, in order, when the next event loop waits in the channel."""
    ends = (
        Ends(lambda receiver: merge(receiver, Anycast[int]().new_receiver())) if merged else Ends()
    )
    ends.sender.send_nowait(1)
    ends.sender.send_nowait(2)

    left = await to_thread.run_sync(leave, ends.collect)
    async with task_group() as tasks:
        join = await begin(tasks, ends.channel.join)
        assert join.outcome == "unfinished"
        assert drain(ends.source) == [1, 2]
        await settle()
        assert join.outcome == "done"
    destroy(left)
    assert drain(ends.source) == []


async def test_a_filtered_batch_that_was_left_in_a_closed_event_loop() -> None:
    """The messages of the batch come back. A message that the filter has dropped stays dropped."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    for number in range(1, 6):
        sender.send_nowait(number)

    even = receiver.filter(lambda number: number % 2 == 0)
    left = await to_thread.run_sync(leave, partial(even.receive_many, 9, within=math.inf))
    with fail_after(DEADLINE):
        assert await receiver.receive_many(9) == [2, 4]
    channel.close()
    with pytest.raises(ReceiverStoppedError):
        receiver.receive_nowait()
    destroy(left)


@pytest.mark.usefixtures("no_garbage_collection")
async def test_a_batch_does_not_keep_what_a_filter_drops() -> None:
    """A message that was dropped is free, however long the batch waits."""

    class Message:
        pass

    channel = Anycast[Message]()
    sender = channel.new_sender()
    none = channel.new_receiver().filter(lambda _: False)
    async with task_group() as tasks:
        batch = await begin(tasks, partial(none.receive_many, 9, within=math.inf))
        messages = [Message() for _ in range(4)]
        dropped = [ref(message) for message in messages]
        while messages:
            sender.send_nowait(messages.pop())
            await settle()
        assert [message() is None for message in dropped].count(True) >= 3
        batch.cancel()


async def test_an_error_of_a_function_completes_a_batch() -> None:
    """The messages before the error are returned, and the next receive raises the error."""
    ends = Ends(lambda receiver: receiver.map(only_even))
    await ends.sender.send_many([2, 4, 5, 6])
    assert await ends.collect(9) == [2, 4]
    with pytest.raises(OddError), fail_after(DEADLINE):
        await ends.collect(9)
    assert drain(ends.receiver) == [6]


async def test_an_error_of_the_first_message() -> None:
    """There is no batch, and the message is received."""
    ends = Ends(lambda receiver: receiver.map(only_even))
    await ends.sender.send_many([5, 6])
    with pytest.raises(OddError):
        await ends.collect()
    assert drain(ends.receiver) == [6]


async def test_an_interrupt_of_a_function() -> None:
    """An error that is no Exception gives the messages back."""

    def interrupt(number: int) -> int:
        if number == 3:
            raise KeyboardInterrupt
        return number

    ends = Ends(lambda receiver: receiver.map(interrupt))
    await ends.sender.send_many([1, 2, 3])
    with pytest.raises(KeyboardInterrupt):
        await ends.collect()
    assert drain(ends.source) == [1, 2]


@pytest.mark.usefixtures("no_garbage_collection")
async def test_nothing_is_kept_of_a_batch_that_an_error_has_completed() -> None:
    """Once the error was raised, no reference cycle holds the message of the error."""

    class Message:
        """A message that can be weakly referred to."""

    def fail(message: object) -> object:
        if isinstance(message, Message):
            raise OddError
        return message

    channel = Anycast[object]()
    receiver = channel.new_receiver().map(fail)
    message = Message()
    kept = ref(message)
    await channel.new_sender().send_many(deque([1, message]))
    del message
    assert await receiver.receive_many(3, within=math.inf) == [1]
    with suppress(OddError):
        await receiver.receive()
    assert kept() is None


@pytest.mark.parametrize(
    ("within", "error", "text"),
    [
        (-1, ValueError, "`within` must be >= 0, not -1"),
        (10**400, ValueError, f"`within` must be a number that fits a float, not {10**400}"),
        (math.nan, ValueError, "`within` must be >= 0, not nan"),
        (True, TypeError, "`within` must be a number of seconds or math.inf, not True"),
        ("1", TypeError, "`within` must be a number of seconds or math.inf, not '1'"),
    ],
)
@each_kind
async def test_a_wrong_time(
    kind: Callable[[Receiver[int]], Receiver[int]], within: Any, error: type[Exception], text: str
) -> None:
    """The error names the argument, and no message is taken."""
    ends = Ends(kind)
    await ends.sender.send(1)
    with raises(error, text):
        await ends.receiver.receive_many(2, within=within)
    assert drain(ends.source) == [1]
