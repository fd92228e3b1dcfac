"""Run the benchmarks: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.backends import BACKENDS
from benchmarks.charts import draw
from benchmarks.command_line import make_console, positive, progress, regex
from benchmarks.environment import environment, headline
from benchmarks.report import print_tables
from benchmarks.results import Results, load
from benchmarks.runner import run_all, steps
from benchmarks.scenarios import Scenario, chosen
from benchmarks.summary import print_summary
from benchmarks.targets import targets

if TYPE_CHECKING:
    from rich.console import Console

HERE = Path(__file__).parent


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="a fifth of the work and 2 repeats: not to be cited")
    add("--repeats", type=positive, help="how often each is run (default: 7, or 2 if quick)")
    add(
        "--scenario",
        type=regex,
        action="append",
        default=[],
        metavar="REGEX",
        help="only those that match",
    )
    add("--backend", action="append", choices=list(BACKENDS), help="only this one; may be repeated")
    add("--output", type=Path, metavar="DIR", help="where to write (default: benchmarks/results)")
    add("--again", type=Path, metavar="JSON", help="print and draw an earlier run; measure nothing")
    return parser.parse_args()


def measure(options: argparse.Namespace, console: Console) -> Results:
    """Run what was asked for, with a line of progress."""
    scenarios: list[Scenario] = chosen(options.scenario, quick=options.quick)
    backends: list[str] = options.backend or list(BACKENDS)
    repeats: int = options.repeats or (2 if options.quick else 7)
    found = environment(repeats=repeats, quick=options.quick)
    with progress(console, steps(scenarios, backends, repeats)) as step:
        return Results(found, run_all(scenarios, backends, repeats, step))


def main() -> None:
    """Measure or load, print, write."""
    options = arguments()
    console = make_console()
    results = load(options.again) if options.again else measure(options, console)
    if not results.measurements:
        sys.exit("no scenario matches")
    console.print(headline(results.environment))
    print_tables(results, console)
    found = targets(results)
    print_summary(results, found, console)
    output: Path = options.output or HERE / "results"
    output.mkdir(parents=True, exist_ok=True)
    if not options.again:
        results.save(output / "results.json", [target.as_json() for target in found])
    draw(results, output)
    console.print(f"written to {output}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted: nothing was written")
