"""A process of the demo: sends messages, or works on messages, or closes the channel.

A worker prints the number of each message. A worker that is to be killed stops in the middle of its
work, with a message in the hands of each task, and prints `STOPPED`.
"""

from __future__ import annotations

import logging
import math
import os
import sys
from threading import Thread
from typing import TYPE_CHECKING

import anyio
from anyio import sleep_forever
from anyio.lowlevel import checkpoint

from anycast._demo._on_redis._channel import STOPPED, new_channel
from anycast._demo._options import BACKENDS
from anycast._interface.errors import Error

if TYPE_CHECKING:
    from anycast.redis import RedisAnycast

TIMEOUT = 10.0  # seconds to wait for the server
TASKS = 4  # in each process


def main(role: str, backend: str, url: str, name: str, limit: str, *numbers: str) -> None:
    """Do what the command line says; exit early if the standard input ends."""
    Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger("anycast").setLevel(logging.ERROR)  # hide the warnings of blocked senders
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


async def _run(role: str, channel: RedisAnycast[int], *numbers: int) -> None:
    async with channel:
        if role == "close":
            await channel.aclose()
            return
        async with anyio.create_task_group() as tasks:
            if role == "send":
                first, end, step = numbers
                for number in range(TASKS):
                    share = range(first + number * step, end, step * TASKS)
                    tasks.start_soon(_send, channel, share)
            else:
                worker = Worker(*numbers)
                for _ in range(TASKS):
                    tasks.start_soon(worker.work, channel)


async def _send(channel: RedisAnycast[int], numbers: range) -> None:
    await channel.new_sender().send_many(numbers)


class Worker:
    """The work of a process.

    Args:
        most: the number of messages after which each task stops, with its next message in hand.
    """

    def __init__(self, most: float = math.inf) -> None:
        self._left = most
        self._stopped = 0  # tasks

    async def work(self, channel: RedisAnycast[int]) -> None:
        """Report and count each message, until the channel ends or the worker is to stop."""
        async for number in channel.new_receiver():
            os.write(1, b"%d\n" % number)  # report first: the next receive acknowledges the message
            if self._left <= 0:
                await self._stop()
            self._left -= 1
            await checkpoint()  # as a task that works on the message would do

    async def _stop(self) -> None:
        self._stopped += 1
        if self._stopped == TASKS:
            os.write(1, b"%d\n" % STOPPED)
        await sleep_forever()  # until the process is killed


def _end_with_parent() -> None:
    os.read(0, 1)  # blocks until the parent is gone: the parent never writes
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
