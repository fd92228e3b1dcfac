"""Native cancellations that strike a task after its operation has happened.

In each test, a peer completes the operation of a waiting task, and the task is cancelled in the
same step. So the task has its result, and has not run since.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from anyio import WouldBlock
from anyio.lowlevel import checkpoint

from event_loops import ASYNCIO
from helpers import drain, waiting
from late import (
    MESSAGE,
    RECEIVES,
    SENDS,
    TURNS,
    Ends,
    Operation,
    a_while,
    each,
    forever,
    outcome,
    receive,
    receive_many,
    start,
    strike,
    this_task,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = [pytest.mark.anyio, pytest.mark.asyncio_only]

# The next wait.


@pytest.mark.parametrize("arguments", [(), ("stop",)], ids=["no message", "a message"])
@each(RECEIVES + SENDS)
async def test_the_operation_returns_and_the_next_wait_is_cancelled(
    operation: Operation, arguments: tuple[str, ...]
) -> None:
    """The operation returns its result, and the cancellation comes later, with its message."""
    ends = Ends()

    async def script() -> list[object]:
        return [await operation(ends), await strike(forever())]

    task = await start(script())
    ends.complete(operation)
    task.cancel(*arguments)
    assert await outcome(task) == [MESSAGE, arguments]


@each(RECEIVES + SENDS)
async def test_the_message_is_transferred_once(operation: Operation) -> None:
    """The message does not come back, and does not go to another task."""
    ends = Ends()
    task = await start(strike_after(operation(ends)))
    ends.complete(operation)
    task.cancel()
    await outcome(task)
    now = ends.channel.statistics()
    assert (now.messages_sent, now.messages_received) == (1, 1)
    assert waiting(ends.channel) == (0, 0)
    assert drain(ends.receiver) == []


@each(RECEIVES + SENDS)
async def test_the_request_is_counted_from_when_it_was_made(operation: Operation) -> None:
    """`Task.cancelling` is 1 when the operation returns, and no more when the wait was struck."""
    ends = Ends()

    async def script() -> list[int]:
        task = this_task()
        await operation(ends)
        counts = [task.cancelling()]
        await strike(forever())
        return [*counts, task.cancelling(), task.uncancel()]

    task = await start(script())
    ends.complete(operation)
    task.cancel()
    assert await outcome(task) == [1, 1, 0]


@each(RECEIVES + SENDS)
async def test_the_cancellation_strikes_once(operation: Operation) -> None:
    """Later waits are left alone."""
    ends = Ends()

    async def script() -> list[object]:
        await strike_after(operation(ends))
        return [await strike(a_while()), await strike(a_while())]

    task = await start(script())
    ends.complete(operation)
    task.cancel()
    assert await outcome(task) == [None, None]


WAITS: dict[str, Callable[[Ends], Awaitable[object]]] = {
    "an event": lambda _: forever(),
    "a yield": lambda _: asyncio.sleep(0),
    "a checkpoint": lambda _: checkpoint(),
    "a sleep": lambda _: asyncio.sleep(3600),
    "another task": lambda _: asyncio.ensure_future(forever()),
    "a receive": lambda ends: ends.receiver.receive(),
    "a send": lambda ends: ends.sender.send("another"),
    "a receive elsewhere": lambda ends: ends.idle.receive(),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=list(WAITS))
async def test_any_wait_is_cancelled(wait: Callable[[Ends], Awaitable[object]]) -> None:
    """The next wait is cancelled, in a channel or elsewhere."""
    ends = Ends()

    async def script() -> list[object]:
        return [await receive(ends), await strike(wait(ends))]

    task = await start(script())
    ends.complete(receive)
    task.cancel("stop")
    assert await outcome(task) == [MESSAGE, ("stop",)]


@each(RECEIVES + SENDS)
async def test_a_task_that_ends_first_keeps_its_result(operation: Operation) -> None:
    """A task that never waits again gets no cancellation, and the request stays counted."""
    ends = Ends()
    task = await start(operation(ends))
    ends.complete(operation)
    task.cancel()
    assert await outcome(task) == MESSAGE
    assert task.cancelling() == 1


@pytest.mark.parametrize("backend", ASYNCIO.values(), ids=list(ASYNCIO))
def test_the_first_ctrl_c_strikes_at_the_next_wait(backend: tuple[str, dict[str, Any]]) -> None:
    """`asyncio.Runner` turns Ctrl-C into a cancellation of the main task."""
    ends = Ends()
    log: list[object] = []

    async def interrupt() -> None:
        ends.complete(receive)
        signal.raise_signal(signal.SIGINT)

    async def main() -> None:
        asyncio.get_running_loop().call_soon(asyncio.ensure_future, interrupt())
        log.append(await receive(ends))
        await a_while()

    _, options = backend
    with asyncio.Runner(**options) as runner, pytest.raises(KeyboardInterrupt):
        runner.run(main())
    assert log == [MESSAGE]


# Several cancellations.


@each(RECEIVES + SENDS)
async def test_two_cancellations_strike_as_one(operation: Operation) -> None:
    """Both cancellations are counted, and the last message stands, as asyncio does in one step."""
    ends = Ends()

    async def script() -> list[object]:
        struck = await strike_after(operation(ends))
        return [struck, this_task().cancelling(), await strike(a_while())]

    task = await start(script())
    ends.complete(operation)
    task.cancel("one")
    task.cancel("two")
    assert await outcome(task) == [("two",), 2, None]


@each(RECEIVES + SENDS)
async def test_one_of_two_cancellations_is_taken_back(operation: Operation) -> None:
    """The cancellation that was not taken back is delivered."""
    ends = Ends()

    async def script() -> list[object]:
        await operation(ends)
        this_task().uncancel()
        return [await strike(forever()), this_task().cancelling(), await strike(a_while())]

    task = await start(script())
    ends.complete(operation)
    task.cancel("stop")
    task.cancel("stop")
    assert await outcome(task) == [("stop",), 1, None]


@each(RECEIVES + SENDS)
async def test_a_second_cancellation_comes_before_the_first_is_delivered(
    operation: Operation,
) -> None:
    """Both cancellations strike at once in the task's next wait."""
    ends = Ends()

    async def script() -> list[object]:
        struck = await strike_after(operation(ends))
        return [struck is not None, this_task().cancelling(), await strike(a_while())]

    task = await start(script())
    ends.complete(operation)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    assert await outcome(task) == [True, 2, None]


@each(RECEIVES + SENDS)
async def test_a_cancellation_that_is_pending_when_the_wait_begins(operation: Operation) -> None:
    """A task that has cancelled itself is no peer until the cancellation has struck."""
    ends = Ends()

    async def script() -> object:
        this_task().cancel("own")
        return await strike(operation(ends))

    task = asyncio.ensure_future(script())
    await asyncio.sleep(0)
    ends.find_nobody(operation)
    assert await outcome(task) == ("own",)


@each(RECEIVES + SENDS)
async def test_a_cancellation_before_the_peer_comes(operation: Operation) -> None:
    """The cancellation is not late: the peer finds no waiter, and the operation is cancelled."""
    ends = Ends()
    task = await start(strike(operation(ends)))
    task.cancel("stop")
    ends.find_nobody(operation)
    assert await outcome(task) == ("stop",)


# Channels that are busy.


@each(RECEIVES + SENDS)
async def test_a_wait_in_the_same_turn_is_cancelled_there(operation: Operation) -> None:
    """A peer that comes before the cancellation strikes finds no waiter."""
    ends = Ends()

    async def script() -> object:
        await operation(ends)
        return await strike(operation(ends))

    task = await start(script())
    ends.complete(operation)
    task.cancel("stop")
    await asyncio.sleep(0)  # the task waits again, and has not been cancelled yet
    ends.find_nobody(operation)
    assert await outcome(task) == ("stop",)


@each(RECEIVES + SENDS)
async def test_a_busy_channel_cannot_outrun_a_cancellation(operation: Operation) -> None:
    """A task that finds a ready peer each time is cancelled at its next wait."""
    ends = Ends()
    log: list[str] = []

    async def work() -> None:
        while True:
            log.append(await operation(ends))

    task = await start(strike(work()))
    ends.complete(operation)
    task.cancel("stop")
    for _ in range(TURNS):
        await asyncio.sleep(0)
        with suppress(WouldBlock):
            ends.complete(operation)
    assert await outcome(task) == ("stop",)
    assert log == [MESSAGE]


@each([one for one in RECEIVES + SENDS if one is not receive_many])
async def test_a_task_that_need_not_wait_cannot_outrun_a_cancellation(
    operation: Operation,
) -> None:
    """The task is cancelled at the next yield that is due."""
    ends = Ends(limit=1000, yield_every=8)
    log: list[str] = []

    async def work() -> None:
        while True:
            log.append(await operation(ends))

    if operation in SENDS:
        ends.fill()
    task = await start(strike(work()))
    if operation in SENDS:
        drain(ends.receiver)
    else:
        ends.fill()
    task.cancel("stop")
    assert await outcome(task) == ("stop",)
    assert len(log) <= 9


@each(RECEIVES)
async def test_a_due_yield_is_cancelled(operation: Operation) -> None:
    """The operation that was to yield first takes no message."""
    ends = Ends(limit=1, yield_every=1)

    async def script() -> object:
        await operation(ends)
        return await strike(operation(ends))

    task = await start(script())
    ends.complete(operation)
    task.cancel("stop")
    await asyncio.sleep(0)
    ends.sender.send_nowait("next")
    assert await outcome(task) == ("stop",)
    assert drain(ends.receiver) == ["next"]


async def strike_after(operation: Awaitable[object]) -> tuple[object, ...] | None:
    """Await an operation, then wait for a cancellation."""
    await operation
    return await strike(forever())
