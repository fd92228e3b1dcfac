"""Tasks that were given a result and never return the result, and the record of such tasks.

A peer completes the operation of a waiting task, and then the task is destroyed: by the end of its
event loop, or by the close of its coroutine. So a received message goes to the next receiver, or
back to the head of the channel.
"""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any
from weakref import ref

import pytest

import invariants
from anycast import ReceiverStoppedError
from anycast._waiting.late_cancellation import owed
from event_loops import ASYNCIO
from helpers import drain, settle, waiting
from late import (
    MESSAGE,
    RECEIVES,
    SENDS,
    Ends,
    Operation,
    each,
    forever,
    outcome,
    start,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.anyio, pytest.mark.asyncio_only]


async def destroy(task: asyncio.Task[Any]) -> None:
    """Close the coroutine of a task that has yet to run."""
    coroutine = task.get_coro()
    assert coroutine is not None
    coroutine.close()
    with pytest.raises(RuntimeError, match=r"^cannot reuse already awaited coroutine$"):
        await task


@each(RECEIVES)
async def test_a_destroyed_task_passes_its_message_on(operation: Operation) -> None:
    """The receiver that waits next gets what was handed over."""
    ends = Ends()
    task = await start(operation(ends))
    other = await start(ends.receiver.receive())
    ends.complete(operation)
    await destroy(task)
    assert await outcome(other) == MESSAGE
    assert waiting(ends.channel) == (0, 0)
    invariants.check(ends.channel._core)


@each(RECEIVES)
async def test_a_destroyed_task_gives_its_message_back(operation: Operation) -> None:
    """No receiver waits, so the message is the next message again."""
    ends = Ends(limit=2)
    task = await start(operation(ends))
    ends.complete(operation)
    ends.sender.send_nowait("later")
    await destroy(task)
    assert drain(ends.receiver) == [MESSAGE, "later"]
    now = ends.channel.statistics()
    assert (now.messages_sent, now.messages_received) == (2, 2)


@each(RECEIVES)
async def test_a_destroyed_task_in_a_closed_channel(operation: Operation) -> None:
    """The message counts as stored, and the channel ends after the message was received."""
    ends = Ends()
    task = await start(operation(ends))
    ends.complete(operation)
    ends.channel.close()
    await destroy(task)
    assert ends.receiver.receive_nowait() == MESSAGE
    with pytest.raises(ReceiverStoppedError):
        ends.receiver.receive_nowait()


@each(SENDS)
async def test_a_destroyed_task_that_has_sent(operation: Operation) -> None:
    """The message was received, and is not sent again."""
    ends = Ends()
    task = await start(operation(ends))
    ends.complete(operation)
    await destroy(task)
    assert waiting(ends.channel) == (0, 0)
    assert drain(ends.receiver) == []


def ignore(*_: object) -> None:
    """Hide the complaint of the event loop."""


@pytest.fixture(params=ASYNCIO.values(), ids=list(ASYNCIO))
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    """Return an event loop that logs nothing about unfinished tasks."""
    _, options = request.param
    loop: asyncio.AbstractEventLoop = options.get("loop_factory", asyncio.new_event_loop)()
    loop.set_exception_handler(ignore)
    yield loop
    loop.close()


@each(RECEIVES)
def test_a_closed_event_loop(operation: Operation, loop: asyncio.AbstractEventLoop) -> None:
    """The message comes back when the task is collected."""
    ends = Ends()
    task = loop.create_task(operation(ends))
    loop.run_until_complete(settle())
    ends.complete(operation)
    loop.close()
    assert drain(ends.receiver) == []
    del task
    gc.collect()
    assert drain(ends.receiver) == [MESSAGE]


@each(RECEIVES)
def test_a_closed_event_loop_and_the_next_one(
    operation: Operation, loop: asyncio.AbstractEventLoop
) -> None:
    """The message comes back to a receiver that waits in another event loop by then."""
    ends = Ends()
    task = loop.create_task(operation(ends))
    loop.run_until_complete(settle())
    ends.complete(operation)
    loop.close()

    async def main() -> str:
        nonlocal task
        other = await start(ends.receiver.receive())
        del task
        gc.collect()
        return await outcome(other)

    assert asyncio.run(main()) == MESSAGE


@each(RECEIVES + SENDS)
def test_no_task_is_kept_by_what_it_is_owed(
    operation: Operation, loop: asyncio.AbstractEventLoop
) -> None:
    """A cancellation that can never be delivered is forgotten together with its task."""
    ends = Ends()

    async def script() -> None:
        await operation(ends)
        await forever()

    task = loop.create_task(script())
    loop.run_until_complete(settle())
    ends.complete(operation)
    task.cancel()
    loop.call_soon(loop.stop)  # before the cancellation is delivered, but for uvloop
    loop.run_forever()
    loop.close()
    watched = ref(task)
    del task
    gc.collect()
    left = [*owed]
    owed.clear()  # so that other tests start without a record
    assert watched() is None
    assert left == []
