"""A process that sends or receives until the process is killed, for the tests of crashes.

Each number that the process has received or sent is a line on its standard output.
"""

from __future__ import annotations

# ruff: noqa: T201  its output is what it is for
import sys
from typing import Any

import anyio
import anyio.lowlevel

from anycast.redis import RedisAnycast, json_codec


async def receive(jobs: RedisAnycast[int]) -> None:
    """Work on every message, for a moment."""
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(_work, jobs)


async def _work(jobs: RedisAnycast[int]) -> None:
    receiver = jobs.new_receiver()
    async for number in receiver:
        await anyio.lowlevel.checkpoint()
        print(f"got {number}", flush=True)


async def send(jobs: RedisAnycast[int], first: int, count: int) -> None:
    """Send so many numbers, from the first on."""
    sender = jobs.new_sender()
    for number in range(first, first + count):
        print(f"try {number}", flush=True)
        await sender.send(number)
        print(f"sent {number}", flush=True)


async def main(*arguments: str) -> None:
    """Do what the command line says."""
    url, name, role, lease, *numbers = arguments
    codec = json_codec(int)
    options: Any = {"limit": 200, "lease": float(lease), "prefetch": 4}
    async with RedisAnycast(
        name=name,
        url=url,
        codec=codec,
        max_deliveries=None,
        **options,
    ) as jobs:
        if role == "send":
            await send(jobs, *map(int, numbers))
        else:
            await receive(jobs)


if __name__ == "__main__":
    anyio.run(main, *sys.argv[2:], backend=sys.argv[1])
