"""A program that was written for anyio's memory object streams. One import was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from anycast import open_channel as create_memory_object_stream

if TYPE_CHECKING:
    from anyio.abc import ObjectReceiveStream, ObjectSendStream


async def produce(target: ObjectSendStream[int], start: int) -> None:
    """Send three numbers."""
    async with target:
        for number in range(start, start + 3):
            await target.send(number)


async def work(source: ObjectReceiveStream[int], target: ObjectSendStream[int]) -> None:
    """Square numbers until the stream ends."""
    async with source, target:
        async for number in source:
            await target.send(number * number)


async def main() -> None:
    """Start two producers and two workers, and print what they found."""
    send, receive = create_memory_object_stream[int](0)
    send_result, results = create_memory_object_stream[int](10)
    async with anyio.create_task_group() as tasks, send, receive, send_result:
        for start in (0, 3):
            tasks.start_soon(produce, send.clone(), start)
        for _ in range(2):
            tasks.start_soon(work, receive.clone(), send_result.clone())
    async with results:
        print(sorted([number async for number in results]))
    try:
        send.send_nowait(6)
    except anyio.ClosedResourceError:
        print("closed")


anyio.run(main)
