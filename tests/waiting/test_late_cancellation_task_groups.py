"""Late cancellations by `asyncio.TaskGroup`, and requests for cancellation that stay counted.

In each test, a peer completes the operation of a waiting task, and the task is cancelled before the
task runs.
"""

from __future__ import annotations

import asyncio

import pytest

from anycast._waiting.late_cancellation import owed
from helpers import settle
from late import (
    MESSAGE,
    RECEIVES,
    SENDS,
    Ends,
    Failing,
    Operation,
    Timeouts,
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
async def test_a_task_group_around_what_has_happened(operation: Operation) -> None:
    """The group fails with the error of the other task, and nothing is delivered later."""
    ends, other = Ends(), Failing()
    log: list[object] = []

    async def script() -> list[object]:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(other.work())
                log.append(await operation(ends))
                assert owed
        except* WorkFailedError:
            log.append("failed")
        return [*log, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    await other.fail()
    ends.complete(operation)
    assert await outcome(task) == [MESSAGE, "failed", None, 0]


@each(RECEIVES + SENDS)
async def test_a_task_group_is_cancelled_at_the_next_wait_of_its_block(
    operation: Operation,
) -> None:
    """The block is cancelled at its next wait, since the group is ending."""
    ends, other = Ends(), Failing()
    log: list[object] = []

    async def script() -> list[object]:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(other.work())
                log.append(await operation(ends))
                await forever()
        except* WorkFailedError:
            log.append("failed")
        return [*log, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    await other.fail()
    ends.complete(operation)
    assert await outcome(task) == [MESSAGE, "failed", None, 0]


@each(RECEIVES + SENDS)
async def test_a_task_group_that_waits_for_its_tasks(operation: Operation) -> None:
    """The cancellation is delivered while the group ends, and does not leave the group."""
    ends, other = Ends(), Failing()
    log: list[object] = []

    async def end_slowly() -> None:
        try:
            await forever()
        finally:
            await a_while()
            log.append("ended")

    async def script() -> list[object]:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(end_slowly())
                group.create_task(other.work())
                log.append(await operation(ends))
        except* WorkFailedError:
            log.append("failed")
        return [*log, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    await other.fail()
    ends.complete(operation)
    assert await outcome(task) == [MESSAGE, "ended", "failed", None, 0]


# Requests that are never taken back.


@each(RECEIVES + SENDS)
async def test_a_request_that_a_task_group_left_behind(operation: Operation) -> None:
    """Up to Python 3.12, a group that fails swallows a cancellation, still counted afterwards."""
    ends, other, timeouts = Ends(), Failing(), Timeouts()

    async def script() -> list[object]:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(other.work())
                await forever()
        except* WorkFailedError:
            pass
        await strike(a_while())  # later versions deliver the cancellation after the group
        assert this_task().cancelling() == 1
        async with timeouts.new():
            result = await operation(ends)
            assert owed
        return [result, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    await other.fail()
    task.cancel()
    await settle()
    timeouts.expire()
    ends.complete(operation)
    assert await outcome(task) == [MESSAGE, None, 1]


@each(RECEIVES + SENDS)
async def test_a_request_that_was_caught_and_left_counted(operation: Operation) -> None:
    """A timeout that is taken back does not deliver the old request a second time."""
    ends, timeouts = Ends(), Timeouts()

    async def script() -> list[object]:
        struck = await strike(forever())
        async with timeouts.new():
            result = await operation(ends)
            assert owed
        return [struck, result, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    task.cancel("first")
    await settle()
    timeouts.expire()
    ends.complete(operation)
    assert await outcome(task) == [("first",), MESSAGE, None, 1]


@each(RECEIVES + SENDS)
async def test_a_cancellation_after_one_that_was_caught_and_left_counted(
    operation: Operation,
) -> None:
    """The second cancellation is delivered once."""
    ends = Ends()

    async def script() -> list[object]:
        struck = await strike(forever())
        result = await operation(ends)
        return [struck, result, await strike(forever()), await strike(a_while())]

    task = await start(script())
    task.cancel("first")
    await settle()
    ends.complete(operation)
    task.cancel("second")
    assert await outcome(task) == [("first",), MESSAGE, ("second",), None]


@each(RECEIVES + SENDS)
async def test_a_cancellation_that_the_task_itself_takes_back(operation: Operation) -> None:
    """Nothing is delivered later."""
    ends = Ends()

    async def script() -> list[object]:
        result = await operation(ends)
        this_task().uncancel()
        return [result, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    ends.complete(operation)
    task.cancel()
    assert await outcome(task) == [MESSAGE, None, 0]
