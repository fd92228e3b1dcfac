"""No message is kept longer than needed: by a channel, a wait or a lease."""

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
    """Only the receiver has the message, whether the receive waited or not."""
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
    """The calls that do not wait keep no message."""
    ends = Ends()
    ends.sender.send_nowait(watched.message())
    ends.receiver.receive_nowait()
    assert (watched.made, watched.alive) == (1, 0)


@pytest.mark.parametrize("limit", [0, 1])
async def test_a_message_whose_sender_was_blocked(watched: Watched, limit: int) -> None:
    """The message is gone after the receive, even though its sender waited with the message."""
    ends = Ends(limit)
    async with task_group() as tasks:
        for _ in range(3):
            await begin(tasks, send_new, ends.sender, watched)
        for _ in range(3):
            await receive_and_drop(ends.receiver)
        await settle()
        assert (watched.made, watched.alive) == (3, 0)


async def test_messages_of_a_batch(watched: Watched) -> None:
    """Batches keep no message, in the sender or in the receiver."""
    ends = Ends(math.inf)
    await ends.sender.send_many(watched.message() for _ in range(3))
    await ends.receiver.receive_many(3)
    assert (watched.made, watched.alive) == (3, 0)


async def test_the_message_of_a_cancelled_send(watched: Watched) -> None:
    """Only the caller has the message, which is gone if the caller drops the message."""
    ends = Ends(limit=0)
    await cancel_after_start(send_new, ends.sender, watched)
    assert (watched.made, watched.alive) == (1, 0)


@pytest.mark.asyncio_only
async def test_the_message_of_a_natively_cancelled_send(watched: Watched) -> None:
    """Only the caller has the message, which is gone if the caller drops the message."""
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
    """Only the receiver has the message: neither sender nor cancellation keeps the message."""
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
    """Only the task has the message: the library keeps no reference."""
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
    """Each message of a blocked ``send_many`` is gone after the message was received."""
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
    """The unsent messages are gone if the caller drops the deque."""
    ends = Ends(limit=1)

    async def send_batch() -> None:
        await ends.sender.send_many([watched.message() for _ in range(4)])

    await cancel_after_start(send_batch)
    assert (watched.made, watched.alive) == (4, 1)
    assert waiters() == 0


async def test_the_message_of_a_send_that_was_closed(watched: Watched) -> None:
    """A blocked send that raises keeps no reference to its message."""
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
    """A send that would block or that is closed keeps no message."""
    ends = Ends(limit=0)
    with pytest.raises(anyio.WouldBlock):
        ends.sender.send_nowait(watched.message())
    ends.channel.close()
    with pytest.raises(SenderError):
        ends.sender.send_nowait(watched.message())
    await settle()
    assert (watched.made, watched.alive) == (2, 0)


async def test_a_message_that_was_leased(watched: Watched) -> None:
    """A lease that has ended keeps no message, even if the lease object is kept."""
    ends = Ends()
    ends.sender.send_nowait(watched.message())
    lease = ends.receiver.lease()
    async with lease:
        assert watched.alive == 1
    assert watched.alive == 0


async def test_a_message_that_was_given_back(watched: Watched) -> None:
    """A message that comes back and is received is gone, and so is the error."""
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
    """After the cancellation of the work, only the channel has the message."""
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
    """A send that was cancelled in its yield keeps no message."""
    ends = Ends(yield_every=1)

    async def send() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await send_new(ends.sender, watched)

    await send()
    await settle()
    assert (watched.made, watched.alive) == (1, 0)


async def test_messages_of_a_channel_that_was_dropped(watched: Watched) -> None:
    """The messages that are left are gone with their channel."""
    ends = Ends()
    await send_new(ends.sender, watched)
    del ends
    assert (watched.made, watched.alive) == (1, 0)
