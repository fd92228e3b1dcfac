"""A process of the demo: it sends, or works, or closes the channel."""

from __future__ import annotations

import logging
import os
import sys
from threading import Thread

import anyio
from anyio.lowlevel import checkpoint

from anycast._demo._options import BACKENDS
from anycast._errors import Error
from anycast.redis import RedisAnycast, json_codec

LEASE = 2.0  # seconds; short, so that a crash is soon made good
TIMEOUT = 10.0
TASKS = 4  # in each process


def main(role: str, backend: str, url: str, name: str, limit: str, *numbers: str) -> None:
    """Do what the command line says, and end with the standard input at the latest."""
    Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger("anycast").setLevel(logging.ERROR)  # that senders block is no news
    channel = new_channel(url, name, float(limit) if limit == "inf" else int(limit), TIMEOUT)
    runner, options = BACKENDS[backend]
    why: BaseException | None = None
    try:
        anyio.run(_run, role, channel, *map(int, numbers), backend=runner, backend_options=options)
    except* Error as errors:
        why = errors
    while isinstance(why, BaseExceptionGroup):
        why = why.exceptions[0]
    if why:
        sys.exit(f"error: {why}")


def new_channel(url: str, name: str, limit: float, timeout: float) -> RedisAnycast[int]:
    """Return the channel of the demo, which nobody has entered."""
    codec = json_codec(int)
    return RedisAnycast(name=name, url=url, codec=codec, limit=limit, lease=LEASE, timeout=timeout)


async def _run(role: str, channel: RedisAnycast[int], *numbers: int) -> None:
    async with channel:
        if role == "close":
            await channel.aclose()
            return
        async with anyio.create_task_group() as tasks:
            for number in range(TASKS):
                if role == "send":
                    first, end, step = numbers
                    tasks.start_soon(
                        _send, channel, range(first + number * step, end, step * TASKS)
                    )
                else:
                    tasks.start_soon(_work, channel)


async def _send(channel: RedisAnycast[int], numbers: range) -> None:
    await channel.new_sender().send_many(numbers)


async def _work(channel: RedisAnycast[int]) -> None:
    async for number in channel.new_receiver():
        os.write(1, b"%d\n" % number)  # said before it is acknowledged, or it could be lost
        await checkpoint()  # as work on the message would


def _end_with_parent() -> None:
    os.read(0, 1)  # nothing ever comes
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
