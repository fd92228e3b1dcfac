"""The README's claims about tasks that use the peers, shown on the peers themselves.

A test that fails here means that a peer has changed, and that the README must follow.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import pytest
import trio
from trio.testing import trio_test

from helpers import ROUNDS, begin, raises, settle, task_group
from peers import frequenz_channel, memory_stream, queue_and_frequenz

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from peers import Ends

pytestmark = pytest.mark.anyio
T = TypeVar("T")
NO_LOOP = "'NoneType' object has no attribute 'create_future'"  # the text of asyncio


async def started(operation: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start an operation in a task of asyncio, and let the task run until it blocks or ends."""
    task = asyncio.ensure_future(operation)
    await settle()
    return task


async def is_cancelled(task: asyncio.Task[Any]) -> bool:
    """Cancel a task by `Task.cancel`, and return whether the task ended as cancelled."""
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


# Runs on


@trio_test
async def test_asyncio_queue_does_not_run_on_trio() -> None:
    """The tasks of the queue cannot wait outside of asyncio."""
    with raises(AttributeError, NO_LOOP), trio.move_on_after(0):
        await asyncio.Queue[int]().get()


@pytest.mark.asyncio_only
async def test_trio_does_not_run_on_asyncio() -> None:
    """The channel asks for trio before any other step."""
    sender, _ = trio.open_memory_channel[int](1)
    with raises(RuntimeError, "must be called from async context"):
        await sender.send(1)


@trio_test
async def test_frequenz_does_not_run_on_trio() -> None:
    """The tasks of the channel cannot wait outside of asyncio."""
    receiver = frequenz_channel(1).new_receiver()
    with raises(AttributeError, NO_LOOP), trio.move_on_after(0):
        await receiver.receive()


# A native `Task.cancel()` loses no message


@queue_and_frequenz
@pytest.mark.asyncio_only
async def test_a_cancelled_receive_has_taken_nothing(make: Callable[[int], Ends]) -> None:
    """A message stays when the woken task is cancelled."""
    send, receive = make(1)
    receiving = await started(receive())
    await send(1)
    assert await is_cancelled(receiving)
    assert (await started(receive())).result() == 1


@queue_and_frequenz
@pytest.mark.asyncio_only
@pytest.mark.parametrize("turns", range(ROUNDS))
async def test_a_cancelled_send_has_sent_nothing(make: Callable[[int], Ends], turns: int) -> None:
    """A send that is cancelled at any moment has returned, or has sent no message."""
    send, receive = make(1)
    await send(0)
    sending = asyncio.ensure_future(send(1))
    receiving = [asyncio.ensure_future(receive()) for _ in range(2)]
    for _ in range(turns):
        await asyncio.sleep(0)
    cancelled = await is_cancelled(sending)
    await settle()
    assert [task.result() for task in receiving if task.done()] == ([0] if cancelled else [0, 1])
    receiving[1].cancel()
    await asyncio.wait(receiving)


@pytest.mark.asyncio_only
async def test_anyio_loses_the_item_that_a_cancelled_receiver_was_handed() -> None:
    """The item is gone when the task is cancelled before the task runs."""
    with memory_stream(1) as (sender, receiver):
        receiving = await started(receiver.receive())
        sender.send_nowait(1)
        assert await is_cancelled(receiving)
        assert receiver.statistics().current_buffer_used == 0


@pytest.mark.asyncio_only
async def test_anyio_tells_a_sender_that_it_was_cancelled_when_its_item_was_taken() -> None:
    """A sender that retries sends its item twice."""
    with memory_stream(0) as (sender, receiver):
        sending = await started(sender.send(1))
        assert receiver.receive_nowait() == 1
        assert await is_cancelled(sending)
        await started(sender.send(1))
        assert receiver.receive_nowait() == 1


# A newcomer never overtakes a task that waits


@queue_and_frequenz
@pytest.mark.asyncio_only
async def test_a_newcomer_may_send_first(make: Callable[[int], Ends]) -> None:
    """A sender that was woken for the room goes behind the senders that came later."""
    send, receive = make(1)
    await send(0)

    async def newcome() -> None:
        await receive()
        await send(3)

    async with task_group() as tasks:
        await begin(tasks, send, 1)
        await begin(tasks, send, 2)
        newcomer = await begin(tasks, newcome)
        assert newcomer.outcome == "done"
        assert [await receive() for _ in range(3)] == [3, 2, 1]


@queue_and_frequenz
@pytest.mark.asyncio_only
async def test_a_newcomer_may_receive_first(make: Callable[[int], Ends]) -> None:
    """A receiver that was woken for a message waits again."""
    send, receive = make(1)

    async def newcome() -> int:
        await send(1)
        return await receive()

    async with task_group() as tasks:
        receiving = await begin(tasks, receive)
        newcomer = await begin(tasks, newcome)
        assert (newcomer.result, receiving.outcome) == (1, "unfinished")
        receiving.cancel()


async def overtake(sender: Any, receiver: Any, would_block: type[Exception]) -> None:
    """Try to overtake a sender and a receiver, at a full buffer with room for one message."""
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        assert receiver.receive_nowait() == 0
        with pytest.raises(would_block):
            sender.send_nowait(2)
        assert receiver.receive_nowait() == 1
        receiving = await begin(tasks, receiver.receive)
        sender.send_nowait(3)
        with pytest.raises(would_block):
            receiver.receive_nowait()
    assert (sending.outcome, receiving.result) == ("done", 3)


async def test_anyio_lets_nobody_overtake() -> None:
    """Room and items go to the task that has waited longest."""
    with memory_stream(1) as (sender, receiver):
        sender.send_nowait(0)
        await overtake(sender, receiver, anyio.WouldBlock)


@trio_test
async def test_trio_lets_nobody_overtake() -> None:
    """Room and values go to the task that has waited longest."""
    sender, receiver = trio.open_memory_channel[int](1)
    sender.send_nowait(0)
    await overtake(sender, receiver, trio.WouldBlock)
