"""What the library is meant to reach beside its peers, and whether a run shows it.

This reports, and fails nothing: what is missed is said as plainly as what is met.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.contenders import OURS, YARDSTICK, YIELDING, rivals
from benchmarks.results import mean
from benchmarks.scenarios import BATCH, SELECTS, Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.results import Results

MEANS = {
    ("asyncio", "asyncio.Queue"): 1.2,
    ("asyncio", "frequenz"): 2.3,
    ("asyncio", "anyio"): 2.8,
    ("trio", "trio"): 2.0,
    ("trio", "anyio"): 3.0,
}
RECEIVES = 2.0  # what a select may take
ALL = frozenset(Work)
READY = frozenset({Work.SELECT_READY})


class Bound(NamedTuple):
    """How far ahead we are to be in each of some scenarios: peer / ours."""

    text: str
    wanted: float
    peers: list[str]
    works: frozenset[Work] = ALL
    arms: int = 0  # 0 if it makes no difference
    ours: str = OURS


BOUNDS = [
    Bound("each peer / ours, the worst", 1.0, rivals(OURS)),
    Bound(
        f"asyncio.Queue / ours in batches of {BATCH}, the worst",
        5.0,
        ["asyncio.Queue"],
        frozenset({Work.BATCHES}),
    ),
    Bound("anyio / ours with yield_every=1, the worst", 1.0, ["anyio"], ours=YIELDING),
    Bound("each peer / ours, select of 2 ready, the worst", 3.0, rivals(OURS), READY, arms=2),
    Bound("each peer / ours, any select, the worst", 3.0, rivals(OURS), SELECTS),
]


@dataclass(frozen=True, slots=True)
class Target:
    """One figure to reach.

    Args:
        backend: where.
        text: what is measured.
        wanted: the least that it should be, or the most.
        measured: what it is.
        detail: what a reader needs to judge it.
        at_most: whether less is better.

    """

    backend: str
    text: str
    wanted: float
    measured: float
    detail: str
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted

    def as_json(self) -> dict[str, Any]:
        """Return it as the file has it."""
        measured = round(self.measured, 3) if math.isfinite(self.measured) else None
        return asdict(self) | {"measured": measured, "met": self.met}


def targets(results: Results) -> list[Target]:
    """Return what can be told of the targets from what was measured."""
    return [target for backend in results.backends for target in _of_backend(results, backend)]


def _of_backend(results: Results, backend: str) -> Iterator[Target]:
    for bound in BOUNDS:
        yield from _worst(results, backend, bound)
    yield from _means(results, backend)
    yield from _of_select(results, backend)


def _worst(results: Results, backend: str, bound: Bound) -> Iterator[Target]:
    cells = {
        (scenario, peer): ratio
        for peer in bound.peers
        for scenario, ratio in results.ratios(backend, peer, bound.ours).items()
        if scenario.timed and scenario.work in bound.works and bound.arms in (0, scenario.arms)
    }
    if cells:
        scenario, peer = min(cells, key=cells.__getitem__)
        missed = sum(ratio < bound.wanted for ratio in cells.values())
        detail = f"missed in {missed} of {len(cells)}; worst: {peer}, {scenario.name}"
        yield Target(backend, bound.text, bound.wanted, cells[scenario, peer], detail)


def _means(results: Results, backend: str) -> Iterator[Target]:
    for (where, peer), wanted in MEANS.items():
        if where != ("asyncio" if backend == "uvloop" else backend):
            continue
        ratios = results.ratios(backend, peer)
        over_all = mean(ratio for s, ratio in ratios.items() if s.typical)
        streams = mean(ratio for s, ratio in ratios.items() if s.work is Work.STREAM)
        if over_all is not None:
            detail = "no send and receive" if streams is None else f"{Work.STREAM}: {streams:.2f}"
            yield Target(backend, f"{peer} / ours, geometric mean", wanted, over_all, detail)


def _of_select(results: Results, backend: str) -> Iterator[Target]:
    for scenario in results.scenarios:
        medians = results.medians(backend, scenario)
        two_ready = (scenario.work, scenario.arms) == (Work.SELECT_READY, 2)
        if two_ready and {OURS, YARDSTICK} <= medians.keys():
            ratio = medians[OURS] / medians[YARDSTICK]
            detail = f"{medians[OURS]:,.0f} / {medians[YARDSTICK]:,.0f} ns"
            text = "ours, select of 2 ready / plain receive"
            yield Target(backend, text, RECEIVES, ratio, detail, at_most=True)
