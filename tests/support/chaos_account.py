"""The account of a chaos run, message by message: what the channel promises, and no more.

A *holding* is the time for which a task had a message, from one record to the next. A holding
without an end was cut off by the death of its process. Some faults excuse a holding:

- The process was killed soon after the holding: the server may not know how the holding ended.
- The process lost its lease: other processes may have its messages meanwhile.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chaos_worker import PREFETCH, TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# For how many seconds a server may be away, before the server is told of a holding.
LONGEST_OUTAGE = 20.0
# How many messages a process may have done without the server's knowledge. The process asks for the
# next messages while it reports the last messages.
UNTOLD = TASKS + 2 * (TASKS + PREFETCH)


@dataclass
class Actor:
    """A process of the run: its records, and the time when the process was killed."""

    name: str
    lines: list[str] = field(default_factory=list[str])
    killed: float = math.inf

    def records(self) -> Iterator[tuple[float, str, list[int]]]:
        """Return the time, the word and the numbers of each record that is whole."""
        for line in self.lines:
            if line.endswith("\n"):
                time, word, *numbers = line.split()
                yield float(time), word, [int(number) for number in numbers]


@dataclass
class Holding:
    """A message in the hand of a task."""

    number: int
    actor: Actor
    begin: float
    deliveries: int
    end: float = math.inf
    how: str = "cut off"

    def __str__(self) -> str:
        return f"{self.how} by {self.actor.name} from {self.begin:.3f} to {self.end:.3f}"


class Account:
    """The fate of each message.

    Args:
        actors: the processes of the run.
        lease: of the channel, in seconds.
    """

    def __init__(self, actors: Iterable[Actor], lease: float) -> None:
        self.lease = lease
        self.tried: set[int] = set()
        self.sent: set[int] = set()
        self.holdings: defaultdict[int, list[Holding]] = defaultdict(list)
        self.lost: defaultdict[str, list[float]] = defaultdict(list)
        self.deaths: list[float] = []
        for actor in actors:
            self._read(actor)
        for holdings in self.holdings.values():
            holdings.sort(key=lambda holding: holding.begin)
        self.deaths.sort()

    def _read(self, actor: Actor) -> None:
        open_: dict[int, Holding] = {}
        for time, word, numbers in actor.records():
            if word == "lost":
                self.lost[actor.name].append(time)
                # The lease ran out before the process was told.
                self.deaths.append(time - LONGEST_OUTAGE)
            elif word in {"try", "sent"}:
                (self.tried if word == "try" else self.sent).add(numbers[0])
            elif word == "begin":
                number, deliveries = numbers
                open_[number] = Holding(number, actor, time, deliveries)
                self.holdings[number].append(open_[number])
            else:
                holding = open_.pop(numbers[0])
                holding.end, holding.how = time, word
        for holding in open_.values():
            holding.end = actor.killed
        if actor.killed < math.inf:
            self.deaths.append(actor.killed)

    @property
    def repeated(self) -> int:
        """How many deliveries there were of messages that were done already."""
        return sum(self._after_done(holdings) for holdings in self.holdings.values())

    @staticmethod
    def _after_done(holdings: list[Holding]) -> int:
        first = next((at for at, each in enumerate(holdings) if each.how == "done"), len(holdings))
        return len(holdings[first + 1 :])

    def faults(self) -> Iterator[str]:
        """Return a text for each promise that was broken."""
        done = {
            number
            for number, holdings in self.holdings.items()
            if any(holding.how == "done" for holding in holdings)
        }
        yield from (f"{number} is lost" for number in sorted(self.sent - done))
        yield from (
            f"{number} was never sent" for number in sorted(set(self.holdings) - self.tried)
        )
        for holdings in self.holdings.values():
            yield from self._faults_of(holdings)
        if self.repeated > len(self.deaths) * UNTOLD:
            yield f"{self.repeated} messages came again, after {len(self.deaths)} deaths"

    def _faults_of(self, holdings: list[Holding]) -> Iterator[str]:
        for at, later in enumerate(holdings):
            earlier = holdings[:at]
            for holding in earlier:
                if later.begin < holding.end and not self._stalled(holding, later.begin):
                    yield f"{later.number} is with two at once: {holding}; {later}"
                if holding.how == "done" and not self._untold(holding):
                    yield f"{later.number} came again: {holding}; {later}"
            failed = [holding for holding in earlier if holding.how == "fail"]
            least = 1 + sum(not self._untold(holding) for holding in failed)
            most = 1 + len(failed) + sum(time < later.begin for time in self.deaths)
            if not least <= later.deliveries <= most:
                yield f"{later.number} counts {later.deliveries}, not {least} to {most}: {later}"

    def _untold(self, holding: Holding) -> bool:
        """Return whether the server may not know how a holding ended."""
        killed = holding.actor.killed - holding.end < LONGEST_OUTAGE
        return killed or self._lost_since(holding)

    def _stalled(self, holding: Holding, until: float) -> bool:
        """Return whether the lease on a holding may have run out before another holding began."""
        return self._lost_since(holding) or until - holding.begin >= self.lease

    def _lost_since(self, holding: Holding) -> bool:
        return any(
            holding.begin < time < holding.begin + LONGEST_OUTAGE
            for time in self.lost[holding.actor.name]
        )
