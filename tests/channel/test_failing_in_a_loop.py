"""Operations that fail count: a loop over such operations yields, and can be cancelled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from anycast import Anycast, Error, ReceiverStoppedError, SenderError, merge
from combinations import TRANSPARENT
from helpers import count_yields
from operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from anycast import Receiver

pytestmark = pytest.mark.anyio

every_operation = pytest.mark.parametrize("operation", OPERATIONS)
each_interval = pytest.mark.parametrize("yield_every", [1, 64])
each_reason = pytest.mark.parametrize("closed", ["channel", "ends"])


def failing(
    operation: str, yield_every: int, closed: str
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Return a function that performs an operation which always fails."""
    channel = Anycast[int](yield_every=yield_every)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    if closed == "channel":
        channel.close()
    else:
        sender.close()
        receiver.close()

    async def fail() -> None:
        with pytest.raises((Error, StopAsyncIteration)):
            await OPERATIONS[operation](sender, receiver)

    return fail


def expected(yield_every: int) -> list[bool]:
    """Return when operations yield, over three intervals."""
    if yield_every == 1:
        return [True] * 3
    return [False, *([False] * (yield_every - 1) + [True]) * 3]


@every_operation
@each_interval
@each_reason
async def test_how_often_a_loop_yields(operation: str, yield_every: int, closed: str) -> None:
    """After ``yield_every`` operations that failed, the next operation yields before it fails."""
    fail = failing(operation, yield_every, closed)
    pattern = expected(yield_every)
    assert [await count_yields(fail()) > 0 for _ in pattern] == pattern


@every_operation
@each_interval
@each_reason
async def test_a_loop_in_a_cancelled_scope(operation: str, yield_every: int, closed: str) -> None:
    """The cancellation ends the loop."""
    fail = failing(operation, yield_every, closed)
    with anyio.CancelScope() as scope:
        scope.cancel()
        for _ in range(yield_every + 1):
            await fail()
    assert scope.cancelled_caught


@pytest.mark.asyncio_only
@every_operation
@each_interval
@each_reason
async def test_a_loop_that_is_cancelled_natively(
    operation: str, yield_every: int, closed: str
) -> None:
    """The cancellation ends the loop."""
    fail = failing(operation, yield_every, closed)
    started = asyncio.Event()

    async def loop() -> None:
        started.set()
        for _ in range(100 * yield_every):
            await fail()

    task = asyncio.ensure_future(loop())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("combinator", TRANSPARENT.values(), ids=list(TRANSPARENT))
@each_interval
async def test_one_combinator_in_a_loop(
    combinator: Callable[[Receiver[int]], Receiver[int]], yield_every: int
) -> None:
    """A derived receiver yields as often at the end of the channel as its source."""
    channel = Anycast[int](yield_every=yield_every)
    receiver = combinator(channel.new_receiver())
    channel.close()

    async def fail() -> None:
        with pytest.raises(ReceiverStoppedError):
            await receiver.receive()

    pattern = expected(yield_every)
    assert [await count_yields(fail()) > 0 for _ in pattern] == pattern


@each_interval
async def test_a_merge_of_channels_that_have_ended(yield_every: int) -> None:
    """A loop over the merge yields and can be cancelled, however many sources the merge has."""
    channels = [Anycast[int](yield_every=yield_every) for _ in range(3)]
    receiver = merge(*(channel.new_receiver() for channel in channels))
    for channel in channels:
        channel.close()
    with anyio.CancelScope() as scope:
        scope.cancel()
        for _ in range(yield_every + 1):
            with pytest.raises(ReceiverStoppedError):
                await receiver.receive()
    assert scope.cancelled_caught


async def test_operations_that_fail_count_with_those_that_do_not() -> None:
    """All operations of a channel count together, whether they succeed or fail."""
    channel = Anycast[int](yield_every=4)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    with sender.clone() as closed:
        pass
    yields: list[int] = []
    for operation in (sender.send, closed.send) * 2:
        with anyio.CancelScope():
            try:
                yields.append(await count_yields(operation(1)))
            except SenderError:
                yields.append(0)
    assert yields == [0] * 4
    assert await count_yields(receiver.receive()) > 0
