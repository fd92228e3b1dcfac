"""The table that a run prints, and the line that decides."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.table import Table

from benchmarks.on_redis.contenders import YARDSTICK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from benchmarks.on_redis.results import Measurement, Results

SMALL = 100  # below which digits after the point tell something


def print_report(results: Results, console: Console) -> None:
    """Print a table for each kind of work, then the line that decides."""
    for work, rows in groupby(results.measurements, lambda row: row.scenario.work):
        console.print(_table(str(work), list(rows)))
    for line in target_lines(results):
        console.print(line)


def target_lines(results: Results) -> Iterator[str]:
    """Return the lines that decide."""
    for backend, rate, ratio in results.target():
        yield (
            f"64 sending tasks to one receiver, prefetch 128, {backend}: {rate:,.0f} messages/s, "
            f"{ratio:.2f} times the best of {YARDSTICK}"
        )


def _table(title: str, rows: list[Measurement]) -> Table:
    table = Table(title=f"{title}: each figure but the rate is for one message")
    table.add_column("", justify="right")
    table.add_column("contender", no_wrap=True)
    table.add_column("on")
    for name in rows[0].medians:
        table.add_column(name, justify="right")
    for _, group in groupby(rows, lambda row: row.scenario):
        for row in group:
            figures = map(_number, row.medians.values())
            table.add_row(f"{row.scenario.size:,}", row.contender, row.backend, *figures)
        table.add_section()
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= SMALL else f"{value:.2f}"
