"""Runs scenarios: contenders take turns, repeat after repeat."""

from __future__ import annotations

import gc
import logging
import warnings
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.backends import BACKENDS
from benchmarks.contenders import CONTENDERS
from benchmarks.results import Measurement
from benchmarks.works import MEASURES

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from benchmarks.contenders import Contender
    from benchmarks.scenarios import Scenario


@contextmanager
def quiet() -> Generator[None]:
    """Let no contender's time depend on what it logs or warns of, or on the garbage of others."""
    loggers = {logger: logger.level for logger in map(logging.getLogger, ("anycast", "frequenz"))}
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    gc.freeze()  # what is there now is not worth looking at before each run
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # frequenz warns that its channel is deprecated
        yield
    gc.unfreeze()
    for logger, level in loggers.items():
        logger.setLevel(level)


def run_once(contender: type[Contender[Any, Any]], scenario: Scenario, backend: str) -> float:
    """Run a scenario once, on a fresh event loop, without garbage collection."""
    measure = partial(MEASURES[scenario.work], contender, scenario)
    gc.collect()
    gc.disable()
    try:
        return BACKENDS[backend](measure)
    finally:
        gc.enable()


def warm_up(scenarios: list[Scenario], backend: str) -> None:
    """Let each contender do once what it does the first time: imports, caches."""
    for contender in CONTENDERS:
        able = [s for s in scenarios if contender.can(s, backend)]
        for scenario in able[:1]:
            with suppress(TimeoutError):
                run_once(contender, scenario, backend)


def run_scenario(
    scenario: Scenario, backend: str, repeats: int, progress: Callable[[str], None]
) -> list[Measurement]:
    """Run all who can, in turns; each repeat another one goes first."""
    able = [contender for contender in CONTENDERS if contender.can(scenario, backend)]
    found = {c: Measurement(backend, scenario, c.name) for c in able}
    stalled: set[type[Contender[Any, Any]]] = set()
    for turn in range(scenario.turns(repeats)):
        first = turn % len(able)
        for contender in able[first:] + able[:first]:
            progress(f"{backend}: {scenario.name}: {contender.name}")
            if contender in stalled:
                continue
            try:
                found[contender].values.append(run_once(contender, scenario, backend))
            except TimeoutError:
                stalled.add(contender)
                found[contender].values.clear()
    return list(found.values())


def steps(scenarios: list[Scenario], backends: list[str], repeats: int) -> int:
    """Return how many runs there will be."""
    return sum(
        scenario.turns(repeats) * contender.can(scenario, backend)
        for scenario in scenarios
        for backend in backends
        for contender in CONTENDERS
    )


def run_all(
    scenarios: list[Scenario], backends: list[str], repeats: int, progress: Callable[[str], None]
) -> list[Measurement]:
    """Run every scenario on every backend."""
    found: list[Measurement] = []
    with quiet():
        for backend in backends:
            warm_up(scenarios, backend)
            for scenario in scenarios:
                found += run_scenario(scenario, backend, repeats, progress)
    return found
