"""The charts: ratios at a glance, how cost grows, and what it costs to choose.

Where we are behind is marked in red in each of them.
"""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.contenders import NEVER, OURS, YARDSTICK, YIELDING, rivals
from benchmarks.environment import headline
from benchmarks.scenarios import CHOOSING, GROWING, SHAPED, Scenario, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from benchmarks.results import Results

# Colours that colour-blind people tell apart, and marks for who sees none.
STYLES: dict[str, dict[str, Any]] = {
    OURS: {"color": "black", "marker": "*", "linewidth": 2, "zorder": 3},
    YIELDING: {"color": "#888888", "marker": "*"},
    NEVER: {"color": "#888888", "marker": "P", "linestyle": "--"},
    YARDSTICK: {"color": "#888888", "marker": "x", "linestyle": ":"},
    "asyncio.Queue": {"color": "#0072B2", "marker": "o"},
    "Queue, tasks anew": {"color": "#0072B2", "marker": "o", "linestyle": ":"},
    "anyio": {"color": "#E69F00", "marker": "s"},
    "trio": {"color": "#009E73", "marker": "^"},
    "frequenz": {"color": "#CC79A7", "marker": "D"},
    "culsans": {"color": "#56B4E9", "marker": "v"},
    "chanio": {"color": "#D55E00", "marker": "X"},
    "asyncio-channel": {"color": "#9A8F00", "marker": "p"},
}
BEHIND = "#f9dedb"
RED = "#c62828"
RING: dict[str, Any] = {
    "linestyle": "",
    "marker": "o",
    "markersize": 10,
    "fillstyle": "none",
    "color": RED,
    "label": "anycast is behind",
}

mpl.rcParams.update({"svg.hashsalt": "anycast", "font.size": 9, "axes.axisbelow": True})


def draw(results: Results, directory: Path) -> None:
    """Draw every chart for which there are numbers."""
    draw_ratios(results, directory / "ratios.svg")
    draw_lines(
        results,
        directory / "growth.svg",
        "Time per message as more tasks wait or more is stored",
        GROWING,
        lambda scenario: scenario.size,
    )
    draw_lines(
        results,
        directory / "select.svg",
        "Time per message to choose among so many channels",
        CHOOSING,
        lambda scenario: scenario.arms,
    )


def draw_ratios(results: Results, path: Path) -> None:
    """Draw peer / ours for each scenario that no line shows: a panel for each backend."""
    rows = _rows([s for s in results.scenarios if s.work not in GROWING | CHOOSING])
    if not rows:
        return
    count = len(results.backends)
    figure = Figure(figsize=(2.5 + 3.8 * count, 2.4 + 0.19 * len(rows)), layout="constrained")
    panels = figure.subplots(1, count, sharex=True, sharey=True, squeeze=False)[0]
    found = {(-1, 0.5), (-1, 8.0)}  # what to show in any case
    for axes, backend in zip(panels, results.backends, strict=True):
        axes.set_title(backend, fontweight="bold")
        found |= _ratio_panel(axes, results, backend, rows)
    ratios = [ratio for _, ratio in found]
    for axes in panels:
        _mark_equality(axes, min(ratios) / 1.2, max(ratios) * 1.2)
    _label_rows(panels[0], rows, {y for y, ratio in found if ratio < 1})
    _finish(figure, results, "Cost of a peer / cost of anycast, for the same work", path)


def _rows(scenarios: list[Scenario]) -> list[Scenario | str]:
    """Return the scenarios, with a heading above each group."""
    rows: list[Scenario | str] = []
    for heading, group in groupby(scenarios, lambda s: s.work if s.work in SHAPED else "other"):
        rows += [str(heading), *group]
    return rows


def _ratio_panel(
    axes: Axes, results: Results, backend: str, rows: list[Scenario | str]
) -> set[tuple[int, float]]:
    """Draw one series for each pair of ours and a peer, and return rows and ratios."""
    found: set[tuple[int, float]] = set()
    for ours, fill in ((OURS, "full"), (YIELDING, "none"), (NEVER, "none")):
        for peer in rivals(ours):
            ratios = results.ratios(backend, peer, ours)
            points = [
                (y, ratios[row])
                for y, row in enumerate(rows)
                if isinstance(row, Scenario) and 0 < ratios.get(row, 0) < math.inf
            ]
            if points:
                label = peer if ours == OURS else f"{peer} / {ours}"
                marks: dict[str, Any] = {"linestyle": "", "markersize": 5, "fillstyle": fill}
                style = STYLES[peer] | marks
                axes.plot([x for _, x in points], [y for y, _ in points], label=label, **style)
                if ours == OURS:
                    found |= set(points)
    _ring(axes, [(ratio, y) for y, ratio in found if ratio < 1])
    return found


def _ring(axes: Axes, points: Iterable[tuple[float, float]]) -> None:
    """Mark where we are behind."""
    if found := list(points):
        axes.plot([x for x, _ in found], [y for _, y in found], zorder=4, **RING)


def _mark_equality(axes: Axes, low: float, high: float) -> None:
    axes.set_xscale("log")
    axes.axvspan(low, 1, color=BEHIND, zorder=0)
    axes.axvline(1, color="black", linewidth=1.8)
    axes.set_xlim(low, high)
    _plain_numbers(axes.xaxis)
    axes.grid(linewidth=0.4)
    axes.set_xlabel(
        "\N{LEFTWARDS ARROW} anycast costs more | anycast costs less \N{RIGHTWARDS ARROW}"
    )


def _plain_numbers(axis: Axis) -> None:
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def _label_rows(axes: Axes, rows: list[Scenario | str], lost: set[int]) -> None:
    labels = [_row_label(row) for row in rows]
    axes.set_yticks(range(len(rows)), labels)
    for y, text in enumerate(axes.get_yticklabels()):
        if isinstance(rows[y], str):
            text.set_fontweight("bold")
        if y in lost:
            text.set_color(RED)
    axes.set_ylim(len(rows) - 0.5, -0.5)


def _row_label(row: Scenario | str) -> str:
    if isinstance(row, str):
        return row
    return row.name.removeprefix(f"{row.work}, ").replace("inf", "\N{INFINITY}")


def draw_lines(
    results: Results, path: Path, title: str, works: frozenset[Work], x: Callable[[Scenario], int]
) -> None:
    """Draw cost against a number: a row for each kind of work, a column for each backend."""
    rows = {work: [s for s in results.scenarios if s.work is work] for work in Work}
    rows = {work: scenarios for work, scenarios in rows.items() if work in works and scenarios}
    if not rows:
        return
    count = len(results.backends)
    figure = Figure(figsize=(1 + 3.8 * count, 1.8 + 2.6 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), count, sharex="row", sharey="row", squeeze=False)
    for panels, (work, scenarios) in zip(grid, rows.items(), strict=True):
        for axes, backend in zip(panels, results.backends, strict=True):
            _line_panel(axes, results, backend, {x(s): s for s in scenarios})
            axes.set_xlabel(str(work))
        panels[0].set_ylabel("\N{MICRO SIGN}s per message")
    for axes, backend in zip(grid[0], results.backends, strict=True):
        axes.set_title(backend, fontweight="bold")
    _finish(figure, results, title, path)


def _line_panel(axes: Axes, results: Results, backend: str, at: dict[int, Scenario]) -> None:
    for name in results.contenders(backend):
        medians = {x: results.medians(backend, s).get(name, math.inf) for x, s in at.items()}
        if min(medians.values()) < math.inf:
            costs = [median / 1000 for median in medians.values()]
            axes.plot(list(medians), costs, markersize=5, label=name, **STYLES[name])
    _ring(axes, [(x, n / 1000) for x, s in at.items() for n in _behind(results, backend, s)])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(list(at), [f"{x:,}" for x in at])
    axes.xaxis.set_minor_locator(NullLocator())
    _plain_numbers(axes.yaxis)
    axes.grid(linewidth=0.4)


def _behind(results: Results, backend: str, scenario: Scenario) -> list[float]:
    """Return our median if a peer's is less."""
    medians = results.medians(backend, scenario)
    ours = medians.get(OURS, math.inf)
    best = min((medians[peer] for peer in rivals(OURS) if peer in medians), default=math.inf)
    return [ours] if best < ours < math.inf else []


def _finish(figure: Figure, results: Results, title: str, path: Path) -> None:
    handles = {
        str(label): handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    handles.setdefault(RING["label"], Line2D([], [], **RING))
    handles[RING["label"]] = handles.pop(RING["label"])  # last
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5)
    figure.suptitle(f"{title}\n{headline(results.environment)}", fontsize=9.5)
    # White in any case: what is drawn on it must be told apart on dark pages too.
    figure.savefig(path, format="svg", metadata={"Date": None}, facecolor="white")
