"""Cancel scopes of anyio around a task whose operation a peer completes.

anyio does not cancel a task that was woken, and cancels again until the block of the scope has
ended. So scopes need no help, and the help for native cancellations must not harm a scope.
"""

from __future__ import annotations

import asyncio

import anyio
import pytest
from anyio import CancelScope

from late import (
    MESSAGE,
    RECEIVES,
    SENDS,
    Ends,
    Failing,
    Operation,
    WorkFailedError,
    a_while,
    each,
    forever,
    outcome,
    start,
    strike,
    this_task,
)

pytestmark = [pytest.mark.anyio, pytest.mark.asyncio_only]


@each(RECEIVES + SENDS)
async def test_a_scope_that_is_cancelled_before_the_peer_comes(operation: Operation) -> None:
    """The peer finds no waiter, even before the cancelled task has run."""
    ends, scope = Ends(), CancelScope()

    async def script() -> list[object]:
        with scope:
            await operation(ends)
        return [scope.cancelled_caught, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    scope.cancel()
    ends.find_nobody(operation)
    assert await outcome(task) == [True, None, 0]
    assert ends.channel.statistics().messages_received == 0


@each(RECEIVES + SENDS)
async def test_a_scope_around_what_has_happened(operation: Operation) -> None:
    """The block ends with the result, and nothing is delivered later."""
    ends, scope = Ends(), CancelScope()
    log: list[object] = []

    async def script() -> list[object]:
        with scope:
            log.append(await operation(ends))
        return [*log, scope.cancelled_caught, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    ends.complete(operation)
    scope.cancel()
    assert await outcome(task) == [MESSAGE, False, None, 0]


@each(RECEIVES + SENDS)
async def test_a_scope_strikes_at_the_next_wait_of_its_block(operation: Operation) -> None:
    """The next wait is cancelled, even a wait in the channel, where a peer finds no waiter."""
    ends, scope = Ends(), CancelScope()
    log: list[object] = []

    async def script() -> list[object]:
        with scope:
            while True:
                log.append(await operation(ends))
        return [*log, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    ends.complete(operation)
    scope.cancel()
    await asyncio.sleep(0)
    ends.find_nobody(operation)
    assert await outcome(task) == [MESSAGE, None, 0]


@each(RECEIVES + SENDS)
async def test_an_outer_scope(operation: Operation) -> None:
    """The inner block ends with the result, and the outer block is cancelled at its next wait."""
    ends, outer = Ends(), CancelScope()
    log: list[object] = []

    async def script() -> list[object]:
        with outer:
            with CancelScope():
                log.append(await operation(ends))
            log.append("inner")
            await forever()
        return [*log, outer.cancelled_caught, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    ends.complete(operation)
    outer.cancel()
    assert await outcome(task) == [MESSAGE, "inner", True, None, 0]


@each(RECEIVES + SENDS)
async def test_a_shielded_scope(operation: Operation) -> None:
    """The outer cancellation strikes at the next wait after the shielded block, and not within."""
    ends, outer = Ends(), CancelScope()
    log: list[object] = []

    async def script() -> list[object]:
        with outer:
            with CancelScope(shield=True):
                log.append(await operation(ends))
                log.append(await strike(a_while()))
            await forever()
        return [*log, outer.cancelled_caught, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    ends.complete(operation)
    outer.cancel()
    assert await outcome(task) == [MESSAGE, None, True, None, 0]


@each(RECEIVES + SENDS)
async def test_a_native_cancellation_in_a_shielded_scope(operation: Operation) -> None:
    """The native cancellation strikes at the next wait, and no scope swallows the cancellation."""
    ends, outer = Ends(), CancelScope()
    log: list[object] = []

    async def script() -> list[object]:
        with outer, CancelScope(shield=True):
            log.extend([await operation(ends), await strike(forever())])
        return [*log, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    ends.complete(operation)
    task.cancel("stop")
    assert await outcome(task) == [MESSAGE, ("stop",), None, 1]


@each(RECEIVES + SENDS)
async def test_a_scope_and_a_native_cancellation(operation: Operation) -> None:
    """The block ends with the result, and the native cancellation strikes after the block."""
    ends, scope = Ends(), CancelScope()
    log: list[object] = []

    async def script() -> list[object]:
        with scope:
            log.append(await operation(ends))
        return [*log, await strike(forever()), await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    ends.complete(operation)
    scope.cancel()
    task.cancel("stop")
    assert await outcome(task) == [MESSAGE, ("stop",), None, 1]


@each(RECEIVES + SENDS)
async def test_a_task_group_of_anyio(operation: Operation) -> None:
    """The group fails with the error of the other task, and nothing is delivered later."""
    ends, other = Ends(), Failing()
    log: list[object] = []

    async def script() -> list[object]:
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(other.work)
                log.append(await operation(ends))
                await forever()
        except* WorkFailedError:
            log.append("failed")
        return [*log, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    await other.fail()
    ends.complete(operation)
    assert await outcome(task) == [MESSAGE, "failed", None, 0]
