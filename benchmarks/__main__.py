"""Run the benchmarks: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.backends import BACKENDS
from benchmarks.charts import draw
from benchmarks.environment import environment, headline
from benchmarks.report import print_tables
from benchmarks.results import Results, load
from benchmarks.runner import run_all, steps
from benchmarks.scenarios import Scenario, chosen
from benchmarks.summary import print_summary
from benchmarks.targets import targets

HERE = Path(__file__).parent
WIDTH = 170  # where there is no terminal
STRIDE = 100  # there, one line of progress for so many runs


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


def positive(text: str) -> int:
    """Return a number of at least 1."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be >= 1, not {text}")
    return int(text)


def regex(text: str) -> re.Pattern[str]:
    """Return a compiled regular expression."""
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"must be a regular expression: {error}") from None


def measure(options: argparse.Namespace, console: Console) -> Results:
    """Run what was asked for, with a line of progress."""
    scenarios: list[Scenario] = chosen(options.scenario, quick=options.quick)
    backends: list[str] = options.backend or list(BACKENDS)
    repeats: int = options.repeats or (2 if options.quick else 7)
    found = environment(repeats=repeats, quick=options.quick)
    # Drawn between the runs and by no thread, so that it takes no time from them.
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, auto_refresh=False) as bar:
        task = bar.add_task("", total=steps(scenarios, backends, repeats))

        def progress(what: str) -> None:
            if not console.is_terminal and bar.tasks[task].completed % STRIDE == 0:
                console.print(what)
            bar.update(task, description=what, advance=1, refresh=True)

        return Results(found, run_all(scenarios, backends, repeats, progress))


def main() -> None:
    """Measure or load, print, write."""
    options = arguments()
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
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
