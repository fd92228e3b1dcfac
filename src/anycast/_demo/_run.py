"""A run of the demo: a channel on one backend, and the counts of received messages."""

from __future__ import annotations

import math
from time import perf_counter
from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint

from anycast._anycast.channel import Anycast
from anycast._demo._options import BACKENDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast._demo._options import Plan
    from anycast._interface.receiver import Receiver
    from anycast._interface.sender import Sender

TICK = 0.1  # seconds between two calls of `tick`


class Run:
    """Sends each number below ``plan.messages`` once, and counts the messages of each receiver.

    A receiver yields after each message, as a task that works on the message would do. Without
    this yield a receiver would take many stored messages in a row, and the shares of the
    receivers would be uneven.

    Args:
        backend: where to run; a key of `BACKENDS`.
        plan: the numbers of messages and of tasks, and the limit.
    """

    def __init__(self, backend: str, plan: Plan) -> None:
        self.backend = backend
        self.plan = plan
        self.seconds = math.nan  # the duration, once the run has ended
        self.received = [0] * plan.receivers  # by the number of the receiver
        self._came = bytearray(plan.messages)  # 1 for each message that was received

    @property
    def lost(self) -> int:
        """How many messages were never received."""
        return self._came.count(0)

    @property
    def duplicated(self) -> int:
        """How many times a message was received again."""
        return sum(self.received) - self._came.count(1)

    def start(self, tick: Callable[[], bool]) -> None:
        """Run to the end, or until ``tick``, called every `TICK` seconds, returns true."""
        name, options = BACKENDS[self.backend]
        anyio.run(self._work_and_tick, tick, backend=name, backend_options=options)

    async def _work_and_tick(self, tick: Callable[[], bool]) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._keep_ticking, tick, tasks.cancel_scope)
            started = perf_counter()
            await self._work()
            self.seconds = perf_counter() - started
            tasks.cancel_scope.cancel()

    async def _keep_ticking(self, tick: Callable[[], bool], work: anyio.CancelScope) -> None:
        while not tick():  # noqa: ASYNC110  `tick` must be polled
            await anyio.sleep(TICK)
        work.cancel()

    async def _work(self) -> None:
        plan = self.plan
        channel = Anycast[int](name="demo", limit=plan.limit, auto_close=True)
        senders = [channel.new_sender() for _ in range(plan.senders)]
        async with anyio.create_task_group() as tasks:
            for number in range(plan.receivers):
                tasks.start_soon(self._receive_all, number, channel.new_receiver())
            for number, sender in enumerate(senders):
                tasks.start_soon(self._send_all, number, sender)

    async def _send_all(self, number: int, sender: Sender[int]) -> None:
        with sender:  # closing the last sender closes the channel
            for message in range(number, self.plan.messages, self.plan.senders):
                await self._send(sender, message)

    async def _receive_all(self, number: int, receiver: Receiver[int]) -> None:
        async for message in receiver:
            self._count(number, message)
            await checkpoint()  # as a task that works on the message would do

    async def _send(self, sender: Sender[int], message: int) -> None:
        await sender.send(message)

    def _count(self, number: int, message: int) -> None:
        self._came[message] = 1
        self.received[number] += 1
