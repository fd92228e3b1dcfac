"""What was measured, and its file."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.on_redis.contenders import BY_NAME, OURS, YARDSTICK
from benchmarks.on_redis.scenarios import Scenario, Work
from benchmarks.on_redis.works import RATE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.on_redis.contenders import Contender
    from benchmarks.on_redis.works import Figures


@dataclass(slots=True)
class Measurement:
    """What one contender took in one scenario on one event loop.

    Args:
        scenario: what was done.
        contender: the name of who did it.
        backend: the event loop.
        values: the figures of each repeat.

    """

    scenario: Scenario
    contender: str
    backend: str
    values: list[Figures] = field(default_factory=list)

    @property
    def kind(self) -> type[Contender]:
        """Who did it."""
        return BY_NAME[self.contender]

    @property
    def series(self) -> tuple[str, str]:
        """What belongs together as something grows."""
        return self.contender, self.backend

    @property
    def medians(self) -> Figures:
        """The figures that are reported."""
        names = self.values[0] if self.values else ()
        return {name: statistics.median(v[name] for v in self.values) for name in names}


@dataclass(frozen=True, slots=True)
class Results:
    """All measurements of one run, and where it ran."""

    environment: dict[str, Any]
    measurements: list[Measurement]

    def of(self, work: Work) -> list[Measurement]:
        """Return what was measured of one kind of work."""
        return [m for m in self.measurements if m.scenario.work is work]

    def series(self, work: Work, figure: str) -> dict[tuple[str, str], dict[int, float]]:
        """Return, for each contender and event loop, a figure by size."""
        found: dict[tuple[str, str], dict[int, float]] = {}
        for row in self.of(work):
            found.setdefault(row.series, {})[row.scenario.size] = row.medians[figure]
        return found

    def target(self) -> Iterator[tuple[str, float, float]]:
        """Return, for each event loop: our rate, and how many times the yardstick's it is.

        Many tasks send to one receiver; the yardstick may choose how many tasks suit it best.
        """
        rows = self.of(Work.SENDERS)
        best = max((m.medians[RATE] for m in rows if m.contender == YARDSTICK), default=0.0)
        for row in rows:
            if row.contender == OURS and row.scenario.is_target and best:
                yield row.backend, row.medians[RATE], row.medians[RATE] / best

    def save(self, path: Path) -> None:
        """Write everything as JSON, a line for each measurement."""
        rows = [
            {
                "scenario": m.scenario.name,
                "contender": m.contender,
                "backend": m.backend,
                "medians": _rounded(m.medians),
                "values": [_rounded(figures) for figures in m.values],
                "definition": asdict(m.scenario),
            }
            for m in self.measurements
        ]
        head = json.dumps(self.environment, indent=1).removesuffix("\n}")
        body = ",\n  ".join(map(json.dumps, rows))
        path.write_text(f'{head},\n "measurements": [\n  {body}\n ]\n}}\n', encoding="utf-8")


def _rounded(figures: Figures) -> Figures:
    return {name: round(value, 3) for name, value in figures.items()}


def load(path: Path) -> Results:
    """Read what `Results.save` wrote."""
    environment = json.loads(path.read_text(encoding="utf-8"))
    measurements = [
        Measurement(_scenario(row["definition"]), row["contender"], row["backend"], row["values"])
        for row in environment.pop("measurements")
    ]
    return Results(environment, measurements)


def _scenario(definition: dict[str, Any]) -> Scenario:
    return Scenario(Work(definition.pop("work")), **definition)
