"""How each kind of work is done and measured, the same way for every contender."""

from __future__ import annotations

import statistics
from contextlib import AsyncExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from anyio import Event, create_task_group

from benchmarks.on_redis.processes import working
from benchmarks.on_redis.scenarios import BODY, SENDERS, Scenario, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from benchmarks.on_redis.contenders import Contender
    from benchmarks.on_redis.server import Server

RATE = "messages/s"
MEDIAN, TAIL = "p50 ms", "p99 ms"
BYTES = "bytes"

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Run:
    """One contender doing one scenario once, on a queue of its own.

    Args:
        server: where.
        scenario: what.
        kind: who.
        backend: on which event loop.
        queue: the name of the queue.

    """

    server: Server
    scenario: Scenario
    kind: type[Contender]
    backend: str
    queue: str

    @property
    def count(self) -> int:
        """How many messages are moved."""
        whole = self.scenario.count
        return whole if self.scenario.work is Work.LATENCY else whole // self.kind.part

    @property
    def arguments(self) -> tuple[str, str, int, int]:
        """What the contender is made with."""
        return self.server.url, self.queue, self.scenario.prefetch, self.scenario.limit

    def part(self) -> Contender:
        """Return a part in the queue that has yet to be opened."""
        return self.kind(*self.arguments)


class Clock:
    """The time it takes, and what the server spends for each message."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._before = run.server.costs()
        self._begun = perf_counter()

    def figures(self, ended: float | None = None) -> Figures:
        """Return what it took for each message, until now or until it ended."""
        count = self._run.count
        elapsed = (ended or perf_counter()) - self._begun
        after = self._run.server.costs()
        spent = {name: (after[name] - self._before[name]) / count for name in after}
        return {RATE: count / elapsed, **spent}


class Tally:
    """Counts messages down to the last one."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.ended = 0.0

    def got(self) -> bool:
        """Take note of a message, and return whether it was the last one."""
        self._left -= 1
        if not self._left:
            self.ended = perf_counter()
        return self._left <= 0


async def moving(run: Run) -> Figures:
    """Move messages from many tasks to one receiver, all in one process."""
    part = run.part()
    async with part.opened():
        if run.scenario.work is Work.STORED:
            run.server.fill(part.stream, part.field, BODY, run.scenario.size)
        return await move(run, [part] * run.scenario.senders, part)


async def blocked(run: Run) -> Figures:
    """Move messages from many channels, each as if in a process of its own, that are full."""
    async with AsyncExitStack() as stack:
        parts = [run.part() for _ in range(run.scenario.senders + 1)]
        for part in parts:
            await stack.enter_async_context(part.opened())
        return await move(run, parts[1:], parts[0])


async def move(run: Run, senders: list[Contender], receiver: Contender) -> Figures:
    """Let each sender send an equal share, and the receiver receive it all."""
    await transfer(senders, receiver, len(senders))  # every connection is made
    clock = Clock(run)
    return clock.figures(await transfer(senders, receiver, run.count))


async def transfer(senders: list[Contender], receiver: Contender, count: int) -> float:
    """Move so many messages, and return when the last one was received."""
    share, rest = divmod(count, len(senders))
    tally = Tally(count)
    async with create_task_group() as tasks:
        tasks.start_soon(receiver.receive, tally.got)
        for index, sender in enumerate(senders):
            tasks.start_soon(sender.send, share + (index < rest))
    return tally.ended


async def to_processes(run: Run) -> Figures:
    """Move messages from many tasks here to receivers in other processes, one in each."""
    part, count = run.part(), run.count
    arguments = (run.backend, run.kind.name, *run.arguments)
    async with part.opened():
        with working(run.scenario.size, *arguments) as workers:
            await workers.ready()
            await send_all(part, 1)  # every connection is made
            await workers.received(SENDERS)
            clock = Clock(run)
            await send_all(part, count // SENDERS)
            await workers.received(SENDERS + count)
            return clock.figures()


async def send_all(part: Contender, share: int) -> None:
    """Let many tasks send so many messages each."""
    async with create_task_group() as tasks:
        for _ in range(SENDERS):
            tasks.start_soon(part.send, share)


async def latency(run: Run) -> Figures:
    """Send each message when the one before was received."""
    part, tally, times = run.part(), Tally(run.count), list[float]()
    async with part.opened(), create_task_group() as tasks:
        arrived, begun = Event(), 0.0

        def got() -> bool:
            times.append(perf_counter() - begun)
            arrived.set()
            return tally.got()

        tasks.start_soon(part.receive, got)
        for _ in range(run.count):
            arrived, begun = Event(), perf_counter()
            await part.send(1)
            await arrived.wait()
    cuts = statistics.quantiles(times, n=100)
    return {MEDIAN: 1e3 * cuts[49], TAIL: 1e3 * cuts[98]}


async def memory(run: Run) -> Figures:
    """Store messages."""
    part = run.part()
    async with part.opened():
        before = run.server.memory
        run.server.fill(part.stream, part.field, BODY, run.scenario.size)
        return {BYTES: (run.server.memory - before) / run.scenario.size}


MEASURES: dict[Work, Callable[[Run], Coroutine[Any, Any, Figures]]] = {
    Work.PREFETCH: moving,
    Work.SENDERS: moving,
    Work.PROCESSES: to_processes,
    Work.LATENCY: latency,
    Work.MEMORY: memory,
    Work.BLOCKED: blocked,
    Work.STORED: moving,
}
