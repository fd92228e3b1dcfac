"""A process of the chaos run, which sends or works until the process or the channel ends.

Each line on its standard output is a record: the time, a word, and numbers. The time comes from the
monotonic clock of the machine, which all processes share.
"""

from __future__ import annotations

# ruff: noqa: T201  its output is what it is for
import logging
import math
import sys
import time
from random import Random
from typing import TYPE_CHECKING

import anyio

from anycast import ReceiverStoppedError
from anycast.redis import RedisAnycast, json_codec

if TYPE_CHECKING:
    from anycast.redis import RedisReceiver

TASKS = PREFETCH = 4
# The longest that a task works on a message, and that a process stays in the channel, in seconds.
LONGEST_WORK = 0.01
LONGEST_STAY = 5.0


def say(word: str, *numbers: int) -> None:
    """Write a record."""
    print(time.monotonic(), word, *numbers, flush=True)


class LostLeases(logging.Handler):
    """Says when the lease of this process has run out."""

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a record of the log."""
        if "the lease of this process ran out" in record.getMessage():
            say("lost")


class Worker:
    """Works on messages, which is done, fails, or is given up.

    Args:
        random: decides what happens to each message.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        # Whether the channel is closed and empty.
        self.ended = False

    async def work(self, receiver: RedisReceiver[int]) -> None:
        """Work until the channel ends, by leases and by loops in turn."""
        try:
            while True:
                await self._lease(receiver)
                if await self._loop(receiver):
                    break
        except ReceiverStoppedError:
            pass
        self.ended = True

    async def _lease(self, receiver: RedisReceiver[int]) -> None:
        lease = receiver.lease()
        with anyio.CancelScope() as scope:
            try:
                async with lease as number:
                    say("begin", number, lease.deliveries)
                    await self._do(number)
                    how = self._random.random()
                    if how < 0.05:
                        say("fail", number)
                        raise ZeroDivisionError  # noqa: TRY301  the work fails
                    if how < 0.1:
                        say("drop", number)
                        scope.cancel()
                        await anyio.lowlevel.checkpoint()
                    say("done", number)
            except ZeroDivisionError:
                pass

    async def _loop(self, receiver: RedisReceiver[int]) -> bool:
        """Work in a loop that may be left; return whether the loop has come to its end."""
        async for number in receiver:
            say("begin", number, receiver.deliveries)
            await self._do(number)
            if self._random.random() < 0.1:
                say("drop", number)
                return False
            say("done", number)
        return True

    async def _do(self, number: int) -> None:
        try:
            await anyio.sleep(self._random.random() * LONGEST_WORK)
        except anyio.get_cancelled_exc_class():
            say("drop", number)
            raise


async def receive(url: str, name: str, lease: float, random: Random) -> None:
    """Enter the channel, work for a while and leave, again and again, until the channel ends."""
    worker = Worker(random)
    while not worker.ended:
        async with new_channel(url, name, lease) as jobs:
            with anyio.move_on_after(random.random() * LONGEST_STAY):
                async with anyio.create_task_group() as tasks:
                    for _ in range(TASKS):
                        tasks.start_soon(worker.work, jobs.new_receiver())


async def send(url: str, name: str, lease: float, first: int) -> None:
    """Send numbers, from the first on, until this process is killed."""
    async with new_channel(url, name, lease) as jobs, anyio.create_task_group() as tasks:
        for number in range(TASKS):
            tasks.start_soon(_send, jobs, first + number)


async def _send(jobs: RedisAnycast[int], number: int) -> None:
    sender = jobs.new_sender()
    while True:
        say("try", number)
        await sender.send(number)
        say("sent", number)
        number += TASKS
        await anyio.sleep(LONGEST_WORK / 2)


async def close(url: str, name: str, lease: float) -> None:
    """Close the channel."""
    async with new_channel(url, name, lease) as jobs:
        await jobs.aclose()


def new_channel(url: str, name: str, lease: float) -> RedisAnycast[int]:
    """Return a channel that retries for ever, both the server and each message."""
    return RedisAnycast(
        name=name,
        url=url,
        codec=json_codec(int),
        limit=200,
        lease=lease,
        prefetch=PREFETCH,
        max_deliveries=None,
        retry_delay=LONGEST_WORK,
        timeout=math.inf,
    )


async def main(*arguments: str) -> None:
    """Do what the command line says."""
    role, url, name, lease, number = arguments
    where = url, name, float(lease)
    if role == "receive":
        await receive(*where, Random(int(number)))
    elif role == "send":
        await send(*where, int(number))
    else:
        await close(*where)


if __name__ == "__main__":
    logger = logging.getLogger("anycast")
    logger.propagate = False
    logger.addHandler(LostLeases())
    anyio.run(main, *sys.argv[2:], backend=sys.argv[1])
