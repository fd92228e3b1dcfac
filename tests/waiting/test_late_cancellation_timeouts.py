"""Late cancellations by `asyncio.timeout` and `asyncio.wait_for`.

In each test, a peer completes the operation of a waiting task, and a timeout expires before the
task runs.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from anyio import WouldBlock

from anycast._waiting.late_cancellation import owed
from late import (
    MESSAGE,
    RECEIVES,
    SENDS,
    Ends,
    Operation,
    Timeouts,
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
async def test_a_timeout_around_what_has_happened_raises_nothing(operation: Operation) -> None:
    """The block ends with the result, and nothing is delivered later."""
    ends, timeouts = Ends(), Timeouts()

    async def script() -> list[object]:
        async with timeouts.new():
            result = await operation(ends)
            assert owed
        return [result, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    timeouts.expire()
    ends.complete(operation)
    assert await outcome(task) == [MESSAGE, None, 0]


@each(RECEIVES + SENDS)
async def test_a_timeout_expires_at_the_next_wait_of_its_block(operation: Operation) -> None:
    """The timeout has expired in the midst of the block, so the block ends with TimeoutError."""
    ends, timeouts = Ends(), Timeouts()
    log: list[object] = []

    async def use_up_the_time() -> None:
        async with timeouts.new():
            log.append(await operation(ends))
            await forever()

    async def script() -> list[object]:
        with pytest.raises(TimeoutError):
            await use_up_the_time()
        return [*log, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    timeouts.expire()
    ends.complete(operation)
    assert await outcome(task) == [MESSAGE, None, 0]


@each(RECEIVES + SENDS)
async def test_the_outer_one_of_two_timeouts_ends_its_block(operation: Operation) -> None:
    """Of two timeouts that expire at once, the inner one is taken back, and the outer strikes."""
    ends, timeouts = Ends(), Timeouts()
    log: list[object] = []

    async def use_up_the_time() -> None:
        async with timeouts.new():
            async with timeouts.new():
                log.append(await operation(ends))
            log.append("inner")
            await forever()

    async def script() -> list[object]:
        with pytest.raises(TimeoutError):
            await use_up_the_time()
        return [*log, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    timeouts.expire()
    ends.complete(operation)
    assert await outcome(task) == [MESSAGE, "inner", None, 0]


@each(RECEIVES + SENDS)
async def test_two_timeouts_whose_blocks_end_with_the_result(operation: Operation) -> None:
    """Both timeouts are taken back, and nothing is delivered later."""
    ends, timeouts = Ends(), Timeouts()

    async def script() -> list[object]:
        async with timeouts.new(), timeouts.new():
            result = await operation(ends)
        return [result, await strike(a_while()), this_task().cancelling()]

    task = await start(script())
    timeouts.expire()
    ends.complete(operation)
    assert await outcome(task) == [MESSAGE, None, 0]


@each(RECEIVES + SENDS)
async def test_a_native_cancellation_outlives_a_timeout(operation: Operation) -> None:
    """The timeout is taken back, and the task is cancelled after its block."""
    ends, timeouts = Ends(), Timeouts()

    async def script() -> list[object]:
        async with timeouts.new():
            result = await operation(ends)
        return [result, await strike(forever()), this_task().cancelling(), await strike(a_while())]

    task = await start(script())
    timeouts.expire()
    ends.complete(operation)
    task.cancel()
    assert await outcome(task) == [MESSAGE, (), 1, None]


@each(RECEIVES + SENDS)
async def test_wait_for_in_any_turn(operation: Operation) -> None:
    """`wait_for` returns the result if the peer came in time, or else raises TimeoutError."""
    late = False

    async def note_lateness(ends: Ends) -> str:
        nonlocal late
        result = await operation(ends)
        late |= bool(owed)
        return result

    async def script(ends: Ends) -> list[object]:
        result: object = None
        with suppress(TimeoutError):
            result = await asyncio.wait_for(note_lateness(ends), 1e-9)
        return [result, await strike(a_while()), this_task().cancelling()]

    for turns in range(6):
        ends = Ends()
        task = asyncio.ensure_future(script(ends))
        for _ in range(turns):
            await asyncio.sleep(0)
        result = None
        with suppress(WouldBlock):
            ends.complete(operation)
            result = MESSAGE
        assert await outcome(task) == [result, None, 0]
    assert late
