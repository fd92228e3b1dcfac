"""The charts: everyday cases, all ratios, how cost grows, and what it costs to choose.

Each chart is about a single backend, so that it can be read on a phone. Where we are behind is
marked in red in each of them.
"""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.contenders import NEVER, OURS, YARDSTICK, YIELDING, rivals
from benchmarks.scenarios import CHOOSING, EVERYDAY, GROWING, SHAPED, Scenario, Work
from benchmarks.svg import INK, RED, WIDTH, save

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from benchmarks.results import Results

# Colours that colour-blind people tell apart, and marks for who sees none.
STYLES: dict[str, dict[str, Any]] = {
    OURS: {"color": INK, "marker": "*", "linewidth": 2, "zorder": 3},
    YIELDING: {"color": "#888888", "marker": "*"},
    NEVER: {"color": "#888888", "marker": "P", "linestyle": "--"},
    YARDSTICK: {"color": "#888888", "marker": "x", "linestyle": ":"},
    "asyncio.Queue": {"color": "#1F8FD0", "marker": "o"},
    "Queue, tasks anew": {"color": "#1F8FD0", "marker": "o", "linestyle": ":"},
    "anyio": {"color": "#E69F00", "marker": "s"},
    "trio": {"color": "#009E73", "marker": "^"},
    "frequenz": {"color": "#CC79A7", "marker": "D"},
    "culsans": {"color": "#56B4E9", "marker": "v"},
    "chanio": {"color": "#D55E00", "marker": "X"},
    "asyncio-channel": {"color": "#9A8F00", "marker": "p"},
}
# Whom most readers know, and the event loop on which to compare.
KNOWN = {"asyncio.Queue": "asyncio", "anyio": "asyncio", "trio": "trio", "frequenz": "asyncio"}
RING: dict[str, Any] = {
    "linestyle": "",
    "marker": "o",
    "markersize": 10,
    "fillstyle": "none",
    "color": RED,
    "label": "anycast is behind",
}


def draw(results: Results, directory: Path) -> None:
    """Draw every chart for which there are numbers."""
    everyday = {s: label for s in results.scenarios if (label := EVERYDAY.get(s.name))}
    draw_everyday(results, directory / "everyday.svg", everyday)
    for backend in results.backends:
        draw_ratios(results, directory / f"ratios-{backend}.svg", backend)
        stem, title = f"growth-{backend}.svg", "Time per message as more tasks wait"
        draw_lines(results, directory / stem, backend, title, GROWING)
        stem, title = f"select-{backend}.svg", "Time per message to choose among channels"
        draw_lines(results, directory / stem, backend, title, CHOOSING)


def draw_everyday(results: Results, path: Path, cases: dict[Scenario, str]) -> None:
    """Draw peer / ours for a few cases and the best known peers, each on its own event loop."""
    if not cases:
        return
    figure = Figure(figsize=(WIDTH, 1.9 + 0.34 * len(cases)), layout="constrained")
    axes = figure.subplots()
    found = {0.5, 8.0}  # what to show in any case
    for peer, backend in KNOWN.items():
        ratios = results.ratios(backend, peer)
        points = [(ratios[case], y) for y, case in enumerate(cases) if _at(ratios, case) > 0]
        _plot(axes, points, f"{peer}, on {backend}", STYLES[peer] | {"markersize": 7})
        _ring(axes, [(ratio, y) for ratio, y in points if ratio < 1])
        found |= {ratio for ratio, _ in points}
    _mark_equality(axes, min(found) / 1.2, max(found) * 1.2)
    axes.set_yticks(range(len(cases)), list(cases.values()))
    axes.set_ylim(len(cases) - 0.5, -0.5)
    _finish(figure, results, "Time of a peer / time of anycast, for the same work", path)


def draw_ratios(results: Results, path: Path, backend: str) -> None:
    """Draw peer / ours for each scenario that no line shows."""
    rows = _rows([s for s in results.scenarios if s.work not in GROWING | CHOOSING])
    if not rows:
        return
    figure = Figure(figsize=(WIDTH, 3 + 0.19 * len(rows)), layout="constrained")
    axes = figure.subplots()
    found = _ratio_panel(axes, results, backend, rows)
    ratios = [0.5, 8.0, *(ratio for _, ratio in found)]
    _mark_equality(axes, min(ratios) / 1.2, max(ratios) * 1.2)
    _label_rows(axes, rows, {y for y, ratio in found if ratio < 1})
    _finish(figure, results, f"Cost of a peer / cost of anycast, on {backend}", path)


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
            points = [(_at(ratios, row), y) for y, row in enumerate(rows) if _at(ratios, row) > 0]
            label = peer if ours == OURS else f"{peer} / {ours}"
            _plot(axes, points, label, STYLES[peer] | {"markersize": 5, "fillstyle": fill})
            if ours == OURS:
                found |= {(y, ratio) for ratio, y in points}
    _ring(axes, [(ratio, y) for y, ratio in found if ratio < 1])
    return found


def _at(ratios: dict[Scenario, float], row: Scenario | str) -> float:
    """Return the ratio in a row, or 0 if the row has none that can be drawn."""
    ratio = ratios.get(row, 0.0) if isinstance(row, Scenario) else 0.0
    return ratio if ratio < math.inf else 0.0


def _plot(axes: Axes, points: list[tuple[float, int]], label: str, style: dict[str, Any]) -> None:
    if points:
        marks: dict[str, Any] = style | {"linestyle": ""}
        axes.plot([x for x, _ in points], [y for _, y in points], label=label, **marks)


def _ring(axes: Axes, points: Iterable[tuple[float, float]]) -> None:
    """Mark where we are behind."""
    if found := list(points):
        axes.plot([x for x, _ in found], [y for _, y in found], zorder=4, **RING)


def _mark_equality(axes: Axes, low: float, high: float) -> None:
    axes.set_xscale("log")
    axes.axvspan(low, 1, color=RED, alpha=0.15, linewidth=0, zorder=0)
    axes.axvline(1, color=INK, linewidth=1.8)
    axes.set_xlim(low, high)
    _plain_numbers(axes.xaxis)
    axes.grid(linewidth=0.4, alpha=0.5)
    axes.set_xlabel("\N{LEFTWARDS ARROW} anycast slower | anycast faster \N{RIGHTWARDS ARROW}")


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
    results: Results, path: Path, backend: str, title: str, works: frozenset[Work]
) -> None:
    """Draw cost against a number, with a panel for each kind of work."""
    rows = {work: [s for s in results.scenarios if s.work is work] for work in Work}
    rows = {work: scenarios for work, scenarios in rows.items() if work in works and scenarios}
    if not rows:
        return
    figure = Figure(figsize=(WIDTH, 2.4 + 2.3 * len(rows)), layout="constrained")
    panels = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for axes, (work, scenarios) in zip(panels, rows.items(), strict=True):
        _line_panel(axes, results, backend, {s.size or s.arms: s for s in scenarios})
        axes.set_xlabel(str(work))
        axes.set_ylabel("\N{MICRO SIGN}s per message")
    _finish(figure, results, f"{title}, on {backend}", path)


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
    axes.grid(linewidth=0.4, alpha=0.5)


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
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=2,
        columnspacing=1,
    )
    save(figure, path, title, results.environment)
