"""Runs scenarios: contenders take turns, repeat after repeat."""

from __future__ import annotations

import gc
import logging
from itertools import count
from typing import TYPE_CHECKING

import anyio

from benchmarks.on_redis.contenders import CONTENDERS
from benchmarks.on_redis.results import Measurement
from benchmarks.on_redis.works import MEASURES, Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.on_redis.scenarios import Scenario
    from benchmarks.on_redis.server import Server
    from benchmarks.on_redis.works import Figures

PATIENCE = 30.0  # seconds until a run counts as stalled
_numbers = count()


def run_once(run: Run) -> Figures:
    """Do it on a fresh event loop, without garbage collection, and leave nothing behind."""

    async def main() -> Figures:
        with anyio.fail_after(PATIENCE):
            return await MEASURES[run.scenario.work](run)

    gc.collect()
    gc.disable()
    try:
        return anyio.run(main, backend=run.backend)
    finally:
        gc.enable()
        run.server.forget(run.queue)


def able(scenario: Scenario) -> list[Measurement]:
    """Return what is to be measured, with no value yet."""
    return [
        Measurement(scenario, contender.name, backend)
        for contender in CONTENDERS
        if scenario.work in contender.works
        for backend in contender.backends
    ]


def steps(scenarios: list[Scenario], repeats: int) -> int:
    """Return how many runs there will be."""
    return sum(scenario.turns(repeats) * len(able(scenario)) for scenario in scenarios)


def run_all(
    server: Server, scenarios: list[Scenario], repeats: int, progress: Callable[[str], None]
) -> list[Measurement]:
    """Run all scenarios; each repeat another contender goes first."""
    logging.getLogger("anycast").setLevel(logging.ERROR)
    found: list[Measurement] = []
    for scenario in scenarios:
        rows = able(scenario)
        for turn in range(scenario.turns(repeats)):
            first = turn % len(rows)
            for row in rows[first:] + rows[:first]:
                progress(f"{scenario.name}: {row.contender}, {row.backend}")
                queue = f"benchmark-{next(_numbers)}-"
                row.values.append(run_once(Run(server, scenario, row.kind, row.backend, queue)))
        found += rows
    return found
