"""What was measured, the ratios that follow from it, and its file."""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.contenders import CONTENDERS, OURS
from benchmarks.scenarios import Scenario, Work

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(slots=True)
class Measurement:
    """What one contender took in one scenario on one backend.

    Args:
        backend: the event loop.
        scenario: what was done.
        contender: the name of who did it.
        values: one number for each repeat; none if a run stalled.

    """

    backend: str
    scenario: Scenario
    contender: str
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The number that is reported; infinite if a run stalled."""
        return statistics.median(self.values) if self.values else math.inf


@dataclass(frozen=True, slots=True)
class Results:
    """All measurements of one run, and where it ran."""

    environment: dict[str, Any]
    measurements: list[Measurement]

    @property
    def backends(self) -> list[str]:
        """The backends, in the order in which they ran."""
        return list(dict.fromkeys(m.backend for m in self.measurements))

    @property
    def scenarios(self) -> list[Scenario]:
        """The scenarios, in the order of the table."""
        return list(dict.fromkeys(m.scenario for m in self.measurements))

    def contenders(self, backend: str) -> list[str]:
        """Return the names of those who ran on a backend, in their usual order."""
        ran = {m.contender for m in self.measurements if m.backend == backend}
        return [contender.name for contender in CONTENDERS if contender.name in ran]

    def medians(self, backend: str, scenario: Scenario) -> dict[str, float]:
        """Return the median of each contender that took part."""
        return {
            m.contender: m.median
            for m in self.measurements
            if m.backend == backend and m.scenario == scenario
        }

    def ratios(self, backend: str, peer: str, ours: str = OURS) -> dict[Scenario, float]:
        """Return peer / ours for each scenario that both did; above 1 we are ahead.

        It is infinite where the peer stalled, and 0 where we did.
        """
        found: dict[Scenario, float] = {}
        for scenario in self.scenarios:
            medians = self.medians(backend, scenario)
            if {peer, ours} <= medians.keys() and min(medians[peer], medians[ours]) < math.inf:
                found[scenario] = medians[peer] / medians[ours]
        return found

    def save(self, path: Path, targets: list[dict[str, Any]]) -> None:
        """Write everything as JSON, with what became of the targets."""
        cannot = {contender.name: dict(contender.cannot) for contender in CONTENDERS}
        rows = [
            {
                "backend": m.backend,
                "scenario": m.scenario.name,
                "unit": m.scenario.unit,
                "contender": m.contender,
                "median": round(m.median, 1) if m.values else "stalled",
                "values": [round(value, 1) for value in m.values],
                "definition": asdict(m.scenario) | {"limit": str(m.scenario.limit)},
            }
            for m in self.measurements
        ]
        about = {**self.environment, "cannot": cannot, "targets": targets}
        head = json.dumps(about, indent=1).removesuffix("\n}")
        body = ",\n  ".join(map(json.dumps, rows))  # a line each
        path.write_text(f'{head},\n "measurements": [\n  {body}\n ]\n}}\n', encoding="utf-8")


def mean(ratios: Iterable[float]) -> float | None:
    """Return the geometric mean, or None if there is nothing to tell or something stalled."""
    found = list(ratios)
    told = found and all(0 < ratio < math.inf for ratio in found)
    return statistics.geometric_mean(found) if told else None


def load(path: Path) -> Results:
    """Read what `Results.save` wrote."""
    environment = json.loads(path.read_text(encoding="utf-8"))
    rows = environment.pop("measurements")
    for follows in ("cannot", "targets"):
        environment.pop(follows, None)
    measurements = [
        Measurement(row["backend"], _scenario(row["definition"]), row["contender"], row["values"])
        for row in rows
    ]
    return Results(environment, measurements)


def _scenario(definition: dict[str, Any]) -> Scenario:
    work, limit = Work(definition.pop("work")), float(definition.pop("limit"))
    return Scenario(work, limit=limit if limit == math.inf else int(limit), **definition)
