"""``join``: wait until no message is stored, offered by a blocked sender, or on lease."""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from anyio import CancelScope, WouldBlock, from_thread, to_thread

from anycast import Anycast, Receiver, merge, select, select_nowait
from helpers import Attempt, begin, count_yields, drain, raises, settle, task_group, waiting
from operations import RECEIVES

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast._waiting.waiter import Binding, Waiter
    from operations import Receive

pytestmark = pytest.mark.anyio


class WorkFailedError(Exception):
    """The work on a message failed."""


async def test_an_empty_channel() -> None:
    """A join of an empty channel returns without a wait."""
    assert await count_yields(Anycast[int]().join()) == 0


async def test_it_counts_towards_a_yield() -> None:
    """A loop over an empty channel lets the event loop have its turn."""
    channel = Anycast[int](yield_every=2)
    assert [await count_yields(channel.join()) for _ in range(5)] == [0, 0, 1, 0, 1]


async def test_a_join_that_has_waited_begins_a_new_row() -> None:
    """The event loop had its turn, so the next operation does not yield."""
    channel = Anycast[int](yield_every=2)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(1)

    async def join_and_send() -> int:
        await channel.join()
        return await count_yields(sender.send(2))

    async with task_group() as tasks:
        join = await begin(tasks, join_and_send)
        assert await receiver.receive() == 1  # the second operation since the turn of the join
        await settle()
        assert join.result == 0


@pytest.mark.parametrize("receive", RECEIVES.values(), ids=RECEIVES)
async def test_the_last_message_is_received(receive: Receive) -> None:
    """Each way to receive a stored message ends the wait, with the last message only."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    await channel.new_sender().send_many([1, 2])
    async with task_group() as tasks:
        joins = [await begin(tasks, channel.join) for _ in range(2)]
        await receive(receiver)
        await settle()
        assert [join.outcome for join in joins] == ["unfinished"] * 2
        await receive(receiver)
        await settle()
        assert [join.outcome for join in joins] == ["done"] * 2


NOWAIT: dict[str, Callable[[Receiver[int]], object]] = {
    "receive_nowait": lambda receiver: receiver.receive_nowait(),
    "select_nowait": lambda receiver: select_nowait(receiver.receiving()),
    "merge": lambda receiver: merge(receiver).receive_nowait(),
    "a filter that drops the message": lambda receiver: drain(receiver.filter(lambda _: False)),
}


@pytest.mark.parametrize("receive", NOWAIT.values(), ids=NOWAIT)
@pytest.mark.parametrize("limit", [0, 1])
async def test_the_last_message_is_taken_without_a_wait(
    limit: int, receive: Callable[[Receiver[int]], object]
) -> None:
    """The message may be stored, or offered by a blocked sender."""
    channel = Anycast[int](limit=limit)
    async with task_group() as tasks:
        await begin(tasks, channel.new_sender().send, 1)
        join = await begin(tasks, channel.join)
        receive(channel.new_receiver())
        await settle()
        assert join.outcome == "done"


async def test_a_blocked_batch() -> None:
    """The join waits for each message of a blocked batch."""
    channel = Anycast[int](limit=0)
    receiver = channel.new_receiver()
    async with task_group() as tasks:
        await begin(tasks, channel.new_sender().send_many, [1, 2])
        join = await begin(tasks, channel.join)
        assert receiver.receive_nowait() == 1
        await settle()
        assert join.outcome == "unfinished"
        assert receiver.receive_nowait() == 2
        await settle()
        assert join.outcome == "done"


async def test_a_batch_whose_deque_its_owner_has_emptied() -> None:
    """The wait ends when a receiver finds the batch empty."""
    channel = Anycast[int](limit=0)
    messages = deque([1])
    async with task_group() as tasks:
        await begin(tasks, channel.new_sender().send_many, messages)
        join = await begin(tasks, channel.join)
        messages.clear()
        with pytest.raises(WouldBlock):
            channel.new_receiver().receive_nowait()
        await settle()
        assert join.outcome == "done"


@pytest.mark.parametrize("how", ["cancelled", "sender", "channel"])
@pytest.mark.parametrize("selects", [False, True])
async def test_a_sender_that_leaves(how: str, *, selects: bool) -> None:
    """The last message of the channel goes when its blocked sender is cancelled or closed."""
    channel = Anycast[int](limit=0)
    sender, never = channel.new_sender(), Anycast[int]().new_receiver().receiving()
    async with task_group() as tasks:
        if selects:
            sending: Attempt[object] = await begin(tasks, select, sender.sending(1), never)
        else:
            sending = await begin(tasks, sender.send, 1)
        join = await begin(tasks, channel.join)
        if how == "cancelled":
            sending.cancel()
        else:
            {"sender": sender, "channel": channel}[how].close()
        await settle()
        assert join.outcome == "done"


async def test_a_select_that_does_something_else() -> None:
    """The send of a select is offered no more once a different operation has happened."""
    channel, other = Anycast[int](limit=0), Anycast[int]()
    async with task_group() as tasks:
        operations = channel.new_sender().sending(1), other.new_receiver().receiving()
        await begin(tasks, select, *operations)
        join = await begin(tasks, channel.join)
        other.new_sender().send_nowait(2)
        await settle()
        assert join.outcome == "done"


async def test_a_lease_that_ends_as_done() -> None:
    """A message that was taken counts until the work on the message is done."""
    channel = Anycast[int]()
    await channel.new_sender().send(1)
    lease = channel.new_receiver().lease()
    await lease.__aenter__()
    async with task_group() as tasks:
        join = await begin(tasks, channel.join)
        assert join.outcome == "unfinished"
        await lease.__aexit__(None, None, None)
        await settle()
        assert join.outcome == "done"


async def test_a_lease_that_fails() -> None:
    """The message is stored again, and is waited for."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    await channel.new_sender().send(1)
    async with task_group() as tasks:
        lease = receiver.lease()
        await lease.__aenter__()
        join = await begin(tasks, channel.join)
        await lease.__aexit__(WorkFailedError, None, None)
        await settle()
        assert join.outcome == "unfinished"
        assert await receiver.receive() == 1
        await settle()
        assert join.outcome == "done"


async def test_a_lease_that_finds_a_sender_leaving() -> None:
    """The lease may find the message or not, and in both cases no message is left."""
    channel = Anycast[int](limit=0)
    async with task_group() as tasks:
        sending = await begin(tasks, channel.new_sender().send, 1)
        join = await begin(tasks, channel.join)
        sending.cancel()
        with CancelScope() as scope:
            scope.cancel()
            async with channel.new_receiver().lease():
                pass  # only where a waiter cannot know that its task is leaving
        await settle()
        assert join.outcome == "done"


async def test_a_message_that_comes_later() -> None:
    """A message that is sent after the channel was idle does not delay the woken join."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(1)
    async with task_group() as tasks:
        join = await begin(tasks, channel.join)
        receiver.receive_nowait()
        sender.send_nowait(2)
        await settle()
        assert join.outcome == "done"


async def test_the_last_message_is_taken_while_a_join_gets_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Code that runs while the waiter is made, say, a finalizer, may receive."""
    channel = Anycast[int]()
    core, receiver = channel._core, channel.new_receiver()
    channel.new_sender().send_nowait(1)
    await core.checkpoint()  # to know the event loop
    make_waiter = core.make_waiter

    def make_and_receive(binding: Binding) -> Waiter:
        waiter = make_waiter(binding)
        assert drain(receiver) == [1]
        return waiter

    monkeypatch.setattr(core, "make_waiter", make_and_receive)
    async with task_group() as tasks:
        join = await begin(tasks, channel.join)
        assert join.outcome == "done"


async def test_a_closed_channel() -> None:
    """The messages that were accepted are waited for."""
    channel = Anycast[int]()
    channel.new_sender().send_nowait(1)
    channel.close()
    async with task_group() as tasks:
        join = await begin(tasks, channel.join)
        assert join.outcome == "unfinished"
        assert drain(channel.new_receiver()) == [1]
        await settle()
        assert join.outcome == "done"


async def test_while_a_task_joins_every_send_works() -> None:
    """Messages are stored and come back in order, also while the buffer is watched."""
    channel = Anycast[int](limit=2)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(1)
    async with task_group() as tasks:
        join = await begin(tasks, channel.join)
        sender.send_nowait(2)
        sending = await begin(tasks, sender.send_many, [3, 4])
        assert waiting(channel) == (1, 0)
        with pytest.raises(WorkFailedError):
            async with receiver.lease():
                raise WorkFailedError
        assert await receiver.receive_many(9) == [1, 2, 3, 4]
        await settle()
        assert (sending.outcome, join.outcome) == ("done", "done")


async def test_a_cancelled_join() -> None:
    """The task leaves, and other tasks that join wait on."""
    channel = Anycast[int]()
    channel.new_sender().send_nowait(1)
    async with task_group() as tasks:
        first, second = [await begin(tasks, channel.join) for _ in range(2)]
        first.cancel()
        await settle()
        assert (first.outcome, second.outcome) == ("cancelled", "unfinished")
        channel.new_receiver().receive_nowait()
        await settle()
        assert second.outcome == "done"


async def test_a_cancelled_join_of_an_empty_channel() -> None:
    """A join that does not wait notices no cancellation."""
    with CancelScope() as scope:
        scope.cancel()
        await Anycast[int]().join()
    assert not scope.cancelled_caught


@pytest.mark.asyncio_only
async def test_a_native_cancellation_of_a_join_that_was_woken() -> None:
    """The cancellation is raised at once: a join has no effect that would be lost."""
    channel = Anycast[int]()
    channel.new_sender().send_nowait(1)
    join = asyncio.ensure_future(channel.join())
    await settle()
    channel.new_receiver().receive_nowait()
    join.cancel()
    with pytest.raises(asyncio.CancelledError):
        await join


@pytest.mark.usefixtures("no_garbage_collection")
async def test_nothing_is_watched_when_nobody_joins() -> None:
    """Whether the last join has returned or was cancelled, the channel is as fast as before."""
    channel = Anycast[int]()
    for leaves in ("returns", "cancelled"):
        channel.new_sender().send_nowait(1)
        async with task_group() as tasks:
            join = await begin(tasks, channel.join)
            assert channel._core.unwatched is not channel._core.buffer
            if leaves == "cancelled":
                join.cancel()
                await settle()
            drain(channel.new_receiver())
        assert channel._core.unwatched is channel._core.buffer
        assert not channel._core.joiners
    assert not gc.collect()


@pytest.mark.asyncio_only
async def test_a_join_that_is_destroyed() -> None:
    """The coroutine is closed where it waits, and the channel works on."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(1)
    join = channel.join()
    for _ in range(2):
        join.send(None)
    join.close()
    assert drain(receiver) == [1]
    sender.send_nowait(2)
    async with task_group() as tasks:
        later = await begin(tasks, channel.join)
        assert drain(receiver) == [2]
        await settle()
        assert later.outcome == "done"


async def test_a_thread_that_would_have_to_wake_a_join() -> None:
    """The receive raises, and takes no message."""
    channel = Anycast[int](name="numbers")
    receiver = channel.new_receiver()
    channel.new_sender().send_nowait(1)
    async with task_group() as tasks:
        join = await begin(tasks, channel.join)
        before = channel.statistics()
        with pytest.raises(RuntimeError, match="Anycast:numbers has tasks waiting in another"):
            await to_thread.run_sync(receiver.receive_nowait)
        assert channel.statistics() == before
        await settle()
        assert join.outcome == "unfinished"
        assert await to_thread.run_sync(from_thread.run, receiver.receive) == 1
        await settle()
        assert join.outcome == "done"


async def test_a_thread_that_would_have_to_wake_a_join_at_the_end_of_a_lease() -> None:
    """The end of the lease raises, and the lease stays."""
    channel = Anycast[int](name="numbers")
    channel.new_sender().send_nowait(1)
    lease = channel.new_receiver().lease()
    await lease.__aenter__()
    async with task_group() as tasks:
        join = await begin(tasks, channel.join)
        with pytest.raises(RuntimeError, match="Anycast:numbers has tasks waiting in another"):
            await to_thread.run_sync(channel._core.end_lease)
        await settle()
        assert join.outcome == "unfinished"
        await lease.__aexit__(None, None, None)
        await settle()
        assert join.outcome == "done"


def test_a_join_in_a_second_event_loop() -> None:
    """Tasks of one event loop may wait in a channel at a time."""
    channel = Anycast[int](name="numbers")
    channel.new_sender().send_nowait(1)

    async def first() -> None:
        async with task_group() as tasks:
            join = await begin(tasks, channel.join)
            with raises(
                RuntimeError,
                "Anycast:numbers serves one event loop at a time,"
                " and tasks of another one are waiting in it: let that event loop make the call,"
                " as `asyncio.run_coroutine_threadsafe(receiver.receive(), loop)` does",
            ):
                await to_thread.run_sync(asyncio.run, channel.join())
            join.cancel()

    asyncio.run(first())
    assert drain(channel.new_receiver()) == [1]


def test_a_join_that_was_left_in_a_closed_event_loop() -> None:
    """The next event loop can use the channel."""
    channel = Anycast[int]()
    channel.new_sender().send_nowait(1)
    loop = asyncio.new_event_loop()
    left: Any = loop.create_task(channel.join())
    loop.run_until_complete(settle())
    loop.close()

    async def use() -> None:
        async with task_group() as tasks:
            join = await begin(tasks, channel.join)
            assert drain(channel.new_receiver()) == [1]
        assert join.outcome == "done"

    asyncio.run(use())
    left.get_coro().close()
    left._log_destroy_pending = False
