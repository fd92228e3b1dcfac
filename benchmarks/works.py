"""How each kind of work is done and measured, the same way for every contender."""

from __future__ import annotations

import tracemalloc
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from anyio.lowlevel import checkpoint

from benchmarks.choosing import choosing_ready, choosing_waiting
from benchmarks.clock import Clock
from benchmarks.contenders.base import Contender
from benchmarks.loops import (
    iterate_all,
    receive_all,
    receive_batches,
    repeat,
    send_all,
    send_batches,
)
from benchmarks.scenarios import Scenario, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from benchmarks.backends import Crew
    from benchmarks.contenders.base import Receive, Send

    Kind = type[Contender[Any, Any]]
    Crews = Callable[[], Crew]
    Measure = Callable[[Kind, Scenario, Crews], Coroutine[Any, Any, float]]


# The kinds of work. Each returns nanoseconds, or bytes, for one of what the scenario counts.


class Way(NamedTuple):
    """One way to move messages."""

    sending: Callable[[Clock, Any, int], Coroutine[Any, Any, None]] = send_all
    receiving: Callable[[Clock, Any, int], Coroutine[Any, Any, None]] = receive_all
    send: str = "send"  # the method of the contender that gives what `sending` calls
    receive: str = "receive"


async def moving(kind: Kind, scenario: Scenario, crews: Crews, way: Way) -> float:
    """Move messages from senders to receivers."""
    channel = kind(scenario.limit, scenario.senders, scenario.receivers)
    clock = Clock()
    send, receive = getattr(channel, way.send), getattr(channel, way.receive)
    async with crews() as crew:
        for end in channel.receivers:
            share, rest = divmod(scenario.count, scenario.receivers)
            assert not rest, "receivers would leave messages behind"
            crew.start(partial(way.receiving, clock, receive(end), share))
        for end in channel.senders:
            share, rest = divmod(scenario.count, scenario.senders)
            assert not rest, "senders would send too little"
            crew.start(partial(way.sending, clock, send(end), share))
    await channel.close()
    return clock.elapsed / scenario.count


async def storm(kind: Kind, scenario: Scenario, crews: Crews) -> float:
    """Cancel tasks that wait to receive."""
    channel = kind(scenario.limit)
    async with crews() as crew:
        for _ in range(scenario.count):
            crew.start(channel.receive(channel.receivers[0]))
        await crew.settle()
        begun = perf_counter_ns()
        crew.cancel(newest_first=scenario.work is Work.STORM_NEWEST)
    elapsed = perf_counter_ns() - begun
    await channel.close()
    return elapsed / scenario.count


async def creation(kind: Kind, scenario: Scenario, _: Crews) -> float:
    """Make a channel with one sender and one receiver, and close it."""

    async def elapsed(kind: Kind) -> int:
        begun = perf_counter_ns()
        for _ in range(scenario.count):
            await kind(scenario.limit).close()
        return perf_counter_ns() - begun

    return (await elapsed(kind) - await elapsed(Bare)) / scenario.count


async def channel_memory(kind: Kind, scenario: Scenario, _: Crews) -> float:
    """Keep channels with one sender and one receiver each."""

    async def allocated(kind: Kind) -> int:
        tracemalloc.start()
        kept = [kind(scenario.limit) for _ in range(scenario.count)]
        total = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        for channel in kept:
            await channel.close()
        return total

    return (await allocated(kind) - await allocated(Bare)) / scenario.count


async def task_memory(kind: Kind, scenario: Scenario, crews: Crews) -> float:
    """Keep tasks that wait to receive; the tasks themselves are counted too."""
    channel = kind(scenario.limit)
    async with crews() as crew:
        await crew.settle()
        tracemalloc.start()
        for _ in range(scenario.count):
            crew.start(channel.receive(channel.receivers[0]))
        await crew.settle()
        total = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        crew.cancel()
    await channel.close()
    return total / scenario.count


async def waiting_senders(kind: Kind, scenario: Scenario, crews: Crews) -> float:
    """Receive while many tasks wait to send, and wait again."""
    channel = kind(scenario.limit, senders=scenario.size)
    receive = channel.receive(channel.receivers[0])
    async with crews() as crew:
        for end in channel.senders:
            crew.start(partial(repeat, partial(channel.send(end), 0)))
        await crew.settle()
        begun = perf_counter_ns()
        for _ in range(scenario.count):
            await receive()
        elapsed = perf_counter_ns() - begun
        crew.cancel()
    await channel.close()
    return elapsed / scenario.count


async def waiting_receivers(kind: Kind, scenario: Scenario, crews: Crews) -> float:
    """Send while many tasks wait to receive, and wait again."""
    channel = kind(scenario.limit, receivers=scenario.size)
    send = channel.send(channel.senders[0])
    async with crews() as crew:
        for end in channel.receivers:
            crew.start(partial(repeat, channel.receive(end)))
        await crew.settle()
        begun = perf_counter_ns()
        for message in range(scenario.count):
            await send(message)
            await checkpoint()  # so that the receiver waits again before the next message
        elapsed = perf_counter_ns() - begun
        crew.cancel()
    await channel.close()
    return elapsed / scenario.count


async def buffered(kind: Kind, scenario: Scenario, _: Crews) -> float:
    """Send and receive in turn, in one task, while many messages are stored."""
    channel = kind(scenario.limit)
    await channel.fill(scenario.size)
    send = channel.send(channel.senders[0])
    receive = channel.receive(channel.receivers[0])
    begun = perf_counter_ns()
    for message in range(scenario.count):
        await send(message)
        await receive()
    elapsed = perf_counter_ns() - begun
    await channel.close()
    return elapsed / scenario.count


class Bare(Contender[object, object]):
    """No channel at all: what the harness itself costs, to be taken off."""

    __slots__ = ("_nothing",)

    def __init__(self, limit: float, senders: int = 1, receivers: int = 1) -> None:
        self._nothing = limit
        self.senders = [self] * senders
        self.receivers = [self] * receivers

    @staticmethod
    def send(end: object) -> Send:
        raise NotImplementedError

    @staticmethod
    def receive(end: object) -> Receive:
        raise NotImplementedError


WAYS = {
    Work.STREAM: Way(),
    Work.BATCHES: Way(send_batches, receive_batches, "send_many", "receive_many"),
    Work.BATCHES_NOWAIT: Way(
        send_batches, receive_batches, "send_many_nowait", "receive_many_nowait"
    ),
    Work.ITERATE: Way(receiving=iterate_all, receive="iterate"),
}

MEASURES: dict[Work, Measure] = {
    **{work: partial(moving, way=way) for work, way in WAYS.items()},
    Work.STORM_OLDEST: storm,
    Work.STORM_NEWEST: storm,
    Work.CREATE: creation,
    Work.CHANNEL_MEMORY: channel_memory,
    Work.TASK_MEMORY: task_memory,
    Work.WAITING_SENDERS: waiting_senders,
    Work.WAITING_RECEIVERS: waiting_receivers,
    Work.BUFFERED: buffered,
    Work.SELECT_READY: choosing_ready,
    Work.SELECT_WAITING: choosing_waiting,
    Work.MERGE_READY: choosing_ready,
    Work.MERGE_WAITING: choosing_waiting,
}
