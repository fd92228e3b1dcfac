"""A program that was written for trio's memory channels. One import was changed."""

import trio

from anycast import Receiver as MemoryReceiveChannel
from anycast import Sender as MemorySendChannel
from anycast import open_channel as open_memory_channel


async def produce(target: MemorySendChannel[int], start: int) -> None:
    """Send three numbers."""
    async with target:
        for number in range(start, start + 3):
            await target.send(number)


async def work(source: MemoryReceiveChannel[int], target: MemorySendChannel[int]) -> None:
    """Square numbers until the channel ends."""
    async with source, target:
        async for number in source:
            await target.send(number * number)


async def main() -> None:
    """Start two producers and two workers, and print what they found."""
    send, receive = open_memory_channel[int](0)
    send_result, results = open_memory_channel[int](10)
    async with trio.open_nursery() as nursery, send, receive, send_result:
        for start in (0, 3):
            nursery.start_soon(produce, send.clone(), start)
        for _ in range(2):
            nursery.start_soon(work, receive.clone(), send_result.clone())
    async with results:
        print(sorted([number async for number in results]))


trio.run(main)
