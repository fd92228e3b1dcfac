"""Run the benchmarks of the broadcast channel: ``python -m benchmarks.on_broadcast --help``."""

from __future__ import annotations

import argparse
import logging
from statistics import median

import anyio
from rich.console import Console
from rich.table import Table

from benchmarks.backends import BACKENDS
from benchmarks.on_broadcast.contenders import CONTENDERS, Contender
from benchmarks.on_broadcast.works import WORKS, takes_part

SIZES = (1, 10, 100, 1_000)
DELIVERIES = 100_000  # in a run: messages, times receivers


def measure(
    kind: type[Contender], work: str, receivers: int, backend: str, deliveries: int
) -> float:
    """Return the nanoseconds of a run, for each message and receiver."""
    messages = max(deliveries // receivers, 20)
    name, options = ("asyncio", {"use_uvloop": True}) if backend == "uvloop" else (backend, {})
    elapsed: float = anyio.run(
        WORKS[work], kind, receivers, messages, backend=name, backend_options=options
    )
    return elapsed / messages / receivers


def table(backend: str, repeats: int, deliveries: int) -> Table:
    """Measure everything on one event loop, the contenders in turns."""
    kinds = [kind for kind in CONTENDERS if backend in kind.backends]
    shown = Table("ns per message and receiver", *(kind.name for kind in kinds), title=backend)
    for work in WORKS:
        for receivers in SIZES:
            found: dict[str, list[float]] = {kind.name: [] for kind in kinds}
            for _ in range(repeats):
                for kind in kinds:
                    if takes_part(kind, work, backend):
                        taken = measure(kind, work, receivers, backend, deliveries)
                        found[kind.name].append(taken)
            row = [f"{median(times):,.0f}" if times else "-" for times in found.values()]
            shown.add_row(f"{work}, {receivers:,}", *row)
        shown.add_section()
    return shown


def main() -> None:
    """Measure, and print a table for each event loop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, once")
    parser.add_argument("--backend", action="append", choices=list(BACKENDS))
    options = parser.parse_args()
    console = Console()
    logging.disable(logging.WARNING)  # a contender logs each message that a receiver loses
    for backend in options.backend or BACKENDS:
        quick: bool = options.quick
        console.print(table(backend, 1 if quick else 5, DELIVERIES // (10 if quick else 1)))


if __name__ == "__main__":
    main()
