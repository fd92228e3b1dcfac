"""The charts: ratios at a glance, and how cost grows."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from benchmarks.contenders import OURS, YIELDING
from benchmarks.environment import headline
from benchmarks.report import rivals
from benchmarks.scenarios import GROWING, SHAPED, Scenario, Work

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.results import Results

# Colours that colour-blind people tell apart, and marks for who sees none.
STYLES: dict[str, dict[str, Any]] = {
    OURS: {"color": "black", "marker": "*"},
    YIELDING: {"color": "#888888", "marker": "*"},
    "asyncio.Queue": {"color": "#0072B2", "marker": "o"},
    "anyio": {"color": "#E69F00", "marker": "s"},
    "trio": {"color": "#009E73", "marker": "^"},
    "frequenz": {"color": "#CC79A7", "marker": "D"},
    "culsans": {"color": "#56B4E9", "marker": "v"},
}
BEHIND = "#f9dedb"

mpl.rcParams.update({"svg.hashsalt": "anycast", "font.size": 9, "axes.axisbelow": True})


def draw_ratios(results: Results, path: Path) -> None:
    """Draw peer / ours for every scenario, but how cost grows: a panel for each backend."""
    rows = _rows([s for s in results.scenarios if s.work not in GROWING])
    if not rows:
        return
    count = len(results.backends)
    figure = Figure(figsize=(2.5 + 3.8 * count, 2.2 + 0.19 * len(rows)), layout="constrained")
    panels = figure.subplots(1, count, sharex=True, sharey=True, squeeze=False)[0]
    found = [0.5, 8.0]  # what to show in any case
    for axes, backend in zip(panels, results.backends, strict=True):
        axes.set_title(backend, fontweight="bold")
        found += _panel(axes, results, backend, rows)
    for axes in panels:
        _mark_equality(axes, min(found) / 1.2, max(found) * 1.2)
    _label_rows(panels[0], rows)
    _finish(figure, results, "Cost of a peer / cost of anycast, for the same work", path)


def _rows(scenarios: list[Scenario]) -> list[Scenario | str]:
    """Return the scenarios, with a heading above each group."""
    rows: list[Scenario | str] = []
    for heading, group in groupby(scenarios, lambda s: s.work if s.work in SHAPED else "other"):
        rows += [str(heading), *group]
    return rows


def _panel(axes: Axes, results: Results, backend: str, rows: list[Scenario | str]) -> list[float]:
    """Draw one series for each pair of ours and a peer, and return their ratios."""
    found: list[float] = []
    for ours, fill in ((OURS, "full"), (YIELDING, "none")):
        for peer in rivals(ours):
            ratios = results.ratios(backend, peer, ours)
            points = [
                (ratios[row], y)
                for y, row in enumerate(rows)
                if isinstance(row, Scenario) and math.isfinite(ratios.get(row, math.inf))
            ]
            if points:
                label = f"{peer} / {ours}" if ours == YIELDING else peer
                x, y = zip(*points, strict=True)
                axes.plot(x, y, linestyle="", ms=5, fillstyle=fill, label=label, **STYLES[peer])
                found += x
    return found


def _mark_equality(axes: Axes, low: float, high: float) -> None:
    axes.set_xscale("log")
    axes.axvspan(low, 1, color=BEHIND, zorder=0)
    axes.axvline(1, color="black", linewidth=1.8)
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(linewidth=0.4)
    axes.set_xlabel(
        "\N{LEFTWARDS ARROW} anycast costs more | anycast costs less \N{RIGHTWARDS ARROW}"
    )


def _label_rows(axes: Axes, rows: list[Scenario | str]) -> None:
    labels = [_row_label(row) for row in rows]
    axes.set_yticks(range(len(rows)), labels)
    for row, text in zip(rows, axes.get_yticklabels(), strict=True):
        if isinstance(row, str):
            text.set_fontweight("bold")
    axes.set_ylim(len(rows) - 0.5, -0.5)


def _row_label(row: Scenario | str) -> str:
    if isinstance(row, str):
        return row
    return row.name.removeprefix(f"{row.work}, ").replace("inf", "\N{INFINITY}")


def draw_growth(results: Results, path: Path) -> None:
    """Draw cost against size: a row for each thing that grows, a column for each backend."""
    works = [work for work in Work if any(s.work is work for s in results.scenarios if s.size)]
    if not works:
        return
    count = len(results.backends)
    figure = Figure(figsize=(1 + 3.8 * count, 1.5 + 2.6 * len(works)), layout="constrained")
    grid = figure.subplots(len(works), count, sharex="row", sharey=True, squeeze=False)
    for panels, work in zip(grid, works, strict=True):
        for axes, backend in zip(panels, results.backends, strict=True):
            _growth_panel(axes, results, backend, work)
        panels[0].set_ylabel("ns per message")
    for axes, backend in zip(grid[0], results.backends, strict=True):
        axes.set_title(backend, fontweight="bold")
    _finish(figure, results, "Time per message as more tasks wait or more is stored", path)


def _growth_panel(axes: Axes, results: Results, backend: str, work: Work) -> None:
    scenarios = [scenario for scenario in results.scenarios if scenario.work is work]
    for name in results.contenders(backend):
        medians = [results.medians(backend, s).get(name, math.inf) for s in scenarios]
        width = 2 if name == OURS else 1
        sizes = [scenario.size for scenario in scenarios]
        axes.plot(sizes, medians, linewidth=width, markersize=5, label=name, **STYLES[name])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(str(work))
    axes.grid(linewidth=0.4)


def _finish(figure: Figure, results: Results, title: str, path: Path) -> None:
    handles = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5)
    figure.suptitle(f"{title}\n{headline(results.environment)}", fontsize=9.5)
    figure.savefig(path, format="svg", metadata={"Date": None}, facecolor="white")
