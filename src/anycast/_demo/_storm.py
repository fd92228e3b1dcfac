"""A storm: senders and receivers are cancelled at random, and messages are counted.

Each sender and each receiver is a task. When the task is cancelled, a new task takes its place. A
new sender begins with the message whose `send` was cancelled. So a channel that keeps to "a
cancelled operation has not happened" delivers every message once:

- A message is *lost* if a receive that took the message was cancelled.
- A message is *duplicated* if a send that delivered the message was cancelled, and so repeated.

The random numbers have a seed. On asyncio and on uvloop a run with the same seed is the same run;
trio itself runs tasks in an order that differs from run to run.
"""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint

from anycast._demo._options import Plan
from anycast._demo._pipes import open_pipe
from anycast._demo._run import Run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anycast._demo._pipes import Pipe

MOST = 20_000  # messages
LIMIT = 10
SPACING = 4  # messages for each cancellation
TURNS = 3  # the event loop makes 1 to `TURNS` turns between two cancellations
PHASE = 1_000  # for so many messages the senders are slower, and then the receivers
SETTLING = 10  # turns of the event loop in which a message that was handed over arrives


class StormRun(Run):
    """Sends each number below ``plan.messages`` once, while tasks are cancelled.

    Args:
        contender: the channel or queue; one of `KINDS`.
        backend: where to run; a key of `BACKENDS`.
        messages: how many messages to send; at most `MOST` are sent.
        seed: of the random numbers that choose whom to cancel, and when.
    """

    def __init__(self, contender: str, backend: str, messages: int, seed: int) -> None:
        plan = Plan(min(messages, MOST), senders=4, receivers=4, limit=LIMIT)
        super().__init__(backend, plan)
        self.contender = contender
        self.cancellations = plan.messages // SPACING
        self._random = Random(seed)  # noqa: S311  chooses tasks
        self._cancels: dict[object, Callable[[], object]] = {}  # by the work of the task
        self._over = False
        # How to run some work in a task that can be cancelled alone.
        self._live = self._live_on_trio if backend == "trio" else self._live_on_asyncio

    async def _work(self) -> None:
        pipe = open_pipe(self.contender, LIMIT)
        plan = self.plan
        async with anyio.create_task_group() as receivers:
            for number in range(plan.receivers):
                receivers.start_soon(self._go_on, partial(self._receive_from, pipe, number))
            async with anyio.create_task_group() as senders:
                for first in range(plan.senders):
                    messages = list(range(plan.messages - 1 - first, -1, -plan.senders))
                    senders.start_soon(self._go_on, partial(self._send_to, pipe, messages))
                senders.start_soon(self._cancel_at_random)
            await self._await_empty(pipe)
            self._over = True
            for cancel in self._cancels.values():
                cancel()
        pipe.close()

    async def _send_to(self, pipe: Pipe, messages: list[int]) -> None:
        while messages:
            await pipe.send(messages[-1])  # if it is cancelled, the message is still in the list
            await self._pause(messages.pop() // PHASE % 2)

    async def _receive_from(self, pipe: Pipe, number: int) -> None:
        while True:
            message = await pipe.receive()
            self._count(number, message)
            await self._pause(1 - message // PHASE % 2)

    async def _go_on(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do some work in a task, and in a new task after each cancellation."""
        while not self._over and not await self._live(work):
            pass
        del self._cancels[work]

    async def _live_on_asyncio(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Work in a task until the end or a cancellation; return whether the work is done."""
        task = asyncio.ensure_future(work())
        self._cancels[work] = task.cancel
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()  # has an effect only if the demo is interrupted
        return not task.cancelled()

    async def _live_on_trio(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Work in a scope until the end or a cancellation; return whether the work is done."""
        with anyio.CancelScope() as scope:
            self._cancels[work] = scope.cancel
            await work()
        return not scope.cancelled_caught

    async def _cancel_at_random(self) -> None:
        for _ in range(self.cancellations):
            await self._pause(1)
            self._random.choice(list(self._cancels.values()))()

    async def _pause(self, least: int) -> None:
        """Let the event loop make some turns, as other work of a task would."""
        for _ in range(self._random.randint(least, TURNS * least)):
            await checkpoint()

    async def _await_empty(self, pipe: Pipe) -> None:
        while pipe.stored():
            await checkpoint()
        for _ in range(SETTLING):
            await checkpoint()
