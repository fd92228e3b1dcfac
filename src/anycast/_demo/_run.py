"""One channel at work on one backend, and a tally of what came."""

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

TICK = 0.1  # seconds


class Run:
    """Sends the numbers below ``plan.messages``, each once, and counts who receives them.

    Its receivers yield after each message, as they would to work on it. Those that do not
    take what is there in one go, which leaves little to the others.

    Args:
        backend: where to run; a key of `BACKENDS`.
        plan: how much, and by how many.
    """

    def __init__(self, backend: str, plan: Plan) -> None:
        self.backend = backend
        self.plan = plan
        self.seconds = math.nan  # until it is done
        self.received = [0] * plan.receivers
        self._came = bytearray(plan.messages)

    @property
    def lost(self) -> int:
        """How many messages never came."""
        return self._came.count(0)

    @property
    def duplicated(self) -> int:
        """How many times a message came that had come before."""
        return sum(self.received) - self._came.count(1)

    def start(self, tick: Callable[[], bool]) -> None:
        """Run to the end, or until ``tick`` returns true; that is asked ten times a second."""
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
        while not tick():  # noqa: ASYNC110  neither progress nor Ctrl-C sets an event
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
        with sender:  # the last one to leave closes the channel
            for message in range(number, self.plan.messages, self.plan.senders):
                await self._send(sender, message)

    async def _receive_all(self, number: int, receiver: Receiver[int]) -> None:
        async for message in receiver:
            self._count(number, message)
            await checkpoint()  # as work on the message would

    async def _send(self, sender: Sender[int], message: int) -> None:
        await sender.send(message)

    def _count(self, number: int, message: int) -> None:
        self._came[message] = 1
        self.received[number] += 1
