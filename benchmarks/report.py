"""The tables that a run prints."""

from __future__ import annotations

import math
from itertools import groupby
from statistics import geometric_mean
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from benchmarks.contenders import BY_NAME, OURS, YIELDING
from benchmarks.scenarios import GROWING, SHAPED, Scenario, Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from benchmarks.results import Results

LOST = "bold red"


def print_tables(results: Results, console: Console) -> None:
    """Print a table for each backend, and a summary."""
    for backend in results.backends:
        console.print(_table(results, backend))
    console.print(_summary(results))


def _table(results: Results, backend: str) -> Table:
    names = results.contenders(backend)
    table = Table(
        title=f"{backend}: nanoseconds or bytes, and how many times as much as {OURS}'s",
        caption=f"! behind a peer; {YIELDING} is held against those that always yield too",
    )
    table.add_column("scenario", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    ran = [s for s in results.scenarios if results.medians(backend, s)]
    for _, group in groupby(ran, lambda s: s.work if s.work in SHAPED else s.work in GROWING):
        for scenario in group:
            medians = results.medians(backend, scenario)
            table.add_row(_label(scenario), *(_cell(medians, name) for name in names))
        table.add_section()
    return table


def _label(scenario: Scenario) -> str:
    usual = scenario.unit == "ns per message"
    return scenario.name if usual else f"{scenario.name}, {scenario.unit}"


def _cell(medians: dict[str, float], name: str) -> Text:
    if name not in medians:
        return Text("-", style="dim")
    if math.isinf(medians[name]):
        return Text("stalled", style=LOST)
    number = f"{medians[name]:,.0f}"
    if name in (OURS, YIELDING):
        lost = any(medians[name] > medians[peer] for peer in rivals(name) if peer in medians)
        return Text(f"{'! ' if lost else ''}{number}", style=LOST if lost else "bold")
    ratio = medians[name] / medians.get(OURS, math.inf)
    lost = ratio < 1
    return Text(f"{number} {'!' if lost else 'x'}{ratio:.2f}", style=LOST if lost else "")


def rivals(ours: str) -> list[str]:
    """Return the peers to compare with: for ours that always yields, those that do too."""
    peers = [name for name in BY_NAME if name not in (OURS, YIELDING)]
    return [peer for peer in peers if ours == OURS or BY_NAME[peer].yields]


def _summary(results: Results) -> Table:
    table = Table(
        title="peer / ours: above 1 we are ahead; growth and memory left out of the means"
    )
    for column in ("backend", "ours", "peer"):
        table.add_column(column)
    for column in (str(Work.STREAM), "all timed", "worst", "lost"):
        table.add_column(column, justify="right")
    table.add_column("worst in")
    for backend in results.backends:
        for row in _comparisons(results, backend):
            table.add_row(backend, *row)
        table.add_section()
    return table


def _comparisons(results: Results, backend: str) -> Iterator[list[str | Text]]:
    for ours in (OURS, YIELDING):
        for peer in rivals(ours):
            ratios = results.ratios(backend, peer, ours)
            if ratios:
                yield [ours, peer, *_comparison(ratios)]


def _comparison(ratios: dict[Scenario, float]) -> list[str | Text]:
    timed = [r for s, r in ratios.items() if s.timed and not s.size]
    streams = [r for s, r in ratios.items() if s.work is Work.STREAM]
    worst = min(ratios, key=ratios.__getitem__)
    lost = sum(ratio < 1 for ratio in ratios.values())
    return [
        _mean(streams),
        _mean(timed),
        Text(f"{ratios[worst]:.2f}", style=LOST if lost else ""),
        Text(f"{lost} of {len(ratios)}", style=LOST if lost else ""),
        worst.name,
    ]


def _mean(ratios: list[float]) -> Text:
    if not ratios or math.inf in ratios:
        return Text("-", style="dim")
    mean = geometric_mean(ratios)
    return Text(f"{mean:.2f}", style=LOST if mean < 1 else "")
