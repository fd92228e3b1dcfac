"""`merge`: a receiver over several receivers."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from anycast import Anycast, ChannelClosedError, ReceiverClosedError, ReceiverStoppedError, merge
from combinations import Foreign
from helpers import STOPPED, begin, drain, raises, settle, task_group, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


class WorkFailedError(Exception):
    """The work on a message failed."""


def two_channels(limit: int = 10) -> tuple[Anycast[int], Anycast[int]]:
    """Return two channels."""
    return Anycast[int](name="one", limit=limit), Anycast[int](name="two", limit=limit)


async def test_it_is_fair_among_those_that_are_always_ready() -> None:
    """Each of four sources gets at least a tenth of 10,000 rounds."""
    channels = [Anycast[int](limit=math.inf) for _ in range(4)]
    for number, channel in enumerate(channels):
        await channel.new_sender().send_many([number] * 10_000)
    receiver = merge(*(channel.new_receiver() for channel in channels))
    counts = Counter([await receiver.receive() for _ in range(10_000)])
    assert len(counts) == 4
    assert min(counts.values()) > 1_000


async def test_each_channel_keeps_its_order() -> None:
    """The messages of each channel come in order, however the channels mix."""
    one, two = two_channels()
    await one.new_sender().send_many([1, 2, 3])
    await two.new_sender().send_many([11, 12, 13])
    messages = await merge(one.new_receiver(), two.new_receiver()).receive_many(6)
    assert [message for message in messages if message < 10] == [1, 2, 3]
    assert [message for message in messages if message > 10] == [11, 12, 13]


async def test_it_waits_in_all_channels_and_spawns_no_task() -> None:
    """A single task waits in each queue, and leaves every queue when the task goes on."""
    one, two = two_channels(limit=0)
    receiver = merge(one.new_receiver(), two.new_receiver())
    async with task_group() as tasks:
        before = len(anyio.get_running_tasks())
        attempt = await begin(tasks, receiver.receive)
        assert len(anyio.get_running_tasks()) == before + 1
        assert (waiting(one), waiting(two)) == ((0, 1), (0, 1))
        two.new_sender().send_nowait(2)
        assert (waiting(one), waiting(two)) == ((0, 0), (0, 0))
        with pytest.raises(anyio.WouldBlock):
            one.new_sender().send_nowait(1)
    assert attempt.result == 2


async def test_it_goes_on_when_one_has_ended() -> None:
    """One channel ends before the wait and one during the wait, and the last channel goes on."""
    ended, one, two = Anycast[int](), *two_channels()
    receiver = merge(ended.new_receiver(), one.new_receiver(), two.new_receiver())
    ended.close()
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        one.close()
        await settle()
        assert (attempt.outcome, waiting(two)) == ("unfinished", (0, 1))
        two.new_sender().send_nowait(2)
    assert attempt.result == 2


async def test_it_goes_on_when_one_receiver_was_closed() -> None:
    """A closed source is left out, and its messages go to other receivers."""
    one, two = two_channels()
    closed = one.new_receiver()
    receiver = merge(closed, two.new_receiver())
    await one.new_sender().send(1)
    await two.new_sender().send(2)
    closed.close()
    assert await receiver.receive() == 2
    with pytest.raises(anyio.WouldBlock):
        receiver.receive_nowait()


@pytest.mark.parametrize("last", ["one", "two"])
async def test_it_ends_when_all_have_ended(last: str) -> None:
    """The error tells the merge, and the channel that ended last."""
    one, two = two_channels()
    receiver = merge(one.new_receiver(), two.new_receiver())
    first, second = (two, one) if last == "one" else (one, two)
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        first.close()
        await settle()
        second.close()
    failure = attempt.failure(ReceiverStoppedError)
    text = f"merge(Anycast:one:_Receiver, Anycast:two:_Receiver) {STOPPED}"
    assert (str(failure), failure.receiver) == (text, receiver)
    assert type(failure.__cause__) is ChannelClosedError
    assert failure.__cause__.channel is second
    with raises(ReceiverStoppedError, text) as caught:
        receiver.receive_nowait()
    assert type(caught.value.__cause__) is ChannelClosedError


async def test_it_drains_what_is_left() -> None:
    """Channels that are closed give what they hold before the merge ends."""
    one, two = two_channels()
    receiver = merge(one.new_receiver(), two.new_receiver())
    await one.new_sender().send_many([1, 2])
    await two.new_sender().send(3)
    one.close()
    two.close()
    assert sorted([message async for message in receiver]) == [1, 2, 3]


async def test_several_tasks_wait_in_it_when_it_ends() -> None:
    """Each waiting task is woken at the end."""
    one, two = two_channels()
    receiver = merge(one.new_receiver(), two.new_receiver())
    async with task_group() as tasks:
        attempts = [await begin(tasks, receiver.receive) for _ in range(3)]
        one.close()
        two.close()
    for attempt in attempts:
        assert attempt.failure(ReceiverStoppedError).receiver is receiver


async def test_an_open_lease_keeps_it_from_ending() -> None:
    """The merge waits for a message on lease, and receives the message if it comes back."""
    one, two = two_channels()
    receiver = merge(one.new_receiver(), two.new_receiver())
    await one.new_sender().send(1)
    one.close()
    two.close()
    lease = receiver.lease()
    await lease.__aenter__()
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        assert attempt.outcome == "unfinished"
        await lease.__aexit__(WorkFailedError, WorkFailedError(), None)
    assert attempt.result == 1
    with pytest.raises(ReceiverStoppedError):
        await receiver.receive()


async def test_operations_made_before_a_channel_ended() -> None:
    """Operations that were made before the end notice the end, and go on with the open sources."""
    one, two = two_channels()
    receiver = merge(one.new_receiver(), two.new_receiver())
    async with task_group() as tasks:
        early = await begin(tasks, receiver.receive)
        late = await begin(tasks, receiver.receive)
        one.close()
        await settle()
        two.new_sender().send_nowait(1)
        two.new_sender().send_nowait(2)
    assert {early.result, late.result} == {1, 2}


async def test_it_takes_what_blocked_senders_offer() -> None:
    """The merge takes from the blocked senders of each source, with or without a buffer."""
    channels = [Anycast[int](limit=limit) for limit in (0, 0, 1, 10)]
    receiver = merge(*(channel.new_receiver() for channel in channels))
    received: list[int] = []
    async with task_group() as tasks:
        for number, channel in enumerate(channels):
            sender = channel.new_sender()
            await begin(tasks, sender.send_many, [100 * number + each for each in range(12)])
        for _ in range(8):
            received.append(receiver.receive_nowait())
            received.append(await receiver.receive())
        while len(received) < 48:
            received += await receiver.receive_many(48)
    for number in range(4):
        of_one = [message for message in received if message // 100 == number]
        assert of_one == [100 * number + each for each in range(12)]


async def test_one_of_a_kind_twice() -> None:
    """The same receiver twice counts once, and two receivers of a channel share the channel."""
    channel = Anycast[int]()
    twice = channel.new_receiver()
    receiver = merge(twice, twice, channel.new_receiver())
    await channel.new_sender().send_many([1, 2, 3])
    assert await receiver.receive_many(9) == [1, 2, 3]
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        assert waiting(channel) == (
            0,
            2,
        )  # once for each receiver, although only one message will be taken
        channel.new_sender().send_nowait(4)
        assert waiting(channel) == (0, 0)
        channel.new_sender().send_nowait(5)
    assert attempt.result == 4
    assert drain(channel.new_receiver()) == [5]
    channel.close()
    with pytest.raises(ReceiverStoppedError):
        await receiver.receive()


async def test_closing_closes_all() -> None:
    """Each channel has one receiver less, and keeps its messages."""
    one, two = two_channels()
    receiver = merge(one.new_receiver(), two.new_receiver())
    await two.new_sender().send(2)
    receiver.close()
    assert (one.statistics().open_receivers, two.statistics().open_receivers) == (0, 0)
    assert drain(two.new_receiver()) == [2]
    with raises(
        ReceiverClosedError, "merge(Anycast:one:_Receiver, Anycast:two:_Receiver) is closed"
    ) as caught:
        await receiver.receive()
    assert caught.value.__cause__ is None


async def test_a_clone_has_clones_of_all() -> None:
    """A close of the clone leaves the original open."""
    one, two = two_channels()
    receiver = merge(one.new_receiver(), two.new_receiver())
    clone = receiver.clone()
    assert str(clone) == str(receiver)
    assert two.statistics().open_receivers == 2
    clone.close()
    await two.new_sender().send(2)
    assert await receiver.receive() == 2


async def test_receivers_of_several_kinds() -> None:
    """A receiver of another kind of channel can be a source."""
    one, two = two_channels()
    receiver = merge(one.new_receiver(), Foreign(two.new_receiver()))
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        two.new_sender().send_nowait(2)
    assert attempt.result == 2


async def test_a_merge_within_a_merge() -> None:
    """The outer merge goes on after all sources of the inner merge have ended."""
    one, two = two_channels()
    source = merge(one.new_receiver(), one.new_receiver())
    receiver = merge(source, two.new_receiver())
    one.close()
    await two.new_sender().send(2)
    two.close()
    assert [message async for message in receiver] == [2]


async def test_str_and_repr() -> None:
    """The texts show the sources."""
    one, two = two_channels()
    first, second = one.new_receiver(), two.new_receiver()
    receiver = merge(first, second)
    assert str(receiver) == "merge(Anycast:one:_Receiver, Anycast:two:_Receiver)"
    assert repr(receiver) == f"merge({first!r}, {second!r})"


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ([], ValueError, "`receivers` must be at least one, not none"),
        (
            [3],
            TypeError,
            "`receivers` must each come from `new_receiver`, `map`, `filter` or `merge`, not be 3",
        ),
    ],
)
async def test_wrong_arguments(arguments: list[Any], error: type[Exception], text: str) -> None:
    """Wrong arguments are refused at once."""
    wrong: Callable[..., object] = merge
    with raises(error, text):
        wrong(*arguments)
