"""A storm of native cancellations: timeouts, task groups, scopes and `Task.cancel`, on asyncio.

Workers send and receive. Each operation runs under a guard that cancels the operation after some
turns of the event loop, at random: before the wait, in the wait, between the step of the peer and
the task's own step, or long after the operation. The storm counts lost messages, doubled messages,
tasks that were cancelled without a request, and requests that were not delivered.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import ref

import anyio

import invariants
from anycast import Anycast, merge, select
from anycast._select import fairness
from anycast._waiting.late_cancellation import owed
from helpers import drain
from late import WorkFailedError, this_task

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from random import Random

    Operation = Callable[[], Coroutine[Any, Any, None]]

PATIENCE = 100  # turns of the event loop in which a cancellation must have been delivered


@dataclass
class Account:
    """The findings of a storm."""

    sent: Counter[int] = field(default_factory=Counter[int])
    received: Counter[int] = field(default_factory=Counter[int])
    late: int = 0
    spurious: int = 0
    undelivered: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


class NativeStorm:
    """Workers that use two channels, and guards that cancel them.

    Args:
        random: chooses all there is to choose.
        limit: of both channels.
        rounds: how many operations each worker tries.
    """

    def __init__(self, random: Random, limit: float, rounds: int = 30) -> None:
        self._random = random
        fairness._random.seed(random.random())  # the random choices of `select` and `merge`
        self._rounds = rounds
        self._numbers = count()
        self.account = Account()
        self._channels = [
            Anycast[int](limit=limit, yield_every=random.choice([1, 3, 64])) for _ in range(2)
        ]
        self._senders = [channel.new_sender() for channel in self._channels]
        self._receivers = [channel.new_receiver() for channel in self._channels]
        self._sends = [self._send, self._send_many, self._select_a_send]
        self._receives = [
            self._receive,
            self._receive_many,
            self._work,
            self._fail,
            self._select_a_receive,
            self._receive_merged,
        ]
        self._guards = [
            self._in_a_timeout,
            self._in_two_timeouts,
            self._in_wait_for,
            self._in_a_task,
            self._in_a_task_group,
            self._in_a_scope,
        ]

    async def run(self) -> None:
        """Run the storm; then the account is complete."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.account.errors.append(context))
        workers = [self._sends] * self._random.randint(1, 3) + [self._receives] * 3
        await asyncio.gather(*[self._worker(operations) for operations in workers])
        await self._cancel_busy_tasks()
        assert not owed
        for channel, receiver in zip(self._channels, self._receivers, strict=True):
            core = channel._core
            invariants.check(core, extra=math.inf)
            assert not core.senders
            assert not core.receivers
            channel.close()
            self.account.received.update(drain(receiver))
            assert core.ended

    async def _worker(self, operations: Sequence[Operation]) -> None:
        """Try one operation after another; only the guards of this task cancel the task."""
        for _ in range(self._rounds):
            await self._random.choice(self._guards)(self._random.choice(operations))
            try:
                await self._turns(self._random.randrange(3))
            except asyncio.CancelledError:
                self.account.spurious += 1
            for channel in self._channels:
                invariants.check(channel._core, extra=math.inf)

    async def _turns(self, number: int) -> None:
        for _ in range(number):
            await asyncio.sleep(0)

    async def _cancel_busy_tasks(self) -> None:
        """Cancel tasks that serve each other without end: each of the tasks must end soon."""

        async def busy(operations: Sequence[Operation]) -> None:
            while True:
                await self._random.choice(operations)()

        tasks = [asyncio.ensure_future(busy(side)) for side in [self._sends, self._receives] * 2]
        await self._turns(20)
        for task in self._random.sample(tasks, len(tasks)):
            task.cancel()
            await self._await_the_end(task)

    async def _await_the_end(self, task: asyncio.Task[None]) -> None:
        for _ in range(PATIENCE):
            if task.done():
                break
            await asyncio.sleep(0)
        else:
            self.account.undelivered += 1
            task.cancel()
        await asyncio.wait([task])

    # The targets of a cancellation: an operation, and perhaps an endless wait after the operation.

    async def _attempt(self, operation: Operation) -> None:
        await operation()
        self.account.late += ref(this_task()) in owed
        if self._random.random() < 0.5:
            await self._turns(PATIENCE)
            self.account.undelivered += 1

    def _after_some_turns(self, action: Callable[[], object]) -> None:
        """Call a function in one of the next turns of the event loop."""
        loop = asyncio.get_running_loop()

        def wait(turns: int) -> None:
            if turns:
                loop.call_soon(wait, turns - 1)
            else:
                action()

        wait(self._random.randrange(6))

    async def _in_a_timeout(self, operation: Operation) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as timeout:
                self._after_some_turns(lambda: expire(timeout))
                await self._attempt(operation)

    async def _in_two_timeouts(self, operation: Operation) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as outer:
                self._after_some_turns(lambda: expire(outer))
                await self._in_a_timeout(operation)
                await self._turns(PATIENCE)
                self.account.undelivered += 1

    async def _in_wait_for(self, operation: Operation) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._attempt(operation), self._random.choice([0, 1e-9]))

    async def _in_a_task(self, operation: Operation) -> None:
        task = asyncio.ensure_future(self._attempt(operation))
        self._after_some_turns(task.cancel)
        await self._await_the_end(task)

    async def _in_a_task_group(self, operation: Operation) -> None:
        async def fail(turns: int) -> None:
            await self._turns(turns)
            raise WorkFailedError

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail(1 + self._random.randrange(5)))
                if self._random.random() < 0.5:
                    group.create_task(self._attempt(operation))
                else:
                    await self._attempt(operation)
        except* WorkFailedError:
            pass

    async def _in_a_scope(self, operation: Operation) -> None:
        with anyio.CancelScope() as scope:
            self._after_some_turns(scope.cancel)
            await self._attempt(operation)

    # Operations, and the account of each.

    async def _send(self) -> None:
        number = next(self._numbers)
        await self._random.choice(self._senders).send(number)
        self.account.sent[number] += 1

    async def _send_many(self) -> None:
        numbers = [next(self._numbers) for _ in range(self._random.randrange(1, 4))]
        left = deque(numbers)
        try:
            await self._random.choice(self._senders).send_many(left)
        finally:
            self.account.sent.update(number for number in numbers if number not in left)

    async def _select_a_send(self) -> None:
        number = next(self._numbers)
        await select(*[sender.sending(number) for sender in self._senders])
        self.account.sent[number] += 1

    async def _receive(self) -> None:
        self.account.received[await self._random.choice(self._receivers).receive()] += 1

    async def _receive_many(self) -> None:
        self.account.received.update(await self._random.choice(self._receivers).receive_many(3))

    async def _work(self) -> None:
        async with self._random.choice(self._receivers).lease() as number:
            await self._turns(self._random.randrange(2))
            self.account.received[number] += 1

    async def _fail(self) -> None:
        with suppress(WorkFailedError):
            async with self._random.choice(self._receivers).lease():
                raise WorkFailedError

    async def _select_a_receive(self) -> None:
        done = await select(*[receiver.receiving() for receiver in self._receivers])
        self.account.received[done.result()] += 1

    async def _receive_merged(self) -> None:
        self.account.received[await merge(*self._receivers).receive()] += 1


def expire(timeout: asyncio.Timeout) -> None:
    """Let a timeout expire, unless its block has ended."""
    with suppress(RuntimeError):
        timeout.reschedule(0)
