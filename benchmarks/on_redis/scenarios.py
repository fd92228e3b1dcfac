"""What is measured: every scenario, named once, in one table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re

BODY = b"x" * 100
BATCH = 100  # messages, for those that send and receive in batches
SENDERS = 64
PREFETCH = 128
TARGET_REPEATS = 5
QUICK_SIZE = 10_000


class Work(StrEnum):
    """What is varied, in the words that the reports use."""

    PREFETCH = "prefetch"
    SENDERS = "sending tasks"
    PROCESSES = "worker processes"
    LATENCY = "one message at a time"
    MEMORY = "memory of stored messages"
    BLOCKED = "blocked sender channels"
    STORED = "stored messages"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table.

    Args:
        work: what is varied.
        size: to which number.
        count: how many messages are moved in one run.
        senders: how many tasks send.
        prefetch: of a receiver.
        limit: of the channel, for those that have one; 0 for none.

    """

    work: Work
    size: int
    count: int
    senders: int = SENDERS
    prefetch: int = PREFETCH
    limit: int = 1000

    @property
    def name(self) -> str:
        """What tells it apart, for people and for the filter."""
        return str(self.work) if self.work is Work.LATENCY else f"{self.size:,} {self.work}"

    @property
    def is_target(self) -> bool:
        """Whether it is the one that decides: many tasks send to one receiver."""
        return self.work is Work.SENDERS and self.size == SENDERS

    def turns(self, repeats: int) -> int:
        """Return how often it is run: the one that decides, more often."""
        return max(repeats, TARGET_REPEATS) if self.is_target and repeats > 1 else repeats

    def smaller(self) -> Scenario:
        """Return it with a fifth of the work."""
        return replace(self, count=self.count // 5)


SCENARIOS = [
    *(Scenario(Work.PREFETCH, n, count, prefetch=n) for n, count in ((1, 2_000), (16, 12_800))),
    Scenario(Work.PREFETCH, PREFETCH, 19_200),
    *(Scenario(Work.SENDERS, n, count, senders=n) for n, count in ((1, 2_000), (8, 6_400))),
    Scenario(Work.SENDERS, SENDERS, 19_200),
    *(Scenario(Work.PROCESSES, n, 19_200) for n in (1, 2, 4)),
    Scenario(Work.LATENCY, 1, 500, senders=1),
    Scenario(Work.MEMORY, 100_000, 0),
    *(Scenario(Work.BLOCKED, n, 640, senders=n, limit=10) for n in (1, 4, 16, 64)),
    *(Scenario(Work.STORED, n, 12_800, limit=0) for n in (1_000, 10_000, 100_000, 1_000_000)),
]


def chosen(patterns: list[re.Pattern[str]], *, quick: bool) -> list[Scenario]:
    """Return the scenarios whose names match one of the patterns, or all if there is none."""
    every = SCENARIOS
    if quick:
        every = [s.smaller() for s in every if s.size <= QUICK_SIZE or s.work is Work.MEMORY]
    return [s for s in every if not patterns or any(p.search(s.name) for p in patterns)]
