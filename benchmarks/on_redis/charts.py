"""The charts, one panel above the other, so that they can be read on a phone.

They have no background of their own and draw text in the colour of the page that they are
put into. An image that is shown on its own follows the reader's system, light or dark.
"""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from benchmarks.environment import headline
from benchmarks.on_redis.contenders import BY_NAME, OURS
from benchmarks.on_redis.scenarios import Work
from benchmarks.on_redis.works import MEDIAN, RATE, TAIL

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.on_redis.results import Results

INK = "#010203"  # no other thing has it: it stands for the page's own colour of text
STYLE = (
    "<style>svg:root{color:#222;background:#fff}@media(prefers-color-scheme:dark)"
    "{svg:root{color:#ddd;background:#1e1e1e}}</style>"
)
# Colours that colour-blind people tell apart, on light and on dark.
COLOURS = dict(zip(BY_NAME, (INK, "#D55E00", "#E69F00", "#1F8FD0", "#56B4E9"), strict=True))
MARKS = dict(zip(BY_NAME, "*osD^", strict=True))
WIDTH = 4.6  # inches
PANEL = 2.2
BAR = 0.24
LINE = 60  # characters

mpl.rcParams.update(
    {
        "svg.hashsalt": "anycast",
        "font.size": 9,
        "axes.axisbelow": True,
        "legend.framealpha": 0,
        **dict.fromkeys(
            ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor"), INK
        ),
        **dict.fromkeys(("xtick.color", "ytick.color", "legend.labelcolor"), INK),
    }
)


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
    figure = Figure(figsize=(WIDTH, PANEL * len(works) + 2), layout="constrained")
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
        ncols=2,
        fontsize=7,
        columnspacing=1,
    )
    _finish(figure, results, title, path)


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
    _finish(figure, results, "One message at a time on Redis", path)


def _finish(figure: Figure, results: Results, title: str, path: Path) -> None:
    facts = f"{headline(results.environment)}, {results.environment['server']}".split(", ")
    figure.suptitle(f"{title}\n{_wrapped(facts)}", fontsize=8)
    for axes in figure.axes:
        axes.set_facecolor("none")
    drawn = StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None}, facecolor="none")
    path.write_text(_for_any_page(drawn.getvalue(), title), encoding="utf-8")


def _wrapped(facts: list[str]) -> str:
    lines = [""]
    for fact in facts:
        if len(lines[-1]) + len(fact) > LINE:
            lines.append("")
        lines[-1] += fact + ", "
    return "\n".join(lines).removesuffix(", ")


def _for_any_page(svg: str, title: str) -> str:
    """Return a chart that can stand in a page, or alone."""
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(
        r'^<svg .*?viewBox="(\S+ \S+ \S+ \S+)".*?>', _head(title), svg, count=1, flags=re.DOTALL
    )
    # Where several charts stand in one page, their names must not be each other's.
    prefix = "".join(word[0] for word in title.lower().split())
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{prefix}-", svg)
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


def _head(title: str) -> str:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return rf'<svg {names} viewBox="\1" role="img" class="chart" aria-label="{title}">{STYLE}'
