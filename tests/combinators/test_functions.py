"""`map` and `filter`: what their functions return, and what becomes of what they raise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from anycast import Anycast, Receiver, ReceiverStoppedError, merge, select, select_nowait
from combinations import FAILING, WAITING, WAYS, Foreign, OddError, even, everything, lease, same
from helpers import begin, drain, raises, settle, task_group, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    Combinator = Callable[[Receiver[int]], Receiver[int]]

pytestmark = pytest.mark.anyio

failing = pytest.mark.parametrize("combinator", FAILING.values(), ids=list(FAILING))


async def channel_of(*messages: int) -> Anycast[int]:
    """Return a channel that holds messages."""
    channel = Anycast[int]()
    await channel.new_sender().send_many(messages)
    return channel


async def test_map_gives_what_the_function_returns() -> None:
    """Falsy results and None are ordinary messages."""
    channel = await channel_of(0, 1, 2, 3)
    receiver = channel.new_receiver().map([None, "", "two", 3.0].__getitem__)
    assert await receiver.receive_many(9) == [None, "", "two", 3.0]


async def test_filter_gives_what_the_predicate_accepts() -> None:
    """Rejected messages are gone and count as received, and any truthy result accepts."""
    channel = await channel_of(0, 1, 2, 0, 3)
    assert await channel.new_receiver().filter(same).receive_many(9) == [1, 2, 3]
    assert channel.statistics().messages_received == 5


async def test_filter_waits_until_a_message_is_accepted() -> None:
    """A task whose message is turned away waits on, in the channel's line."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver().filter(even)
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        await sender.send_many([1, 3])
        await settle()
        assert (attempt.outcome, waiting(channel)) == ("unfinished", (0, 1))
        await sender.send(4)
    assert attempt.result == 4


async def test_filter_without_waiting() -> None:
    """A rejected message is gone, even if no message is left."""
    channel = await channel_of(1, 3)
    with pytest.raises(anyio.WouldBlock):
        channel.new_receiver().filter(even).receive_nowait()
    assert channel.statistics().current_buffer_used == 0


async def test_filter_turns_away_what_blocked_senders_offer() -> None:
    """A call that does not wait takes one offer after another, until a message is accepted."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver().filter(even)
    async with task_group() as tasks:
        attempts = [await begin(tasks, sender.send, number) for number in (1, 3, 4, 5, 6, 7)]
        assert receiver.receive_nowait() == 4
        assert select_nowait(receiver.receiving()).result() == 6
        with pytest.raises(anyio.WouldBlock):
            receiver.receive_nowait()
        await settle()
        assert [attempt.outcome for attempt in attempts] == ["done"] * 6


async def test_a_close_after_a_message_that_is_turned_away() -> None:
    """The message was received before the close; the task then waits, and learns of the end."""
    channel = Anycast[int]()
    receiver = channel.new_receiver().filter(even)
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        channel.new_sender().send_nowait(1)
        channel.close()
    assert attempt.failure(ReceiverStoppedError).receiver is receiver
    assert channel.statistics().messages_received == 1


async def test_filter_yields_while_it_turns_messages_away() -> None:
    """With ``yield_every=1`` a receive that drops a message can be cancelled."""
    channel = Anycast[int](yield_every=1)
    channel.new_sender().send_nowait(1)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await channel.new_receiver().filter(even).receive()
    assert scope.cancelled_caught
    assert drain(channel.new_receiver()) == [1]


async def test_a_leased_message_that_is_turned_away() -> None:
    """The lease of a rejected message ends, the next message is leased, and the channel may end."""
    channel = await channel_of(1, 2)
    receiver = channel.new_receiver().filter(even)
    channel.close()
    async with receiver.lease() as message:
        assert message == 2
    with pytest.raises(ReceiverStoppedError):
        receiver.receive_nowait()


async def test_a_mapped_lease_gives_back_the_message_itself() -> None:
    """The original message comes back, and not the result of the function."""
    channel = await channel_of(1)

    async def fail() -> None:
        async with channel.new_receiver().map(str).lease() as message:
            assert message == "1"
            raise OddError

    with pytest.raises(OddError):
        await fail()
    assert drain(channel.new_receiver()) == [1]


async def test_the_function_is_called_once_for_each_message() -> None:
    """The function is called once for each message, in order."""
    channel, seen = await channel_of(1, 2), list[int]()
    receiver = channel.new_receiver().map(seen.append)
    await receiver.receive()
    assert seen == [1]
    receiver.receive_nowait()
    with pytest.raises(anyio.WouldBlock):
        receiver.receive_nowait()
    assert seen == [1, 2]


@failing
@pytest.mark.parametrize("way", WAYS)
async def test_what_the_function_raises(combinator: Combinator, way: Any) -> None:
    """The error reaches the caller, the message counts as received, and the receiver goes on."""
    channel = await channel_of(1, 2)
    receiver = combinator(channel.new_receiver())
    channel.close()
    with raises(OddError, "1"):
        await way(receiver)
    assert channel.statistics().messages_received == 1
    assert await receiver.receive() == 2
    with pytest.raises(ReceiverStoppedError):
        receiver.receive_nowait()


@failing
@pytest.mark.parametrize("way", WAITING)
async def test_what_the_function_raises_after_a_wait(combinator: Combinator, way: Any) -> None:
    """The error reaches the waiting task, and no other task."""
    channel = Anycast[int]()
    receiver = combinator(channel.new_receiver())

    async def fail() -> None:
        with raises(OddError, "1"):
            await way(receiver)

    async with task_group() as tasks:
        await begin(tasks, fail)
        channel.new_sender().send_nowait(1)
    assert waiting(channel) == (0, 0)
    channel.new_sender().send_nowait(2)
    assert await receiver.receive() == 2


@pytest.mark.parametrize("error", [ReceiverStoppedError, anyio.EndOfStream])
async def test_the_function_raises_what_an_end_would(error: type[Exception]) -> None:
    """In a loop, such an error is not mistaken for the end of the channel."""

    def fail(number: int) -> None:
        raise error(number)

    receiver = (await channel_of(1)).new_receiver().map(fail)

    async def loop() -> None:
        async for _ in receiver:
            raise AssertionError

    with pytest.raises(error) as caught:
        await loop()
    assert type(caught.value) is error


async def test_the_function_raises_would_block() -> None:
    """In a batch, such an error is not mistaken for an empty channel."""

    class NotYetError(anyio.WouldBlock):
        """The error that the function raises."""

    def fail(number: int) -> int:
        if number == 2:
            raise NotYetError
        return number

    receiver = (await channel_of(1, 2)).new_receiver().map(fail)
    assert await receiver.receive_many(9) == [1]
    with pytest.raises(NotYetError):
        receiver.receive_nowait()


async def test_an_interrupt_in_the_function() -> None:
    """The interrupt goes straight on, and the message counts as received, leased or not."""

    def interrupt(number: int) -> int:
        raise KeyboardInterrupt(number)

    channel = await channel_of(1, 2)
    receiver = channel.new_receiver()
    channel.close()
    with pytest.raises(KeyboardInterrupt):
        await receiver.map(interrupt).receive()
    with pytest.raises(KeyboardInterrupt):
        await lease(receiver.filter(interrupt))
    with pytest.raises(ReceiverStoppedError):
        await receiver.receive()


@failing
@pytest.mark.parametrize("way", WAYS)
async def test_a_failure_in_a_batch(combinator: Combinator, way: Any) -> None:
    """The batch has the messages before the error, the next call raises, and the next goes on."""
    receiver = combinator((await channel_of(2, 4, 1, 6)).new_receiver())
    assert await receiver.receive_many(9) == [2, 4]
    with raises(OddError, "1"):
        await way(receiver)
    assert await receiver.receive_many(9) == [6]


async def test_a_batch_takes_no_more_than_wanted() -> None:
    """A message that would fail is left alone if the batch is full."""
    receiver = FAILING["map"]((await channel_of(2, 1)).new_receiver())
    assert await receiver.receive_many(1) == [2]
    with raises(OddError, "1"):
        await receiver.receive()


async def test_a_failure_can_be_asked_for_again() -> None:
    """The operation keeps the error until the next `select`, and the traceback does not grow."""
    operation = FAILING["map"]((await channel_of(1, 2)).new_receiver()).receiving()
    await select(operation)
    depths: list[int] = []
    for _ in range(2):
        with raises(OddError, "1") as caught:
            operation.result()
        depths.append(len(caught.traceback))
    assert depths[0] == depths[1]
    await select(operation)
    assert operation.result() == 2


async def test_the_traceback_shows_the_function() -> None:
    """The traceback ends in the function, and shows few frames of this library."""
    with raises(OddError, "1") as caught:
        await FAILING["nested"]((await channel_of(1)).new_receiver()).receive()
    names = [entry.name for entry in caught.traceback]
    assert names[-1] == "only_even"
    assert names[1:4] == ["receive", "take_result", "result"]
    assert set(names[4:-1]) <= {"<lambda>"}


async def test_operations_that_share_a_function() -> None:
    """Each operation has a result of its own."""
    receiver = (await channel_of(1, 2)).new_receiver().map(str)
    one, two = receiver.receiving(), receiver.receiving()
    await select(one)
    await select(two)
    assert (one.result(), two.result()) == ("1", "2")


async def test_str_and_repr() -> None:
    """The texts show the sources."""
    receiver = Anycast[int](name="numbers").new_receiver()
    made = receiver.map(same).filter(everything)
    assert str(made) == "filter(map(Anycast:numbers:_Receiver))"
    assert repr(made) == f"filter(map({receiver!r}))"


@pytest.mark.parametrize("wrong", [None, 3])
async def test_wrong_functions(wrong: Any) -> None:
    """A wrong function is refused at once, before a message is taken."""
    receiver = Anycast[int]().new_receiver()
    with raises(TypeError, f"`function` must be callable, not {wrong}"):
        receiver.map(wrong)
    with raises(TypeError, f"`predicate` must be callable, not {wrong}"):
        receiver.filter(wrong)


async def test_they_nest() -> None:
    """A merge of filters of maps, of channels of two kinds, gives what each lets through."""
    one, two = await channel_of(1, 2, 3), await channel_of(10, 11, 12)
    receiver = merge(
        one.new_receiver().map(str).filter("2".__ne__),
        Foreign(two.new_receiver()).filter(even).map(float).map(str),
    )
    one.close()
    two.close()
    assert sorted([message async for message in receiver]) == ["1", "10.0", "12.0", "3"]


async def test_two_batches_at_once_and_an_error() -> None:
    """The error of the first batch stays, although the second batch has no error."""

    def picky(message: int) -> int:
        if message == 1:
            raise OddError("1")
        return message

    channel = Anycast[int](limit=10)
    receiver = channel.new_receiver().map(picky)
    async with task_group() as tasks:
        other = await begin(tasks, receiver.receive_many, 10)
        for number in (0, 2, 1, 3):
            channel.new_sender().send_nowait(number)
        assert await receiver.receive_many(10) == [2]  # 0 was given to the other task
    assert other.result == [0, 3]
    with raises(OddError, "1"):
        receiver.receive_nowait()


async def test_the_end_of_two_tasks_that_receive_through_one_receiver() -> None:
    """Each error names the receiver, even if another task was served in between."""
    channel = await channel_of(0)
    receiver = channel.new_receiver().map(str)
    await receiver.receive()
    async with task_group() as tasks:
        served = await begin(tasks, receiver.receive)
        ended = await begin(tasks, receiver.receive)
        channel.new_sender().send_nowait(1)
        await settle()
        channel.close()
    assert served.result == "1"
    assert ended.failure(ReceiverStoppedError).receiver is receiver


async def test_a_function_that_raises_stop_async_iteration() -> None:
    """StopAsyncIteration of a function is not mistaken for the end of the channel."""

    def stop(_: int) -> int:
        raise StopAsyncIteration

    with raises(RuntimeError, "a function raised StopAsyncIteration"):
        async for _ in (await channel_of(1)).new_receiver().map(stop):
            raise AssertionError


async def test_an_error_after_a_batch_comes_before_what_is_received_next() -> None:
    """The error comes first even if the receiver has a cached operation of an earlier receive."""

    def picky(message: int) -> int:
        if message == 2:
            raise OddError("2")
        return message

    receiver = (await channel_of(0, 1, 2, 3)).new_receiver().map(picky)
    assert await receiver.receive() == 0
    assert await receiver.receive_many(10) == [1]
    with raises(OddError, "2"):
        await receiver.receive()
    assert await receiver.receive() == 3
