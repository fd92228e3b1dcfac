"""Objects that are not needed are not kept: tasks, errors, waiters, endpoints."""

from __future__ import annotations

import asyncio
import weakref
from functools import partial

import pytest

from anycast import (
    Anycast,
    ReceiverStoppedError,
    SenderClosedError,
)
from anycast._waiting import late_cancellation
from debris import (
    Ends,
    Message,
    Watched,
    WorkFailedError,
    cancel_after_start,
    handle,
    receive_and_drop,
    waiters,
    watch_error,
)
from helpers import begin, settle, task_group, waiting

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_log", "no_garbage_collection")]


async def test_the_errors_of_a_closed_channel() -> None:
    """An error is gone after it was handled: the channel has no reference to the error."""
    ends = Ends()
    ends.channel.close()
    errors: list[weakref.ref[Exception]] = []
    await watch_error(errors, ends.sender.send, Message())
    await watch_error(errors, ends.receiver.receive)
    assert [error() for error in errors] == [None, None]


async def test_the_errors_of_tasks_that_waited() -> None:
    """An error that ended a wait is gone after the error was handled."""
    ends = Ends(limit=0)
    errors: list[weakref.ref[Exception]] = []
    async with task_group() as tasks:
        await begin(tasks, watch_error, errors, ends.sender.send, Message())
        ends.sender.close()
        await settle()
        await begin(tasks, watch_error, errors, ends.receiver.receive)
        ends.channel.close()
        await settle()
        assert [error() for error in errors] == [None, None]


@pytest.mark.parametrize("end", ["done", "cancelled", "closed"])
async def test_a_task_that_has_finished(end: str) -> None:
    """The frames of a finished task are gone, however the wait of the task ended."""
    ends, watched = Ends(limit=0), Watched()

    async def task() -> None:
        kept_by_the_frame = watched.message()
        try:
            await ends.receiver.receive()
        except ReceiverStoppedError:
            assert end == "closed"
        del kept_by_the_frame

    async with task_group() as tasks:
        attempt = await begin(tasks, task)
        if end == "done":
            await ends.sender.send(Message())
        elif end == "cancelled":
            attempt.cancel()
        else:
            ends.receiver.close()
        await settle()
        assert (watched.made, watched.alive) == (1, 0)


@pytest.mark.asyncio_only
@pytest.mark.parametrize("when", ["waiting", "woken"])
async def test_a_task_that_was_natively_cancelled(when: str) -> None:
    """The task and the cancellation are gone, wherever in the wait the cancellation came."""
    ends = Ends()
    task = asyncio.ensure_future(ends.receiver.receive())
    reference = weakref.ref(task)
    await settle()
    if when == "woken":
        ends.sender.send_nowait(Message())
    task.cancel()
    del task
    await settle()
    assert reference() is None
    assert waiters() == 0
    assert late_cancellation.owed == {}


@pytest.mark.asyncio_only
async def test_a_task_that_took_a_late_cancellation_later() -> None:
    """A cancellation that was delivered at the next wait is gone, and so is the waiter."""
    ends = Ends()

    async def receive_twice() -> None:
        await ends.receiver.receive()
        await ends.receiver.receive()

    task = asyncio.ensure_future(receive_twice())
    reference = weakref.ref(task)
    await settle()
    ends.sender.send_nowait(Message())
    task.cancel()
    await settle()
    assert task.cancelled()
    del task
    assert reference() is None
    assert waiting(ends.channel) == (0, 0)
    assert waiters() == 0
    assert late_cancellation.owed == {}


@pytest.mark.parametrize("limit", [0, 1])
async def test_waiters(limit: int) -> None:
    """After all waits have ended, no waiter is left, after a result, a cancellation or a close."""
    ends = Ends(limit)
    for _ in range(10):
        await cancel_after_start(ends.receiver.receive)
    ends.channel.new_sender()
    async with task_group() as tasks:
        served = [await begin(tasks, ends.receiver.receive) for _ in range(3)]
        assert waiters() == 3
        for _ in range(3):
            await ends.sender.send(Message())
        for _ in range(limit):
            await ends.sender.send(Message())
        cancelled = await begin(tasks, ends.sender.send, Message())
        closed = await begin(tasks, handle, ends.sender.send, Message())
        assert waiters() == 2
        cancelled.cancel()
        await settle()
        ends.sender.close()
    assert {attempt.outcome for attempt in served} == {"done"}
    assert (cancelled.outcome, closed.result) == ("cancelled", SenderClosedError)
    assert waiting(ends.channel) == (0, 0)
    assert waiters() == 0


async def test_waiters_of_batches_leases_and_loops() -> None:
    """No waiter is left of batches, leases and loops whose endpoints stay open."""
    ends = Ends()
    receiver = ends.receiver
    async with task_group() as tasks:
        lease = receiver.lease().__aenter__
        for wait in (partial(receiver.receive_many, 1), receiver.__anext__, lease):
            waits = await begin(tasks, wait)
            await ends.sender.send(Message())
            await settle()
            assert waits.outcome == "done"
        blocked = await begin(tasks, ends.sender.send_many, [Message(), Message()])
        await receive_and_drop(receiver)
        await settle()
        assert blocked.outcome == "done"
    assert waiters() == 0


@pytest.mark.parametrize("limit", [0, 1])
async def test_a_waiter_whose_message_came_back(limit: int) -> None:
    """A task that is given a message of a failed lease leaves no waiter behind."""
    ends = Ends(limit)

    async def fail() -> None:
        async with ends.receiver.lease():
            await begin(tasks, receive_and_drop, ends.receiver)
            raise WorkFailedError

    async with task_group() as tasks:
        sending = await begin(tasks, ends.sender.send, Message())
        assert await handle(fail) is WorkFailedError
        await settle()
        assert sending.outcome == "done"
        assert waiting(ends.channel) == (0, 0)
        assert waiters() == 0


async def test_a_channel_that_nobody_uses() -> None:
    """Channel and endpoints form no reference cycle, whatever operations they performed."""

    async def use() -> list[weakref.ref[object]]:
        ends = Ends(limit=0)
        await cancel_after_start(ends.receiver.receive)
        await cancel_after_start(ends.sender.send, Message())
        async with task_group() as tasks:
            await begin(tasks, ends.receiver.receive)
            await ends.sender.send(Message())
        things: list[object] = [ends.channel, ends.sender, ends.receiver]
        return [weakref.ref(thing) for thing in things]

    references = await use()
    await settle()
    assert [reference() for reference in references] == [None] * 3


async def test_endpoints_that_were_dropped() -> None:
    """The channel counts its endpoints, and has no reference to an endpoint."""
    channel = Anycast[Message]()
    sender, receiver = weakref.ref(channel.new_sender()), weakref.ref(channel.new_receiver())
    assert (sender(), receiver()) == (None, None)
