"""The charts, one panel above the other, so that they can be read on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from benchmarks.on_redis.contenders import BY_NAME, OURS
from benchmarks.on_redis.scenarios import Work
from benchmarks.on_redis.works import MEDIAN, RATE, TAIL
from benchmarks.svg import INK, WIDTH, save

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.on_redis.results import Results

# Colours that colour-blind people tell apart, on light and on dark.
COLOURS = dict(zip(BY_NAME, (INK, "#D55E00", "#E69F00", "#1F8FD0", "#56B4E9"), strict=True))
MARKS = dict(zip(BY_NAME, "*osD^", strict=True))
PANEL = 2.2
BAR = 0.24


def draw(results: Results, directory: Path) -> None:
    """Draw every chart for which there are numbers."""
    lines = (Work.PREFETCH, Work.SENDERS, Work.PROCESSES)
    _draw_lines(results, directory / "redis.svg", "Messages per second on Redis", lines)
    growth = (Work.BLOCKED, Work.STORED)
    _draw_lines(results, directory / "redis-growth.svg", "What grows on Redis", growth)
    _draw_latency(results, directory / "redis-latency.svg")


def _draw_lines(results: Results, path: Path, title: str, works: tuple[Work, ...]) -> None:
    works = tuple(work for work in works if results.of(work))
    if not works:
        return
    figure = Figure(figsize=(WIDTH, PANEL * len(works) + 2.6), layout="constrained")
    panels = figure.subplots(len(works), 1, squeeze=False)[:, 0]
    for axes, work in zip(panels, works, strict=True):
        _line_panel(axes, results, work)
    handles = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
    )
    save(figure, path, title, results.environment)


def _line_panel(axes: Axes, results: Results, work: Work) -> None:
    for (contender, backend), rates in results.series(work, RATE).items():
        style = _style(contender, backend)
        axes.plot(list(rates), list(rates.values()), label=f"{contender}, {backend}", **style)
    sizes = sorted({row.scenario.size for row in results.of(work)})
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel(str(work))
    axes.set_ylabel(RATE)
    axes.grid(linewidth=0.4, alpha=0.5)


def _style(contender: str, backend: str) -> dict[str, Any]:
    return {
        "color": COLOURS[contender],
        "marker": MARKS[contender],
        "markersize": 7 if contender == OURS else 4,
        "linewidth": 2 if contender == OURS else 1.2,
        "linestyle": "-" if backend == "asyncio" else "--",
    }


def _draw_latency(results: Results, path: Path) -> None:
    rows = results.of(Work.LATENCY)
    if not rows:
        return
    figure = Figure(figsize=(WIDTH, BAR * len(rows) + 1.4), layout="constrained")
    axes = figure.subplots()
    for y, row in enumerate(rows):
        median, tail = row.medians[MEDIAN], row.medians[TAIL]
        colour = COLOURS[row.contender]
        axes.plot([median, tail], [y, y], color=colour, linewidth=2)
        axes.plot([median], [y], color=colour, marker="o", markersize=6)
        axes.plot([tail], [y], color=colour, marker="|", markersize=9)
    axes.set_yticks(range(len(rows)), [f"{row.contender}, {row.backend}" for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("milliseconds: dot p50, line to p99")
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    save(figure, path, "One message at a time on Redis", results.environment)
