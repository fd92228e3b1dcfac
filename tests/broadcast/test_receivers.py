"""Every receiver gets every message: which tasks wait, what is lost, and which errors come."""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

import hubs
from anycast import (
    Anycast,
    Broadcast,
    BroadcastStatistics,
    ReceiverClosedError,
    ReceiverLaggedError,
    ReceiverStoppedError,
    SenderError,
    merge,
    select,
    select_nowait,
)
from anycast._waiting.budget import this_thread
from helpers import begin, count_yields, drain, drain_through_gaps, raises, settle, task_group
from operations import OPERATIONS, RECEIVES

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from anycast import Receiver
    from helpers import Attempt

pytestmark = pytest.mark.anyio


def dropping(limit: float = 2, **options: Any) -> Broadcast[int]:
    """Return a channel whose receivers drop."""
    return Broadcast(name="news", limit=limit, overflow="drop_oldest", **options)


def lagging(**options: Any) -> tuple[Broadcast[int], Receiver[int]]:
    """Return a channel, and a receiver that has lost 0 and has 1 and 2 to read."""
    channel = dropping(**options)
    receiver = channel.new_receiver()
    for number in range(3):
        channel.new_sender().send_nowait(number)
    return channel, receiver


async def read(receiver: Receiver[int], messages: list[int]) -> None:
    """Receive all messages until the end of the channel."""
    async for message in receiver:
        messages.append(message)  # noqa: PERF401  kept if the loop raises


async def fail(receiver: Receiver[int], work: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Take a message on lease, work, and give the message back."""
    with suppress(ZeroDivisionError):
        async with receiver.lease():
            await work()
            raise ZeroDivisionError


@pytest.mark.parametrize("limit", [1, 2, math.inf])
@pytest.mark.parametrize("yield_every", [1, 64])
async def test_every_receiver_gets_every_message(limit: float, yield_every: int) -> None:
    """All receivers get the messages of several senders in the same order."""
    channel = Broadcast[int](limit=limit, yield_every=yield_every)
    received: list[list[int]] = [[] for _ in range(3)]
    async with task_group() as tasks:
        for messages in received:
            tasks.start_soon(read, channel.new_receiver(), messages)
        async with task_group() as senders:
            for start in range(3):
                senders.start_soon(channel.new_sender().send_many, [*range(start, 60, 3)])
        channel.close()
    assert sorted(received[0]) == list(range(60))
    assert received[1] == received[2] == received[0]


async def test_every_receiver_gets_the_same_object() -> None:
    """A message is never copied."""
    channel = Broadcast[object]()
    receivers = channel.new_receiver(), channel.new_receiver()
    await channel.new_sender().send(message := object())
    assert all(receiver.receive_nowait() is message for receiver in receivers)


async def test_a_sender_waits_for_the_slowest_receiver() -> None:
    """The send waits as long as a blocking receiver is full, and then all have the message."""
    channel = Broadcast[int](limit=1)
    slow, fast = channel.new_receiver(), channel.new_receiver()
    sender = channel.new_sender()
    await sender.send(0)
    with raises(anyio.WouldBlock, "a receiver has no room"):
        sender.send_nowait(1)
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        assert fast.receive_nowait() == 0
        await settle()
        assert sending.outcome == "unfinished"
        assert slow.receive_nowait() == 0
    assert drain(fast) == drain(slow) == [1]


async def test_blocked_senders_take_turns() -> None:
    """The sender that has waited longest goes first, and no newcomer overtakes."""
    channel = Broadcast[int](limit=1)
    receiver, sender = channel.new_receiver(), channel.new_sender()
    await sender.send(0)
    async with task_group() as tasks:
        for number in (1, 2):
            await begin(tasks, sender.send, number)
        assert receiver.receive_nowait() == 0
        with pytest.raises(anyio.WouldBlock):
            sender.send_nowait(3)
        assert drain(receiver) == [1, 2]


async def test_a_batch_that_is_blocked_goes_on_as_far_as_there_is_room() -> None:
    """A receiver that takes many messages lets as many senders go on."""
    channel = Broadcast[int](limit=2)
    slow, fast = channel.new_receiver(), channel.new_receiver(limit=math.inf)
    async with task_group() as tasks:
        sending = await begin(tasks, channel.new_sender().send_many, [*range(6)])
        assert await slow.receive_many(3) == [0, 1, 2]
        assert drain(fast) == [0, 1, 2, 3, 4]
        assert slow.receive_nowait() == 3
        await settle()
        assert sending.outcome == "done"
    assert (drain(slow), drain(fast)) == ([4, 5], [5])


async def test_closing_a_receiver_lets_blocked_senders_go_on() -> None:
    """A receiver that is closed drops its unread messages, so blocked senders go on."""
    channel = Broadcast[int](limit=1)
    slow, fast = channel.new_receiver(), channel.new_receiver()
    sender = channel.new_sender()
    await sender.send(0)
    assert fast.receive_nowait() == 0
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        slow.close()
        assert fast.receive_nowait() == 1
    assert sending.outcome == "done"
    with pytest.raises(ReceiverClosedError):
        slow.receive_nowait()


async def test_without_a_receiver_a_send_succeeds_at_once() -> None:
    """The message of the send is dropped."""
    channel = Broadcast[int](limit=1)
    for number in range(3):
        await channel.new_sender().send(number)
    assert drain(channel.new_receiver()) == []


async def test_each_receiver_has_its_own_options() -> None:
    """An option that a receiver does not set is the option of the channel."""
    channel = dropping(limit=1)
    keeps = channel.new_receiver(limit=3)
    silent = channel.new_receiver(raise_on_lag=False)
    loud = channel.new_receiver()
    for number in range(3):
        await channel.new_sender().send(number)
    channel.new_receiver(limit=1, overflow="block")
    channel.new_sender().send_nowait(3)
    with pytest.raises(anyio.WouldBlock):
        channel.new_sender().send_nowait(4)
    assert drain_through_gaps(keeps) == ["1", 1, 2, 3]
    assert drain_through_gaps(silent) == [3]
    assert drain_through_gaps(loud) == ["3", 3]
    assert (keeps.lost, silent.lost, loud.lost) == (1, 3, 3)


async def test_a_receiver_that_lags_is_told_once_and_goes_on() -> None:
    """The number is exact, and stands where the messages were lost."""
    _, receiver = lagging()
    with raises(
        ReceiverLaggedError, "Broadcast:news:_Receiver#1 was too slow, and lost 1 message"
    ) as caught:
        await receiver.receive()
    assert (caught.value.lost, caught.value.receiver) == (1, receiver)
    assert [await receiver.receive() for _ in range(2)] == [1, 2]
    with pytest.raises(anyio.WouldBlock):
        receiver.receive_nowait()


async def test_a_lag_grows_until_it_is_told() -> None:
    """One error tells the number of all messages that were lost in a row."""
    channel, receiver = lagging()
    for number in (3, 4):
        await channel.new_sender().send(number)
    with raises(
        ReceiverLaggedError, "Broadcast:news:_Receiver#1 was too slow, and lost 3 messages"
    ):
        receiver.receive_nowait()
    assert drain(receiver) == [3, 4]


async def test_a_loop_ends_by_a_lag_and_a_new_loop_goes_on() -> None:
    """The slow client is dropped, loudly."""
    channel, receiver = lagging()
    channel.close()
    messages: list[int] = []
    with pytest.raises(ReceiverLaggedError):
        await read(receiver, messages)
    await read(receiver, messages)
    assert messages == [1, 2]


async def test_a_lag_is_told_before_the_end() -> None:
    """The error comes first, then the messages that are left, and then the end of the channel."""
    channel, receiver = lagging(limit=1)
    channel.close()
    assert drain_through_gaps(receiver) == ["2", 2]
    with pytest.raises(ReceiverStoppedError):
        receiver.receive_nowait()


async def test_a_closed_receiver_tells_no_lag() -> None:
    """The error of a closed receiver wins over the error for a lag."""
    _, receiver = lagging()
    receiver.close()
    for attempt in (receiver.receive(), receiver.receive_many(2), select(receiver.receiving())):
        with pytest.raises(ReceiverClosedError):
            (await attempt).result()  # type: ignore[union-attr]  # only `select` comes so far
    with pytest.raises(ReceiverClosedError):
        receiver.receive_nowait()
    assert receiver.lost == 1


async def by_lease(receiver: Receiver[int]) -> int:
    """Receive with a lease."""
    async with receiver.lease() as message:
        return message


async def by_select(receiver: Receiver[int]) -> int:
    """Receive in a select."""
    idle = Anycast[int]().new_receiver()
    return (await select(idle.receiving(), receiver.receiving())).result()


async def by_select_nowait(receiver: Receiver[int]) -> int:
    """Receive in a select that never waits."""
    return select_nowait(receiver.receiving()).result()


async def by_batch(receiver: Receiver[int]) -> int:
    """Receive a batch of one message."""
    return (await receiver.receive_many(1))[0]


async def by_batch_within(receiver: Receiver[int]) -> int:
    """Receive a batch of one message, with a time to wait."""
    return (await receiver.receive_many(1, within=1))[0]


WAYS: list[Callable[[Receiver[int]], Coroutine[Any, Any, int]]] = [
    lambda receiver: receiver.receive(),
    lambda receiver: receiver.__anext__(),
    by_lease,
    by_select,
    by_select_nowait,
    by_batch,
    by_batch_within,
    lambda receiver: receiver.map(abs).receive(),
    lambda receiver: receiver.filter(lambda _: True).receive(),
    lambda receiver: merge(receiver, Anycast[int]().new_receiver()).receive(),
    lambda receiver: by_lease(merge(receiver, Anycast[int]().new_receiver())),
    lambda receiver: by_batch_within(receiver.map(abs)),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("yield_every", [1, 64])
async def test_every_way_to_receive_tells_a_lag_once(way: Any, yield_every: int) -> None:
    """The error names the receiver that lost messages; the message comes next."""
    channel, receiver = lagging(yield_every=yield_every)
    with pytest.raises(ReceiverLaggedError) as caught:
        await way(receiver)
    assert (caught.value.lost, caught.value.receiver) == (1, receiver)
    assert await way(receiver) == 1
    assert await way(receiver) == 2
    assert channel._core.idle


@pytest.mark.parametrize("within", [None, 0, 60])
async def test_a_batch_ends_before_a_gap(within: float | None) -> None:
    """The next receive tells the gap."""
    channel, receiver = lagging()
    with pytest.raises(ReceiverLaggedError):
        await receiver.receive_many(10, within=within)
    async with receiver.lease() as message:  # the head is lost meanwhile, behind this message
        for number in (3, 4):
            channel.new_sender().send_nowait(number)
    assert message == 1
    with pytest.raises(ReceiverLaggedError):
        await receiver.receive()
    await fail(receiver, partial(channel.new_sender().send_many, (5, 6)))
    assert await receiver.receive_many(10, within=within) == [3]
    with pytest.raises(ReceiverLaggedError) as caught:
        await receiver.receive_many(10, within=within)
    assert caught.value.lost == 1
    assert await receiver.receive_many(2, within=within) == [5, 6]


async def test_a_merge_goes_on_after_a_lag() -> None:
    """A source that lags has not stopped."""
    channel, receiver = lagging()
    other = Anycast[int]()
    other.close()
    merged = merge(receiver, other.new_receiver())
    with pytest.raises(ReceiverLaggedError):
        await merged.receive()
    assert await merged.receive_many(5) == [1, 2]
    assert (merged.lost, receiver.map(abs).lost) == (1, 1)
    channel.close()
    assert [message async for message in merged] == []


async def test_what_a_lease_gives_back_is_the_first_to_be_lost() -> None:
    """A message that comes back goes to its own receiver, over the limit, until the next send."""
    channel = dropping()
    receiver, other = channel.new_receiver(), channel.new_receiver()
    sender = channel.new_sender()
    for number in (0, 1):
        sender.send_nowait(number)
    await fail(receiver, partial(sender.send, 2))
    assert channel.statistics().current_buffer_used == 3
    assert drain_through_gaps(other) == ["1", 1, 2]
    sender.send_nowait(3)
    assert drain_through_gaps(receiver) == ["2", 2, 3]


async def test_what_a_lease_gives_back_blocks() -> None:
    """A receiver that is full again is waited for, even over the limit."""
    channel = Broadcast[int](limit=1)
    receiver, sender = channel.new_receiver(), channel.new_sender()
    sender.send_nowait(0)
    await fail(receiver, partial(sender.send, 1))
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 2)
        assert receiver.receive_nowait() == 0
        await settle()
        assert sending.outcome == "unfinished"
        assert receiver.receive_nowait() == 1
    assert drain(receiver) == [2]


async def test_what_a_lease_of_a_closed_receiver_gives_back_is_gone() -> None:
    """The message is dropped when the work fails, and a join waits for the lease."""
    channel = Broadcast[int]()
    receiver, other = channel.new_receiver(), channel.new_receiver()
    channel.new_sender().send_nowait(0)
    assert other.receive_nowait() == 0
    joinings: list[Attempt[None]] = []
    async with task_group() as tasks:

        async def close_and_join() -> None:
            receiver.close()
            joinings.append(await begin(tasks, channel.join))
            assert joinings[0].outcome == "unfinished"

        await fail(receiver, close_and_join)
    assert joinings[0].outcome == "done"
    assert drain(other) == []
    assert channel.statistics().current_buffer_used == 0
    await channel.join()


async def test_a_clone_has_the_same_position_and_options() -> None:
    """A clone starts with the unread messages and the gaps of the original, and loses alone."""
    channel, receiver = lagging()
    clone = receiver.clone()
    assert clone.lost == 1
    assert drain_through_gaps(receiver) == ["1", 1, 2]
    channel.new_sender().send_nowait(3)
    assert drain_through_gaps(receiver) == [3]
    assert drain_through_gaps(clone) == ["2", 2, 3]
    receiver.close()
    with pytest.raises(ReceiverClosedError):
        receiver.clone()


async def test_a_clone_while_a_task_joins() -> None:
    """The unread messages are copied, though the channel watches them."""
    channel = Broadcast[int]()
    receiver = channel.new_receiver()
    channel.new_sender().send_nowait(0)
    async with task_group() as tasks:
        joining = await begin(tasks, channel.join)
        clone = receiver.clone()
        assert drain(receiver) == [0]
        assert joining.outcome == "unfinished"
        assert drain(clone) == [0]
    assert joining.outcome == "done"


async def test_tasks_at_one_receiver_share_its_messages() -> None:
    """Each message goes to a single task: a group of consumers."""
    channel = Broadcast[int]()
    shared, whole = channel.new_receiver(), channel.new_receiver()
    groups: list[list[int]] = [[], []]
    async with task_group() as tasks:
        for messages in groups:
            tasks.start_soon(read, shared, messages)
        await settle()
        await channel.new_sender().send_many([*range(10)])
        channel.close()
    assert sorted(groups[0] + groups[1]) == drain(whole) == list(range(10))
    assert all(groups)


@pytest.mark.parametrize(
    ("replay", "expected"), [(0, []), (2, [3, 4]), (math.inf, [0, 1, 2, 3, 4])]
)
async def test_a_late_receiver_starts_with_the_last_messages(
    replay: float, expected: list[int]
) -> None:
    """After the last messages, the receiver gets each new message once."""
    channel = Broadcast[int](replay=replay)
    for number in range(5):
        await channel.new_sender().send(number)
    late = channel.new_receiver()
    await channel.new_sender().send(5)
    assert drain(late) == [*expected, 5]


async def test_a_receiver_starts_with_at_most_its_limit_or_its_replay() -> None:
    """The last messages are chosen."""
    channel = Broadcast[int](replay=5)
    for number in range(5):
        await channel.new_sender().send(number)
    assert drain(channel.new_receiver(limit=2)) == [3, 4]
    assert drain(channel.new_receiver(replay=1)) == [4]
    assert drain(channel.new_receiver(replay=0)) == []


async def test_a_receiver_that_starts_full_blocks() -> None:
    """The messages that a receiver starts with are unread."""
    channel = Broadcast[int](replay=1)
    channel.new_sender().send_nowait(0)
    receiver = channel.new_receiver(limit=1)
    channel.new_receiver(limit=1, overflow="drop_oldest")
    with pytest.raises(anyio.WouldBlock):
        channel.new_sender().send_nowait(1)
    assert drain(receiver) == [0]
    channel.new_sender().send_nowait(1)


async def test_a_receiver_of_a_closed_channel_gets_the_last_messages() -> None:
    """A closed channel keeps its last messages: a late receiver gets them, and then the end."""
    channel = Broadcast[int | None](replay=1)
    channel.new_sender().send_nowait(None)
    channel.close()
    with pytest.raises(SenderError):
        channel.new_sender().send_nowait(1)
    assert [message async for message in channel.new_receiver()] == [None]


async def test_a_tight_loop_loses_nothing_to_receivers_that_wait() -> None:
    """A send lets a woken task run before the task's receiver loses a message."""
    channel = dropping(limit=1, yield_every=1000)
    received: list[list[int]] = [[] for _ in range(3)]
    sender = channel.new_sender()
    async with task_group() as tasks:
        for messages in received:
            tasks.start_soon(read, channel.new_receiver(), messages)
        await settle()
        for number in range(100):
            await sender.send(number)
        await sender.send_many([*range(100, 150)])
        for number in range(150, 200):
            await select(sender.sending(number), Anycast[int]().new_receiver().receiving())
        channel.close()
    assert received == [[*range(200)]] * 3


async def test_a_receive_that_serves_a_batch_loses_nothing_either() -> None:
    """The receive lets woken tasks run before a blocked batch goes on."""
    channel = Broadcast[int](limit=1, yield_every=1000)
    slow, fast = channel.new_receiver(), channel.new_receiver(overflow="drop_oldest")
    received: list[int] = []
    async with task_group() as tasks:
        tasks.start_soon(read, fast, received)
        await settle()
        await begin(tasks, channel.new_sender().send_many, [*range(40)])
        for number in range(10):
            assert await slow.receive() == number
        for number in range(10, 20):
            assert (await select(slow.receiving())).result() == number
        got = 20
        while got < 40:
            got += len(await slow.receive_many(5))
        channel.close()
    assert received == list(range(40))


async def test_a_receiver_that_is_busy_delays_nobody() -> None:
    """A send yields once for a task that was woken, and not for a receiver that is behind."""
    channel = dropping(limit=1, yield_every=1000)
    receiver, sender = channel.new_receiver(), channel.new_sender()
    async with task_group() as tasks:
        receiving = await begin(tasks, receiver.receive)
        yields = [await count_yields(sender.send(number)) for number in range(6)]
    assert receiving.result == 0
    assert yields[:2] == [0, 0]
    assert 1 <= yields[2] <= 2
    assert yields[3:] == [0, 0, 0]
    assert drain_through_gaps(receiver) == ["4", 5]


async def test_a_send_nowait_never_yields() -> None:
    """So a `send_nowait` may make a receiver lose messages although its task is fast."""
    channel = dropping(limit=1)
    receiver = channel.new_receiver()
    async with task_group() as tasks:
        receiving = await begin(tasks, receiver.receive)
        for number in range(3):
            channel.new_sender().send_nowait(number)
    assert receiving.result == 0
    assert drain_through_gaps(receiver) == ["1", 2]


async def test_a_dropping_receiver_touches_no_other() -> None:
    """A receiver that loses messages affects neither a full receiver nor an unlimited receiver."""
    channel = Broadcast[int](limit=3)
    drops = channel.new_receiver(limit=1, overflow="drop_oldest")
    blocks = channel.new_receiver()
    for number in range(3):
        await channel.new_sender().send(number)
    assert drain_through_gaps(drops) == ["2", 2]
    assert drain(blocks) == [0, 1, 2]
    assert blocks.lost == 0


async def test_the_latest_value() -> None:
    """The recipe of the guide: a receiver that reads only the last message."""
    value = Broadcast[int](limit=1, overflow="drop_oldest", raise_on_lag=False, replay=1)
    early = value.new_receiver()
    for number in range(5):
        await value.new_sender().send(number)
    late = value.new_receiver()
    assert (await early.receive(), await late.receive()) == (4, 4)


async def test_auto_close() -> None:
    """The channel closes with the last sender, or with the last receiver."""
    channel = Broadcast[int](auto_close=True)
    with channel.new_receiver() as receiver, channel.new_sender() as sender:
        receiver.clone().close()
        assert not channel.is_closed
        sender.close()
        await channel.join()
        assert [message async for message in receiver] == []
    other = Broadcast[int](auto_close=True)
    with other.new_sender() as sender:
        other.new_receiver().close()
        with pytest.raises(SenderError):
            await sender.send(1)


async def test_a_close_wakes_all() -> None:
    """Blocked senders raise, receivers drain, and tasks that wait stop."""
    channel = Broadcast[int](limit=1)
    full, empty = channel.new_receiver(), channel.new_receiver()
    channel.new_sender().send_nowait(0)
    assert empty.receive_nowait() == 0
    async with task_group() as tasks:
        sending = await begin(tasks, channel.new_sender().send, 1)
        receiving = await begin(tasks, empty.receive)
        await channel.close()
        await channel.aclose()
    sending.failure(SenderError)
    receiving.failure(ReceiverStoppedError)
    assert [message async for message in full] == [0]


async def test_closing_a_receiver_wakes_its_tasks() -> None:
    """The tasks of the closed receiver raise, and the tasks of other receivers wait on."""
    channel = Broadcast[int]()
    closed, open_ = channel.new_receiver(), channel.new_receiver()
    async with task_group() as tasks:
        stopped = await begin(tasks, closed.receive)
        going_on = await begin(tasks, open_.receive)
        closed.close()
        closed.close()
        await settle()
        assert going_on.outcome == "unfinished"
        await channel.new_sender().send(1)
    stopped.failure(ReceiverClosedError)
    assert going_on.result == 1
    with pytest.raises(ReceiverClosedError):
        await read(closed, [])


async def test_a_join_waits_for_every_receiver() -> None:
    """The join waits for unread messages, leases and blocked senders of open receivers."""
    channel = Broadcast[int](limit=1)
    one, two, three = (channel.new_receiver() for _ in range(3))
    await channel.join()
    channel.new_sender().send_nowait(0)
    async with task_group() as tasks:
        await begin(tasks, channel.new_sender().send, 1)
        joining = [await begin(tasks, channel.join) for _ in range(2)]
        assert drain(one) == [0]
        three.close()
        async with two.lease():
            joining[1].cancel()
            await settle()
            assert drain(one) == [1]
            assert joining[0].outcome == "unfinished"
            hubs.check(channel._core)
        late = channel.new_receiver()
        channel.new_sender()
        assert drain(two) == [1]
    assert [one.outcome for one in joining] == ["done", "cancelled"]
    assert drain(late) == []


@pytest.mark.asyncio_only
async def test_a_join_waits_for_a_message_that_comes_back() -> None:
    """A task is destroyed after a message was handed to it, and the message is unread again."""
    channel = Broadcast[int]()
    one, two = channel.new_receiver(), channel.new_receiver()
    sender = channel.new_sender()
    sender.send_nowait(0)
    assert drain(one) == [0]
    receiving: Any = one.receive()
    receiving.send(None)
    async with task_group() as tasks:
        joining = await begin(tasks, channel.join)
        sender.send_nowait(1)
        receiving.close()
        assert drain(two) == [0, 1]
        await settle()
        assert joining.outcome == "unfinished"
        assert drain(one) == [1]
    assert joining.outcome == "done"


async def test_a_join_waits_for_messages_that_come_meanwhile() -> None:
    """New messages may come to a receiver that had read all, or to a new receiver by replay."""
    channel = Broadcast[int](replay=1)
    one, two = channel.new_receiver(), channel.new_receiver()
    channel.new_sender().send_nowait(0)
    assert drain(one) == [0]
    async with task_group() as tasks:
        joining = await begin(tasks, channel.join)
        channel.new_sender().send_nowait(1)
        late = channel.new_receiver()
        for receiver in (two, one):
            drain(receiver)
            await settle()
            assert joining.outcome == "unfinished"
        assert drain(late) == [1]
    assert joining.outcome == "done"


async def test_sends_and_receives_of_both_kinds_in_one_select() -> None:
    """An operation of either channel happens, and the other operations leave no trace."""
    news, jobs = Broadcast[int](limit=1), Anycast[int](limit=1)
    reader = news.new_receiver()
    sends = news.new_sender().sending(1), jobs.new_sender().sending(1)
    done = {await select(*sends), await select(*sends)}
    assert done == {*sends}  # each receiver has room once
    receives = reader.receiving(), jobs.new_receiver().receiving()
    async with task_group() as tasks:
        sending = await begin(tasks, select, *sends)
        first = await select(*receives)
        assert first.result() == 1
        await settle()
        assert sending.outcome == "done"
    assert news.statistics().messages_sent + jobs.statistics().messages_sent == 3
    assert news.statistics().tasks_waiting_send == jobs.statistics().tasks_waiting_send == 0


async def test_a_select_waits_for_room_and_for_messages() -> None:
    """A peer wakes an arm that waits for room, and an arm that waits for a message."""
    channel = Broadcast[int](limit=1)
    reader, sender = channel.new_receiver(), channel.new_sender()
    other = Broadcast[int]()
    async with task_group() as tasks:
        receiving = await begin(tasks, select, reader.receiving(), other.new_receiver().receiving())
        await sender.send(1)
        await settle()
        assert receiving.result is not None
        assert receiving.result.result() == 1
        await sender.send(2)
        sending = await begin(tasks, select, sender.sending(3), other.new_receiver().receiving())
        assert sending.outcome == "unfinished"
        with pytest.raises(anyio.WouldBlock):
            select_nowait(sender.sending(4))
        assert reader.receive_nowait() == 2
    assert sending.outcome == "done"
    assert drain(reader) == [3]


async def test_a_blocked_receive_beside_blocked_senders() -> None:
    """A receiver that has read all waits in a select, although another is in the way."""
    channel = Broadcast[int](limit=1)
    full, empty = channel.new_receiver(), channel.new_receiver()
    await channel.new_sender().send(0)
    assert empty.receive_nowait() == 0
    async with task_group() as tasks:
        await begin(tasks, channel.new_sender().send, 1)
        receiving = await begin(tasks, select, empty.receiving())
        assert receiving.outcome == "unfinished"
        with pytest.raises(anyio.WouldBlock):
            empty.receive_nowait()
        assert full.receive_nowait() == 0
    assert receiving.result is not None
    assert receiving.result.result() == 1


def test_texts() -> None:
    """The texts name the kind, the channel, and the receiver that blocks."""
    channel = Broadcast[int](name="news", limit=2)
    one, two = channel.new_receiver(), channel.new_receiver()
    assert str(channel) == "Broadcast:news"
    assert str(channel.new_sender()) == "Broadcast:news:_Sender"
    assert (str(one), str(two)) == ("Broadcast:news:_Receiver#1", "Broadcast:news:_Receiver#2")
    shown = "Broadcast(name='news', limit=2):<current=0, waiting_send=0, waiting_receive=0"
    assert repr(channel) == f"{shown}, closed=False>"
    channel.new_sender().send_nowait(0)
    one.receive_nowait()
    shown = shown.replace("current=0", "current=1")
    assert repr(channel) == f"{shown}, closed=False, slowest=_Receiver#2>"
    assert str(one.receiving()) == "ReceiveOperation of Broadcast:news:_Receiver#1"


def test_statistics() -> None:
    """The statistics count each message once, and count each receive and each loss."""
    channel = Broadcast[int](name="news", limit=2)
    one, two = channel.new_receiver(), channel.new_receiver(overflow="drop_oldest")
    three = channel.new_receiver()
    for number in range(4):
        channel.new_sender().send_nowait(number)
        one.receive_nowait()
        three.receive_nowait()
    three.close()
    assert channel.statistics() == BroadcastStatistics(
        current_buffer_used=2,
        max_buffer_size=2,
        peak_buffer_used=2,
        open_senders=4,
        open_receivers=2,
        tasks_waiting_send=0,
        tasks_waiting_receive=0,
        messages_sent=4,
        messages_received=8,
        messages_lost=2,
        slowest_receiver="Broadcast:news:_Receiver#2",
    )
    two.close()
    now = one.statistics()
    assert isinstance(now, BroadcastStatistics)
    assert (now.messages_lost, now.slowest_receiver, now.current_buffer_used) == (2, None, 0)
    assert merge(one, Anycast[int]().new_receiver()).statistics().messages_sent == 4


def test_the_peak_of_the_unread_messages() -> None:
    """The peak is the largest number of unread messages, even if they were read since."""
    channel = Broadcast[int](limit=math.inf)
    receiver = channel.new_receiver()
    for number in range(5):
        channel.new_sender().send_nowait(number)
        if number > 2:
            receiver.receive_nowait()
    drain(receiver)
    assert channel.statistics().peak_buffer_used == 4


@pytest.mark.parametrize("second", [2, 5])
def test_the_peak_of_receivers_that_are_closed(second: int) -> None:
    """The receiver counts that had most to read, whichever was closed first."""
    channel = Broadcast[int]()
    for unread in (3, second):
        with channel.new_receiver():
            for number in range(unread):
                channel.new_sender().send_nowait(number)
    assert channel.statistics().peak_buffer_used == max(3, second)


async def test_a_blocked_sender_names_who_is_in_the_way(caplog: pytest.LogCaptureFixture) -> None:
    """The log and the statistics name a receiver that blocks, even beside a longer backlog."""
    caplog.set_level(logging.INFO, "anycast")
    channel = Broadcast[int](name="news", limit=1)
    channel.new_receiver(limit=math.inf)
    sender = channel.new_sender()
    sender.send_nowait(0)
    receiver = channel.new_receiver()
    sender.send_nowait(1)
    async with task_group() as tasks:
        await begin(tasks, sender.send, 2)
        assert channel.statistics().slowest_receiver == str(receiver)
        drain(receiver)
    until = "blocking sender until [Broadcast:news:_Receiver#2] consumes a message"
    assert [record.getMessage() for record in caplog.records] == [
        f"Broadcast channel [Broadcast:news:_Sender] is full, {until}",
        "Broadcast channel [Broadcast:news:_Sender] has space again, resuming the blocked sender",
    ]


async def test_a_sender_that_blocks_without_a_log(no_log: None) -> None:  # noqa: ARG001
    """The log is not even made."""
    channel = Broadcast[int](limit=1)
    receiver = channel.new_receiver()
    channel.new_sender().send_nowait(0)
    async with task_group() as tasks:
        sending = await begin(tasks, channel.new_sender().send, 1)
        assert receiver.receive_nowait() == 0
    assert (sending.outcome, channel._core.log) == ("done", None)


class Meddler(logging.Handler):
    """A handler that closes the receiver which the record is about to name."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self.act = act

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002  the signature of the base class
        """Act in place of writing."""
        self.act()


async def test_a_log_that_lets_the_sender_go_on() -> None:
    """A log handler may use the channel: the send has happened before the sender waits."""
    channel = Broadcast[int](limit=1)
    receiver = channel.new_receiver()
    meddler = Meddler(receiver.close)
    logger = logging.getLogger("anycast")
    logger.addHandler(meddler)
    try:
        await channel.new_sender().send(0)
        await channel.new_sender().send(1)
    finally:
        logger.removeHandler(meddler)
    assert str(channel._core.blocking_log()._in_the_way[0]) == "no receiver"


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"limit": 0}, ValueError, "`limit` must be >= 1, not 0"),
        ({"limit": 1.5}, TypeError, "`limit` must be an int or math.inf, not 1.5"),
        ({"limit": True}, TypeError, "`limit` must be an int or math.inf, not True"),
        (
            {"overflow": "drop"},
            ValueError,
            "`overflow` must be 'block' or 'drop_oldest', not 'drop'",
        ),
        ({"overflow": 1}, TypeError, "`overflow` must be 'block' or 'drop_oldest', not 1"),
        ({"raise_on_lag": 1}, TypeError, "`raise_on_lag` must be a bool, not 1"),
        ({"replay": -1}, ValueError, "`replay` must be >= 0, not -1"),
        ({"replay": "1"}, TypeError, "`replay` must be an int or math.inf, not '1'"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], error: type[Exception], text: str) -> None:
    """Each error names the argument, the rule and the value, and no receiver is opened."""
    with raises(error, text):
        Broadcast[int](**options)
    channel = Broadcast[int](replay=1)
    with raises(error, text):
        channel.new_receiver(**options)
    assert channel.statistics().open_receivers == 0


def test_a_receiver_cannot_start_with_more_than_the_channel_keeps() -> None:
    """The error says how many these are."""
    text = "`replay` must be <= 1, which the channel keeps, not 2"
    with raises(ValueError, text):
        Broadcast[int](replay=1).new_receiver(replay=2)


@pytest.mark.parametrize(
    ("options", "error"), [({"yield_every": 0}, ValueError), ({"auto_close": 1}, TypeError)]
)
def test_wrong_arguments_of_the_channel(options: dict[str, Any], error: type[Exception]) -> None:
    """Wrong arguments raise as for an Anycast."""
    with pytest.raises(error):
        Broadcast[int](**options)


async def test_a_native_checkpoint_in_a_receiver_at_risk() -> None:
    """A cancellation that strikes in the yield before a loss leaves no trace of the send."""
    channel = dropping(limit=1)
    receiver, sender = channel.new_receiver(), channel.new_sender()
    async with task_group() as tasks:
        receiving = await begin(tasks, receiver.receive)
        for number in (0, 1):
            sender.send_nowait(number)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await sender.send(2)
        assert scope.cancelled_caught
        await checkpoint()
    assert receiving.result == 0
    assert drain_through_gaps(receiver) == [1]


PATTERN = [False, False, False, True, False, False, True]  # with ``yield_every=3``


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_how_often_operations_yield(operation: str) -> None:
    """After ``yield_every`` operations the next one yields, and nowait calls do not count."""
    channel = Broadcast[int](limit=math.inf, yield_every=3)
    receiver, sender = channel.new_receiver(), channel.new_sender()
    for number in range(20):
        sender.send_nowait(number)
    receiver.receive_nowait()
    yields = [await count_yields(OPERATIONS[operation](sender, receiver)) > 0 for _ in PATTERN]
    assert yields == PATTERN


@pytest.mark.parametrize("operation", RECEIVES)
async def test_how_often_receives_that_lag_yield(operation: str) -> None:
    """An operation that raises counts."""
    channel = dropping(limit=1, yield_every=3)
    receiver, sender = channel.new_receiver(), channel.new_sender()

    async def lag() -> None:
        for number in range(2):
            sender.send_nowait(number)
        with pytest.raises(ReceiverLaggedError):
            await RECEIVES[operation](receiver)
        receiver.receive_nowait()

    assert [await count_yields(lag()) > 0 for _ in PATTERN] == PATTERN


async def test_a_blocked_send_begins_a_new_row() -> None:
    """The event loop had its turn while the send waited, so the count starts at 0."""
    channel = Broadcast[int](limit=1)
    receiver, sender = channel.new_receiver(), channel.new_sender()
    spent: list[int] = []

    async def send() -> None:
        await sender.send(0)
        await sender.send(1)
        spent.append(this_thread.budget.spent)

    async with task_group() as tasks:
        await begin(tasks, send)
        this_thread.budget.spent = 5
        assert await receiver.receive() == 0
    assert spent == [0]
