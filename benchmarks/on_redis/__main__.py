"""Run the benchmarks on Redis: ``python -m benchmarks.on_redis --help``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.command_line import make_console, positive, progress, regex
from benchmarks.environment import environment, headline
from benchmarks.on_redis.charts import draw
from benchmarks.on_redis.report import print_report
from benchmarks.on_redis.results import Results, load
from benchmarks.on_redis.runner import run_all, steps
from benchmarks.on_redis.scenarios import chosen
from benchmarks.on_redis.server import serving

if TYPE_CHECKING:
    from rich.console import Console

RESULTS = Path(__file__).parent.parent / "results"
PACKAGES = ("anycast", "anyio", "coredis", "redis", "trio")


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.on_redis", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="a fifth of the work, once: not to be cited")
    add("--repeats", type=positive, help="how often each is run (default: 3, or 1 if quick)")
    add("--scenario", type=regex, action="append", default=[], metavar="REGEX")
    add("--server", default="valkey", metavar="valkey|redis|URL", help="default: valkey")
    add("--output", type=Path, default=RESULTS, metavar="DIR", help="where to write")
    add("--again", type=Path, metavar="JSON", help="print and draw an earlier run")
    return parser.parse_args()


def measure(options: argparse.Namespace, console: Console) -> Results:
    """Run what was asked for, with a line of progress."""
    scenarios = chosen(options.scenario, quick=options.quick)
    repeats: int = options.repeats or (1 if options.quick else 3)
    found = environment(repeats=repeats, quick=options.quick, packages=PACKAGES)
    with (
        serving(options.server) as server,
        progress(console, steps(scenarios, repeats)) as step,
    ):
        found["server"] = server.what
        return Results(found, run_all(server, scenarios, repeats, step))


def main() -> None:
    """Measure or load, print, write."""
    options = arguments()
    console = make_console()
    results = load(options.again) if options.again else measure(options, console)
    if not results.measurements:
        sys.exit("no scenario matches")
    console.print(f"{headline(results.environment)}, {results.environment['server']}")
    print_report(results, console)
    options.output.mkdir(parents=True, exist_ok=True)
    if not options.again:
        results.save(options.output / "redis.json")
    draw(results, options.output)
    console.print(f"written to {options.output}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted: nothing was written")
