"""What is measured: the CPU time of a message, divided by the number of receivers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import process_time_ns
from typing import TYPE_CHECKING, Any

import anyio
from anyio.lowlevel import checkpoint

if TYPE_CHECKING:
    from benchmarks.on_broadcast.contenders import Contender, Receive

ROOM = 100  # messages that a receiver stores


async def behind(kind: type[Contender], receivers: int, messages: int) -> float:
    """Send to receivers that store each message."""
    channel = kind(messages + 1, receivers)
    begun = process_time_ns()
    for message in range(messages):
        await channel.send(message)
    return process_time_ns() - begun


async def stalled(kind: type[Contender], receivers: int, messages: int) -> float:
    """Send to receivers that lose a message for each message."""
    channel = kind(1, receivers)
    await channel.send(0)
    begun = process_time_ns()
    for message in range(messages):
        await channel.send(message)
    return process_time_ns() - begun


async def _take(receive: Receive, count: int) -> None:
    for _ in range(count):
        await receive()


async def waiting(kind: type[Contender], receivers: int, messages: int) -> float:
    """Send a message each time that every receiver waits."""
    channel = kind(ROOM, receivers)
    begun = 0
    async with anyio.create_task_group() as tasks:
        for receive in channel.receives:
            tasks.start_soon(_take, receive, messages)
        await checkpoint()
        await checkpoint()
        begun = process_time_ns()
        for message in range(messages):
            await channel.send(message)
            await checkpoint()
            await checkpoint()
    return process_time_ns() - begun


async def streaming(kind: type[Contender], receivers: int, messages: int) -> float:
    """Send as fast as possible, while every receiver reads."""
    channel = kind(ROOM, receivers)
    begun = process_time_ns()
    async with anyio.create_task_group() as tasks:
        for receive in channel.receives:
            tasks.start_soon(_take, receive, messages)
        for message in range(messages):
            await channel.send(message)
            if kind.drops and message % ROOM == ROOM - 1:
                await checkpoint()  # frequenz loses messages otherwise
    return process_time_ns() - begun


Work = Callable[[Any, int, int], Awaitable[float]]
WORKS: dict[str, Work] = {
    "behind": behind,
    "stalled": stalled,
    "waiting": waiting,
    "streaming": streaming,
}


def takes_part(kind: type[Contender], work: str, backend: str) -> bool:
    """Return whether a contender can do a work.

    A receiver that blocks cannot lose messages. A contender whose receivers get messages later can
    only stream: the other works end with the send.
    """
    can = work == "streaming" if kind.later else work != "stalled" or kind.drops
    return can and backend in kind.backends
