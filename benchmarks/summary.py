"""What follows from the numbers: ratios, where we are behind, and what became of the targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from benchmarks.contenders import NEVER, OURS, YIELDING, rivals
from benchmarks.report import LOST
from benchmarks.results import mean
from benchmarks.scenarios import CHOOSING, Scenario, Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from benchmarks.results import Results
    from benchmarks.targets import Target


def print_summary(results: Results, targets: list[Target], console: Console) -> None:
    """Print all that follows."""
    console.print(_ratios(results))
    losses = _losses(results)
    console.print(losses if losses.row_count else "behind a peer nowhere")
    console.print(_targets(targets))


def _ratios(results: Results) -> Table:
    table = Table(
        title="peer / ours, geometric means: above 1 we are ahead",
        caption="growth and memory count in the worst and the lost, and not in the means",
    )
    for column in ("backend", "ours", "peer"):
        table.add_column(column)
    for column in (str(Work.STREAM), "all timed", "select, merge", "worst", "lost"):
        table.add_column(column, justify="right")
    table.add_column("worst in")
    for backend in results.backends:
        for row in _comparisons(results, backend):
            table.add_row(backend, *row)
        table.add_section()
    return table


def _comparisons(results: Results, backend: str) -> Iterator[list[str | Text]]:
    for ours in (OURS, YIELDING, NEVER):
        for peer in rivals(ours):
            ratios = results.ratios(backend, peer, ours)
            if ratios:
                yield [ours, peer, *_comparison(ratios)]


def _comparison(ratios: dict[Scenario, float]) -> list[str | Text]:
    worst = min(ratios, key=ratios.__getitem__)
    lost = sum(ratio < 1 for ratio in ratios.values())
    return [
        _ratio(mean(ratio for s, ratio in ratios.items() if s.work is Work.STREAM)),
        _ratio(mean(ratio for s, ratio in ratios.items() if s.typical)),
        _ratio(mean(ratio for s, ratio in ratios.items() if s.work in CHOOSING)),
        _ratio(ratios[worst]),
        Text(f"{lost} of {len(ratios)}", style=LOST if lost else ""),
        worst.name,
    ]


def _ratio(ratio: float | None) -> Text:
    if ratio is None:
        return Text("-", style="dim")
    return Text(f"{ratio:.2f}", style=LOST if ratio < 1 else "")


def _losses(results: Results) -> Table:
    table = Table(
        title="where we are behind: peer / ours",
        caption=f"alike: {YIELDING} or {NEVER}, which yields as often as the peer does",
    )
    for column in ("backend", "scenario", "peer"):
        table.add_column(column)
    for column in (OURS, "alike"):
        table.add_column(column, justify="right")
    for backend in results.backends:
        for peer in rivals(OURS):
            like = YIELDING if peer in rivals(YIELDING) else NEVER
            alike = results.ratios(backend, peer, like)
            for scenario, ratio in results.ratios(backend, peer).items():
                both = ratio, alike.get(scenario)
                if any(r is not None and r < 1 for r in both):
                    table.add_row(backend, scenario.name, peer, *map(_ratio, both))
        table.add_section()
    return table


def _targets(targets: list[Target]) -> Table:
    table = Table(title="targets")
    for column in ("backend", "target"):
        table.add_column(column)
    for column in ("wanted", "measured"):
        table.add_column(column, justify="right")
    table.add_column("")
    table.add_column("detail")
    for target in targets:
        sign = "<=" if target.at_most else ">="
        table.add_row(
            target.backend,
            target.text,
            f"{sign} {target.wanted:.1f}",
            f"{target.measured:.2f}",
            Text("met") if target.met else Text("missed", style=LOST),
            target.detail,
        )
    return table
