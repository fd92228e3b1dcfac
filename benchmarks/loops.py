"""The loops that are timed, the same for every contender.

Each sender sends an equal share of the
messages, and each receiver takes an equal share and ends: nobody pays for a way to stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.scenarios import BATCH

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Coroutine, Sequence

    from benchmarks.clock import Clock
    from benchmarks.contenders.base import Contender, Receive, ReceiveMany, Send, SendMany, Took


async def send_all(clock: Clock, send: Send, count: int) -> None:
    """Send messages one by one."""
    clock.begin()
    for message in range(count):
        await send(message)
    clock.end()


async def receive_all(clock: Clock, receive: Receive, count: int) -> None:
    """Receive messages one by one."""
    clock.begin()
    for _ in range(count):
        await receive()
    clock.end()


async def send_batches(clock: Clock, send_many: SendMany, count: int) -> None:
    """Send messages in batches."""
    batch = list(range(BATCH))
    assert count % BATCH == 0, "the last batch would be missing"
    clock.begin()
    for _ in range(count // BATCH):
        await send_many(batch)
    clock.end()


async def receive_batches(clock: Clock, receive_many: ReceiveMany, count: int) -> None:
    """Receive messages in batches of what is there."""
    clock.begin()
    while count:
        count -= len(await receive_many(min(BATCH, count)))
    clock.end()


async def iterate_all(clock: Clock, messages: AsyncIterable[int], count: int) -> None:
    """Receive messages with ``async for``."""
    clock.begin()
    async for _ in messages:
        count -= 1
        if not count:
            break
    clock.end()


async def merge_all(
    kind: type[Contender[Any, Any]], clock: Clock, ends: Sequence[Any], count: int, took: Took
) -> None:
    """Receive messages with ``async for`` from what merges several ends."""
    merged = kind.merge(ends)
    clock.begin()
    async for message in merged:
        took(message)
        count -= 1
        if not count:
            break
    clock.end()
    await kind.unmerge(merged)


async def repeat(operation: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Do the same until cancelled."""
    while True:
        await operation()
