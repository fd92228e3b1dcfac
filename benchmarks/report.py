"""The tables that a run prints: every number, for each backend."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from benchmarks.contenders import CONTENDERS, NEVER, OURS, YARDSTICK, YIELDING, rivals
from benchmarks.scenarios import CHOOSING, GROWING, SHAPED, Scenario, Work

if TYPE_CHECKING:
    from rich.console import Console

    from benchmarks.results import Results

LOST = "bold red"
LARGE = 10  # a ratio of which nobody reads the hundredths
FAMILY = {contender.name for contender in CONTENDERS if contender.ours}
CAPTION = (
    f"! behind a peer; {YIELDING} is held against those that always yield too,"
    f" {NEVER} against those that never do"
)
PARTS = {
    "send and receive, and the rest": frozenset(Work) - GROWING - CHOOSING,
    "as more tasks wait, or more is stored": GROWING,
    f"choosing among channels; {YARDSTICK} is a plain receive": CHOOSING,
}


def print_tables(results: Results, console: Console) -> None:
    """Print tables for each backend."""
    for backend in results.backends:
        for title, works in PARTS.items():
            if table := _table(results, backend, works):
                table.title = f"{backend}: {title}"
                console.print(table)
    console.print(f"nanoseconds or bytes, and how many times as much as {OURS}'s; {CAPTION}\n")


def _table(results: Results, backend: str, works: frozenset[Work]) -> Table | None:
    rows = {s: results.medians(backend, s) for s in results.scenarios if s.work in works}
    names = [c.name for c in CONTENDERS if any(c.name in medians for medians in rows.values())]
    if not names:
        return None
    table = Table()
    table.add_column("scenario", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right")
    for _, group in groupby(rows.items(), lambda row: row[0].work in SHAPED and row[0].work):
        for scenario, medians in group:
            if medians:
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
    if name == YARDSTICK:
        return Text(number)
    if name in FAMILY:
        lost = any(medians[name] > medians[peer] for peer in rivals(name) if peer in medians)
        return Text(f"{'! ' if lost else ''}{number}", style=LOST if lost else "bold")
    ratio = medians[name] / medians.get(OURS, math.inf)
    lost = ratio < 1
    times = f"{ratio:.2f}" if ratio < LARGE else f"{ratio:.0f}"
    return Text(f"{number} {'!' if lost else 'x'}{times}", style=LOST if lost else "")
