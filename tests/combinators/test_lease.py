"""A lease: a message to work on, which comes back if the work fails."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import ref

import anyio
import pytest
from anyio.lowlevel import checkpoint

from anycast import Anycast, ReceiverStoppedError
from helpers import Attempt, begin, count_yields, drain, raises, settle, task_group, waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anycast import Receiver

pytestmark = pytest.mark.anyio


class WorkFailedError(Exception):
    """The work on a message failed."""


async def nothing() -> None:
    """Work without yielding."""


async def fail(receiver: Receiver[int], work: Callable[[], Awaitable[object]] = nothing) -> None:
    """Lease a message, work, and fail."""

    async def try_to_work() -> None:
        async with receiver.lease():
            await work()
            raise WorkFailedError

    with pytest.raises(WorkFailedError):
        await try_to_work()


async def test_work_that_is_done() -> None:
    """The message is gone when the block has ended."""
    channel = Anycast[int]()
    await channel.new_sender().send(1)
    receiver = channel.new_receiver()
    async with receiver.lease() as message:
        assert message == 1
    assert drain(receiver) == []
    assert channel.statistics().messages_received == 1


@pytest.mark.parametrize("error", [WorkFailedError(), KeyboardInterrupt(), SystemExit()])
async def test_work_that_fails(error: BaseException) -> None:
    """The message is back at the head at once, and the error goes on unchanged."""
    channel = Anycast[int]()
    await channel.new_sender().send_many([1, 2])
    receiver = channel.new_receiver()
    with pytest.raises(type(error)) as caught:
        async with receiver.lease():
            raise error
    assert caught.value is error
    assert channel.statistics().messages_received == 0
    assert drain(receiver) == [1, 2]


@pytest.mark.parametrize("how", ["return", "break"])
async def test_leaving_the_block_early_is_a_normal_end(how: str) -> None:
    """A return or a break in the block means that the work is done."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    await channel.new_sender().send(1)

    async def work() -> int | None:
        while True:
            async with receiver.lease() as message:
                if how == "return":
                    return message
                break
        return None

    assert await work() == (1 if how == "return" else None)
    assert drain(receiver) == []


async def test_cancelled_work() -> None:
    """A cancellation in the block gives the message back."""
    channel = Anycast[int]()
    await channel.new_sender().send(1)
    receiver = channel.new_receiver()
    with anyio.CancelScope() as scope:
        async with receiver.lease():
            scope.cancel()
            await settle()
    assert scope.cancelled_caught
    assert drain(receiver) == [1]


async def test_cancelled_wait() -> None:
    """A cancellation before a message comes takes no message, and leaves no lease open."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()

    async def work() -> None:
        async with receiver.lease():
            raise AssertionError

    async with task_group() as tasks:
        attempt = await begin(tasks, work)
        attempt.cancel()
    await sender.send(1)
    channel.close()
    assert drain(receiver) == [1]
    with pytest.raises(ReceiverStoppedError):
        receiver.receive_nowait()


@pytest.mark.asyncio_only
async def test_a_native_cancellation_of_a_lease_that_was_given_a_message() -> None:
    """The block begins, its first wait is cancelled, and the next receiver gets the message."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    begun: list[int] = []

    async def work() -> None:
        async with receiver.lease() as message:
            begun.append(message)
            await settle()

    first, second = asyncio.ensure_future(work()), asyncio.ensure_future(receiver.receive())
    await settle()
    sender.send_nowait(1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (begun, await second) == ([1], 1)
    channel.close()
    with pytest.raises(ReceiverStoppedError):
        await receiver.receive()


@pytest.mark.parametrize("closes", ["receiver", "channel"])
async def test_a_close_leaves_a_lease_what_it_was_given(closes: str) -> None:
    """The work goes on, and the end of the channel waits for the lease."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        work = await begin(tasks, fail, receiver)
        waiting_for_the_end = await begin(tasks, channel.new_receiver().receive)
        sender.send_nowait(1)
        {"receiver": receiver, "channel": channel}[closes].close()
        assert waiting(channel) == (0, 1)
        await settle()
        channel.close()
    assert work.outcome == "done"
    assert waiting_for_the_end.result == 1


async def test_whoever_waits_gets_what_comes_back() -> None:
    """A message that is given back goes to the receiver that has waited longest."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(1)
    receivings: list[Attempt[int]] = []
    async with task_group() as tasks:

        async def work() -> None:
            receivings.extend([await begin(tasks, receiver.receive) for _ in range(2)])

        await fail(receiver, work)
        await settle()
        assert [receiving.result for receiving in receivings] == [1, None]
        await sender.send(2)
    assert [receiving.result for receiving in receivings] == [1, 2]


async def test_the_end_waits_for_whoever_is_given_it() -> None:
    """After the close a message comes back each time the work fails."""
    channel = Anycast[int](auto_close=True)
    receiver = channel.new_receiver()
    with channel.new_sender() as sender:
        sender.send_nowait(1)
    for _ in range(3):
        await fail(receiver)
    assert channel.is_closed
    assert await receiver.receive() == 1
    with pytest.raises(ReceiverStoppedError):
        async with receiver.lease():
            raise AssertionError


async def test_leases_give_back_to_the_head() -> None:
    """The message that is given back last is received first."""
    channel = Anycast[int]()
    await channel.new_sender().send_many([1, 2, 3])
    receiver = channel.new_receiver()
    with pytest.raises(WorkFailedError):
        async with receiver.lease(), receiver.lease():
            raise WorkFailedError
    assert drain(receiver) == [1, 2, 3]


@pytest.mark.parametrize("nowait", [False, True])
async def test_giving_back_exceeds_the_limit(*, nowait: bool) -> None:
    """The channel has one message over the limit, and no sender goes on until there is room."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(1)

    async def work() -> None:
        sender.send_nowait(2)

    await fail(receiver, work)
    assert channel.statistics().current_buffer_used == 2
    assert channel.statistics().peak_buffer_used == 2
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 3)
        assert (receiver.receive_nowait() if nowait else await receiver.receive()) == 1
        await settle()
        assert sending.outcome == "unfinished"
        with pytest.raises(anyio.WouldBlock):
            sender.send_nowait(4)
        assert (receiver.receive_nowait() if nowait else await receiver.receive()) == 2
        assert channel.statistics().current_buffer_used == 1
    assert sending.outcome == "done"
    assert drain(receiver) == [3]


async def test_giving_back_leaves_a_woken_sender_what_it_has_sent() -> None:
    """The message of the woken sender was stored, and is received after the returned message."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(1)
    async with task_group() as tasks:
        sendings = [await begin(tasks, sender.send, number) for number in (2, 3)]
        await fail(receiver)  # the sender that is woken has yet to run
        assert waiting(channel) == (1, 0)
        assert channel.statistics().current_buffer_used == 2
        await settle()
        assert [sending.outcome for sending in sendings] == ["done", "unfinished"]
        assert await receiver.receive() == 1
        assert waiting(channel) == (1, 0)
        assert await receiver.receive() == 2
    assert drain(receiver) == [3]


@pytest.mark.parametrize("limit", [0, 1])
async def test_a_batch_after_giving_back_leaves_senders_waiting_until_there_is_room(
    limit: int,
) -> None:
    """The batch takes the stored messages, even over the limit, and then the offered messages."""
    channel = Anycast[int](limit=limit)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        for number in range(4):
            await begin(tasks, sender.send, number)
        await fail(receiver)
        assert channel.statistics().current_buffer_used == limit + 1
        assert await receiver.receive_many(1) == [0]
        assert channel.statistics().current_buffer_used == limit
        assert await receiver.receive_many(2) == [1, 2]
        assert await receiver.receive_many(2) == [3]
    assert waiting(channel) == (0, 0)


async def test_a_message_that_comes_back_goes_to_who_waits_ahead_of_a_blocked_sender() -> None:
    """A waiting receiver gets the message that comes back, and no message is stored."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        await begin(tasks, sender.send, 1)
        lease = receiver.lease()
        assert await lease.__aenter__() == 1
        receivings = [await begin(tasks, receiver.receive) for _ in range(2)]
        await lease.__aexit__(WorkFailedError, WorkFailedError(), None)
        assert channel.statistics().current_buffer_used == 0
        sender.send_nowait(2)
    assert [receiving.result for receiving in receivings] == [1, 2]


@pytest.mark.parametrize("limit", [0, 1])
async def test_a_lease_takes_what_a_blocked_sender_offers(limit: int) -> None:
    """The lease need not wait, and the blocked send has happened."""
    channel = Anycast[int](limit=limit)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    leased: list[int] = []

    async def work() -> None:
        async with receiver.lease() as message:
            leased.append(message)

    async with task_group() as tasks:
        sendings = [await begin(tasks, sender.send, number) for number in range(limit + 1)]
        assert [await count_yields(work()) for _ in range(limit + 1)] == [0] * (limit + 1)
        assert waiting(channel) == (0, 0)
    assert leased == list(range(limit + 1))
    assert sendings[limit].outcome == "done"


async def test_a_lease_makes_room() -> None:
    """A message under a lease is not stored: a sender may go on."""
    channel = Anycast[int](limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(1)
    async with receiver.lease():
        sender.send_nowait(2)
        assert channel.statistics().current_buffer_used == 1


async def test_rendezvous_with_a_lease() -> None:
    """With limit 0 a waiting lease is a waiting receiver, and the message may come back."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        tasks.start_soon(fail, receiver)
        await sender.send(1)
    assert channel.statistics().current_buffer_used == 1
    with pytest.raises(anyio.WouldBlock):
        sender.send_nowait(2)
    assert await receiver.receive() == 1


async def test_an_unbounded_channel_gives_back_too() -> None:
    """An infinite limit stays infinite after a message came back."""
    channel = Anycast[int](limit=math.inf)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    await sender.send(1)
    await fail(receiver)
    await sender.send(2)
    assert drain(receiver) == [1, 2]


async def test_closing_the_receiver_leaves_its_lease_alone() -> None:
    """The work goes on, and if the work fails, other receivers get the message."""
    channel = Anycast[int]()
    receiver, other = channel.new_receiver(), channel.new_receiver()
    await channel.new_sender().send_many([1, 2])

    async def work() -> None:
        receiver.close()

    await fail(receiver, work)
    assert drain(other) == [1, 2]
    with pytest.raises(ReceiverStoppedError):
        await receiver.receive()


async def test_closing_the_last_receiver_under_a_lease() -> None:
    """With auto_close the channel closes, and the message still comes back."""
    channel = Anycast[int](auto_close=True)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.send_nowait(1)

    async def work() -> None:
        receiver.close()

    await fail(receiver, work)
    assert channel.is_closed
    assert drain(channel.new_receiver()) == [1]


async def test_a_lease_is_entered_once() -> None:
    """A second ``async with`` of the same lease raises, and takes no message."""
    channel = Anycast[int]()
    await channel.new_sender().send_many([1, 2])
    receiver = channel.new_receiver()
    lease = receiver.lease()
    async with lease:
        pass
    with raises(RuntimeError, "a lease is entered once: call `lease()` for each message"):
        async with lease:
            raise AssertionError
    assert drain(receiver) == [2]


async def test_a_lease_that_is_never_entered() -> None:
    """A lease that is not entered takes no message, and the channel does not wait for the lease."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    receiver.lease()
    channel.close()
    with pytest.raises(ReceiverStoppedError):
        await receiver.receive()


async def test_working_in_several_tasks() -> None:
    """Each message is worked on until the work succeeds."""
    channel = Anycast[int](limit=2)
    receiver, done, tries = channel.new_receiver(), [0], dict.fromkeys(range(1, 10), 0)

    async def work() -> None:
        while True:
            try:
                async with receiver.lease() as message:
                    tries[message] += 1
                    await checkpoint()
                    done.append(message // (tries[message] == 3))
            except ZeroDivisionError:
                continue
            except ReceiverStoppedError:
                return

    async with task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(work)
        await channel.new_sender().send_many(range(1, 10))
        channel.close()
    assert sorted(done) == list(range(10))
    assert set(tries.values()) == {3}


async def test_work_that_fails_counts_as_an_operation() -> None:
    """An operation whose message came back counts towards the next yield."""
    channel = Anycast[int](yield_every=2)
    receiver = channel.new_receiver()
    channel.new_sender().send_nowait(1)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            async with receiver.lease():
                raise ZeroDivisionError
    assert await count_yields(receiver.receive()) > 0


@pytest.mark.usefixtures("no_garbage_collection")
async def test_nothing_is_kept_of_a_lease_whose_function_has_failed() -> None:
    """Once the error was raised, no reference cycle holds the message of the error."""

    class Message:
        """A message that can be weakly referred to."""

    def refuse(_: object) -> object:
        raise WorkFailedError

    channel = Anycast[object]()
    receiver = channel.new_receiver().map(refuse)
    message = Message()
    kept = ref(message)
    channel.new_sender().send_nowait(message)
    del message
    with suppress(WorkFailedError):
        async with receiver.lease():
            pytest.fail("there is no message")
    assert kept() is None
