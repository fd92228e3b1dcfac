"""How choosing among several channels is measured: `select` and `merge`.

One task chooses, and does nothing else. Nothing else need run for the messages to be there:
they are stored before the clock starts, or come from a task that sends the next one only when
it is told that the last one was taken. So it makes no difference how often a contender yields,
but for the time that it takes.
"""

from __future__ import annotations

import math
from collections import deque
from functools import partial
from random import Random
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from benchmarks.clock import Clock
from benchmarks.loops import merge_all
from benchmarks.scenarios import SELECTS, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import trio

    from benchmarks.backends import Crew, FutureEvent
    from benchmarks.contenders.base import Contender

    Kind = type[Contender[Any, Any]]
    Crews = Callable[[], Crew]
    Event = FutureEvent | trio.Event

SEED = 1


async def choosing_ready(kind: Kind, scenario: Scenario, _: Crews) -> float:
    """Take messages while each channel has some."""
    channels = [kind(math.inf) for _ in range(scenario.arms)]
    for channel in channels:
        await channel.fill(scenario.count)  # enough, should it always be the same channel
    clock = Clock()
    ends = [channel.receivers[0] for channel in channels]
    await _way(kind, scenario)(clock, ends, scenario.count, deque[int](maxlen=0).append)
    await _close(channels)
    return clock.elapsed / scenario.count


async def choosing_waiting(kind: Kind, scenario: Scenario, crews: Crews) -> float:
    """Wait for one message after another, each in a channel that nobody can foresee."""
    channels = [kind(math.inf) for _ in range(scenario.arms)]
    ends = [channel.receivers[0] for channel in channels]
    sends = [kind.send(channel.senders[0]) for channel in channels]
    order = Random(SEED).choices(sends, k=scenario.count)  # noqa: S311  the same in each run
    async with crews() as crew:
        shake = Handshake(crew.event)
        crew.start(partial(_way(kind, scenario), Clock(), ends, scenario.count, shake.took))
        await crew.settle()
        begun = perf_counter_ns()
        for message, send in enumerate(order):
            taken = shake.next()
            await send(message)
            await taken.wait()
        elapsed = perf_counter_ns() - begun
    await _close(channels)
    return elapsed / scenario.count


class Handshake:
    """Tells who sends a message that it was taken."""

    def __init__(self, event: Callable[[], Event]) -> None:
        self._new = event
        self._event = event()

    def next(self) -> Event:
        """Return what to wait for until the next message was taken."""
        self._event = self._new()
        return self._event

    def took(self, _: int) -> None:
        """Take note that a message was taken."""
        self._event.set()


def _way(kind: Kind, scenario: Scenario) -> Callable[..., Coroutine[Any, Any, None]]:
    return kind.select_all if scenario.work in SELECTS else partial(merge_all, kind)


async def _close(channels: list[Contender[Any, Any]]) -> None:
    for channel in channels:
        await channel.close()
