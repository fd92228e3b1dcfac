"""What is measured: every scenario, named once, in one table."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re

LIMITS = (0, 1, 10, 1000, math.inf)
SHAPES = ((1, 1), (10, 10), (100, 1), (1, 100), (100, 100))

# Messages for 20 to 50 ms of the usual contender; a multiple of 100, for equal quotas.
MESSAGES = {0: 2_000, 1: 2_000, 10: 5_000, 1000: 10_000, math.inf: 10_000}

BATCH = 100
GROWTH_REPEATS = 3

# Messages to choose; where all are ready a multiple of the arms, for those that take one of each.
# Where none is, the slowest contender needs milliseconds for one of 64 arms.
READY = {1: 1_280, 2: 1_280, 8: 1_280, 64: 1_280}
WAITING = {1: 640, 2: 640, 8: 320, 64: 100}
QUICK_SIZE = 1_000  # what takes longer to set up is left out of a quick run


class Work(StrEnum):
    """What is done, in the words that the reports use."""

    STREAM = "send and receive"
    BATCHES = f"batches of {BATCH}"
    BATCHES_NOWAIT = f"batches of {BATCH}, nowait"
    ITERATE = "async for"
    STORM_OLDEST = "cancel waiting tasks, oldest first"
    STORM_NEWEST = "cancel waiting tasks, newest first"
    CREATE = "create and close"
    CHANNEL_MEMORY = "memory of a channel"
    TASK_MEMORY = "memory of a waiting task"
    WAITING_SENDERS = "waiting senders"
    WAITING_RECEIVERS = "waiting receivers"
    BUFFERED = "buffered messages"
    SELECT_READY = "select, all ready"
    SELECT_WAITING = "select, one at a time"
    MERGE_READY = "merge, all ready"
    MERGE_WAITING = "merge, one at a time"


UNITS = {
    Work.STORM_OLDEST: "ns per task",
    Work.STORM_NEWEST: "ns per task",
    Work.CREATE: "ns per channel",
    Work.CHANNEL_MEMORY: "bytes per channel",
    Work.TASK_MEMORY: "bytes per task",
}
GROWING = frozenset({Work.WAITING_SENDERS, Work.WAITING_RECEIVERS, Work.BUFFERED})
SHAPED = frozenset({Work.STREAM, Work.BATCHES, Work.BATCHES_NOWAIT, Work.ITERATE})
SELECTS = frozenset({Work.SELECT_READY, Work.SELECT_WAITING})
MERGES = frozenset({Work.MERGE_READY, Work.MERGE_WAITING})
CHOOSING = SELECTS | MERGES


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table.

    Args:
        work: what is done.
        count: how often in one timed run: messages, tasks or channels.
        limit: of the channel.
        senders: how many tasks send.
        receivers: how many tasks receive.
        size: how much there is of what the cost may grow with.
        arms: among how many channels one task chooses.

    """

    work: Work
    count: int
    limit: float
    senders: int = 1
    receivers: int = 1
    size: int = 0
    arms: int = 0

    @property
    def name(self) -> str:
        """What tells it apart, for people and for the filter."""
        if self.work in GROWING:
            return f"{self.size:,} {self.work}"
        if self.work in SHAPED:
            return f"{self.work}, {self.senders}:{self.receivers}, limit {self.limit}"
        if self.work in CHOOSING:
            return f"{self.work}, {self.arms} {'arm' if self.arms == 1 else 'arms'}"
        return str(self.work)

    @property
    def unit(self) -> str:
        """What the numbers count."""
        return UNITS.get(self.work, "ns per message")

    @property
    def timed(self) -> bool:
        """Whether it is about time, and not about memory."""
        return self.unit.startswith("ns")

    @property
    def typical(self) -> bool:
        """Whether it counts in the mean over all: one is enough of what grows or chooses."""
        return self.timed and self.work not in GROWING | CHOOSING

    @property
    def needs(self) -> frozenset[str]:
        """What a channel must be able to do for it, beyond the ordinary."""
        return frozenset({f"limit {self.limit}", str(self.work)})

    def turns(self, repeats: int) -> int:
        """Return how often it is run: less often where the setup takes long."""
        return min(repeats, GROWTH_REPEATS) if self.size else repeats

    def smaller(self) -> Scenario:
        """Return it with a fifth of the work."""
        return replace(self, count=self.count // 5)


def shaped(
    work: Work, shapes: tuple[tuple[int, int], ...], limits: tuple[float, ...]
) -> list[Scenario]:
    """Return a scenario for each shape and limit."""
    return [
        Scenario(work, MESSAGES[limit], limit, senders, receivers)
        for senders, receivers in shapes
        for limit in limits
    ]


SCENARIOS = [
    *shaped(Work.STREAM, SHAPES, LIMITS),
    *shaped(Work.BATCHES, ((1, 1), (10, 10)), (10, 1000, math.inf)),
    *shaped(Work.BATCHES_NOWAIT, ((1, 1), (10, 10)), (10, 1000, math.inf)),
    *shaped(Work.ITERATE, ((1, 1), (10, 10)), LIMITS),
    Scenario(Work.STORM_OLDEST, 2_000, 10),
    Scenario(Work.STORM_NEWEST, 2_000, 10),
    Scenario(Work.CREATE, 2_000, 10),
    Scenario(Work.CHANNEL_MEMORY, 1_000, 10),
    Scenario(Work.TASK_MEMORY, 1_000, 10),
]


def choosing(work: Work, counts: dict[int, int], *arms: int) -> list[Scenario]:
    """Return a scenario for each number of arms."""
    return [Scenario(work, counts[number], math.inf, arms=number) for number in arms]


CHOICES = [
    *choosing(Work.SELECT_READY, READY, 1, 2, 8, 64),
    *choosing(Work.SELECT_WAITING, WAITING, 1, 2, 8, 64),
    *choosing(Work.MERGE_READY, READY, 2, 8),
    *choosing(Work.MERGE_WAITING, WAITING, 2, 8),
]

GROWTH = [
    *(Scenario(Work.WAITING_SENDERS, 2_000, 1, size=size) for size in (10, 100, 1_000, 10_000)),
    *(Scenario(Work.WAITING_RECEIVERS, 2_000, 10, size=size) for size in (10, 100, 1_000, 10_000)),
    *(Scenario(Work.BUFFERED, 5_000, math.inf, size=size) for size in (10, 1_000, 1_000_000)),
]

# A few cases that many programs have, by the name of the scenario, in words for a chart.
EVERYDAY = {
    "send and receive, 1:1, limit 10": "1 sender, 1 receiver",
    "send and receive, 1:100, limit 10": "1 sender, 100 receivers",
    "send and receive, 100:1, limit 10": "100 senders, 1 receiver",
    "send and receive, 10:10, limit 1000": "10 and 10, limit 1000",
    "batches of 100, 1:1, limit 1000": "batches of 100",
    "create and close": "create a channel",
}


def chosen(patterns: list[re.Pattern[str]], *, quick: bool) -> list[Scenario]:
    """Return the scenarios whose names match one of the patterns, or all if there is none."""
    every = [*SCENARIOS, *CHOICES, *GROWTH]
    if quick:
        every = [scenario.smaller() for scenario in every if scenario.size <= QUICK_SIZE]
    return [s for s in every if not patterns or any(p.search(s.name) for p in patterns)]
