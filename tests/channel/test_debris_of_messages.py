"""No message is kept that nobody needs: not by the channel, a wait or a lease."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import anyio
import pytest

from anycast import (
    SenderError,
)
from debris import (
    Ends,
    Message,
    Watched,
    WorkFailedError,
    cancel_after_start,
    receive_and_drop,
    send_new,
    waiters,
    watch_error,
)
from helpers import begin, drain, settle, task_group

if TYPE_CHECKING:
    import weakref

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_log", "no_garbage_collection")]


@pytest.fixture
def watched() -> Watched:
    """Give a maker of messages."""
    return Watched()


async def test_a_message_that_was_received(watched: Watched) -> None:
    """It belongs to the receiver alone, whether it waited or not."""
    ends = Ends()
    await send_new(ends.sender, watched)
    assert watched.alive == 1
    await receive_and_drop(ends.receiver)
    assert watched.alive == 0
    async with task_group() as tasks:
        await begin(tasks, receive_and_drop, ends.receiver)
        await send_new(ends.sender, watched)
    assert (watched.made, watched.alive) == (2, 0)


async def test_a_message_that_was_received_without_waiting(watched: Watched) -> None:
    """The forms that do not wait keep nothing either."""
    ends = Ends()
    ends.sender.send_nowait(watched.message())
    ends.receiver.receive_nowait()
    assert (watched.made, watched.alive) == (1, 0)


@pytest.mark.parametrize("limit", [0, 1])
async def test_a_message_whose_sender_was_blocked(watched: Watched, limit: int) -> None:
    """When it is received it is gone, though its sender waited with it."""
    ends = Ends(limit)
    async with task_group() as tasks:
        for _ in range(3):
            await begin(tasks, send_new, ends.sender, watched)
        for _ in range(3):
            await receive_and_drop(ends.receiver)
        await settle()
        assert (watched.made, watched.alive) == (3, 0)


async def test_messages_of_a_batch(watched: Watched) -> None:
    """Batches keep nothing on either side."""
    ends = Ends(math.inf)
    await ends.sender.send_many(watched.message() for _ in range(3))
    await ends.receiver.receive_many(3)
    assert (watched.made, watched.alive) == (3, 0)


async def test_the_message_of_a_cancelled_send(watched: Watched) -> None:
    """It is the caller's alone again, and gone if the caller drops it."""
    ends = Ends(limit=0)
    await cancel_after_start(send_new, ends.sender, watched)
    assert (watched.made, watched.alive) == (1, 0)


@pytest.mark.asyncio_only
async def test_the_message_of_a_natively_cancelled_send(watched: Watched) -> None:
    """The message is the caller's alone again, and gone if the caller drops it."""
    ends = Ends(limit=0)
    task = asyncio.ensure_future(send_new(ends.sender, watched))
    await settle()
    task.cancel()
    del task
    await settle()
    assert (watched.made, watched.alive) == (1, 0)
    assert waiters() == 0


@pytest.mark.asyncio_only
async def test_the_message_of_a_send_that_was_natively_cancelled_late(watched: Watched) -> None:
    """The message is the receiver's alone: neither sender nor cancellation keeps it."""
    ends = Ends()
    ends.sender.send_nowait(Message())
    task = asyncio.ensure_future(send_new(ends.sender, watched))
    await settle()
    ends.receiver.receive_nowait()  # stores the message of the sender
    task.cancel()
    del task
    await settle()
    assert watched.alive == 1
    ends.receiver.receive_nowait()
    assert (watched.made, watched.alive) == (1, 0)
    assert waiters() == 0


@pytest.mark.asyncio_only
async def test_the_message_of_a_receive_that_was_natively_cancelled_late(watched: Watched) -> None:
    """The task has its message, and no other part of the library keeps it."""
    ends = Ends()
    task = asyncio.ensure_future(receive_and_drop(ends.receiver))
    await settle()
    await send_new(ends.sender, watched)
    task.cancel()
    del task
    await settle()
    assert (watched.made, watched.alive) == (1, 0)
    assert waiters() == 0


@pytest.mark.parametrize("limit", [0, 1])
async def test_messages_that_a_blocked_batch_offered(watched: Watched, limit: int) -> None:
    """Each message of a blocked ``send_many`` is gone when it was received."""
    ends = Ends(limit)

    async def send_batch() -> None:
        await ends.sender.send_many([watched.message() for _ in range(4)])

    async with task_group() as tasks:
        sending = await begin(tasks, send_batch)
        for left in (3, 2, 1, 0):
            await receive_and_drop(ends.receiver)
            assert watched.alive == left
        await settle()
        assert sending.outcome == "done"
    assert waiters() == 0


async def test_messages_of_a_blocked_batch_that_was_cancelled(watched: Watched) -> None:
    """What was not sent is gone if the caller drops it."""
    ends = Ends(limit=1)

    async def send_batch() -> None:
        await ends.sender.send_many([watched.message() for _ in range(4)])

    await cancel_after_start(send_batch)
    assert (watched.made, watched.alive) == (4, 1)
    assert waiters() == 0


async def test_the_message_of_a_send_that_was_closed(watched: Watched) -> None:
    """A blocked send that raises leaves its message to nobody."""
    ends = Ends(limit=0)

    async def send() -> None:
        with pytest.raises(SenderError):
            await send_new(ends.sender, watched)

    async with task_group() as tasks:
        await begin(tasks, send)
        ends.channel.close()
        await settle()
        assert (watched.made, watched.alive) == (1, 0)


async def test_the_message_of_a_refused_send(watched: Watched) -> None:
    """A send that would block or that is closed keeps nothing."""
    ends = Ends(limit=0)
    with pytest.raises(anyio.WouldBlock):
        ends.sender.send_nowait(watched.message())
    ends.channel.close()
    with pytest.raises(SenderError):
        ends.sender.send_nowait(watched.message())
    await settle()
    assert (watched.made, watched.alive) == (2, 0)


async def test_a_message_that_was_leased(watched: Watched) -> None:
    """A lease that has ended keeps nothing, even if somebody keeps the lease."""
    ends = Ends()
    ends.sender.send_nowait(watched.message())
    lease = ends.receiver.lease()
    async with lease:
        assert watched.alive == 1
    assert watched.alive == 0


async def test_a_message_that_was_given_back(watched: Watched) -> None:
    """Received after it was given back, it is gone; nor is the error kept."""
    ends = Ends()
    ends.sender.send_nowait(watched.message())
    lease = ends.receiver.lease()

    async def fail() -> None:
        async with lease:
            raise WorkFailedError

    errors: list[weakref.ref[Exception]] = []
    await watch_error(errors, fail)
    assert [error() for error in errors] == [None]
    assert watched.alive == 1
    await receive_and_drop(ends.receiver)
    assert watched.alive == 0


async def test_a_lease_that_was_cancelled(watched: Watched) -> None:
    """A task cancelled at its work leaves the message to the channel alone."""
    ends = Ends()
    ends.sender.send_nowait(watched.message())

    async def work() -> None:
        async with ends.receiver.lease():
            await anyio.sleep_forever()

    await cancel_after_start(work)
    assert watched.alive == 1
    drain(ends.receiver)
    assert watched.alive == 0


async def test_a_cancelled_checkpoint(watched: Watched) -> None:
    """A send that was cancelled while it yielded keeps nothing."""
    ends = Ends(yield_every=1)

    async def send() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await send_new(ends.sender, watched)

    await send()
    await settle()
    assert (watched.made, watched.alive) == (1, 0)


async def test_messages_of_a_channel_that_was_dropped(watched: Watched) -> None:
    """What nobody received goes with its channel."""
    ends = Ends()
    await send_new(ends.sender, watched)
    del ends
    assert (watched.made, watched.alive) == (1, 0)
