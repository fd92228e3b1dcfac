"""Every interleaving of small programs, with a fault injected at every step.

Each family is shared out among processes: the search is long, and needs no event loop.
"""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import combinations_with_replacement
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from broadcast_programs import BroadcastProgram
from explorer import Faults, Kind, explore
from programs import Program, Setup
from select_programs import SELECTS, SelectProgram

if TYPE_CHECKING:
    from collections.abc import Iterator


class Family(NamedTuple):
    """Programs with a maximum number of tasks, each of which is one of ``tasks``."""

    tasks: tuple[str, ...]
    schedules: int
    most: int = 3
    setup: Setup = Setup()
    faults: Faults = Faults()
    kind: Kind = Program
    limits: tuple[float, ...] = (0, 1, 2, math.inf)


STRIDE = 16  # without the option --all-programs, every 16th program is explored
SIMPLE = ("s", "ss", "r", "rr")
BROADCASTS = (*"smvrdblfexncj",)
EVERY_OPERATION = ("s", "m", "r", "b", "l", "f")
FAMILIES = {
    "three operations": Family((*SIMPLE, "sss", "rrr"), 67_550),
    "every operation": Family(EVERY_OPERATION, 75_357),
    "every operation, and cancelled tasks refuse": Family(
        EVERY_OPERATION, 75_005, faults=Faults(refuses=True)
    ),
    "always yielding": Family(("s", "r", "b", "f"), 481_278, setup=Setup(yield_every=1)),
    "two faults": Family(("s", "r"), 52_358, faults=Faults(2)),
    "senders that receive": Family(("sr", "rs", "s", "r"), 20_838),
    "longer scripts": Family(("mr", "lb", "sf", "bs"), 80_358),
    "four tasks": Family(("s", "r"), 43_602, most=4),
    "two faults in every operation": Family(EVERY_OPERATION, 24_784, most=2, faults=Faults(2)),
    "two endpoints on either side": Family(EVERY_OPERATION, 98_589, setup=Setup(ends=2)),
    "closing with the last endpoint": Family(
        ("s", "r"), 89_284, setup=Setup(ends=2, auto_close=True), faults=Faults(2)
    ),
    "selects over two channels": Family(
        (*SELECTS, "s", "r"), 109_649, kind=SelectProgram, limits=(0, 1)
    ),
    "selects over two channels, and cancelled tasks refuse": Family(
        (*SELECTS, "s", "r"), 78_139, most=2, faults=Faults(2, refuses=True), kind=SelectProgram
    ),
    "selects that always yield": Family(
        (*SELECTS, "s", "r"), 37_796, most=2, setup=Setup(yield_every=1), kind=SelectProgram
    ),
    "merges of two channels": Family(
        ("m", "s", "w", "z", "x"), 40_850, kind=SelectProgram, limits=(0, 1)
    ),
    "two faults in merges of two channels": Family(
        ("m", "mm", "s", "w", "x", "r"),
        34_369,
        most=2,
        faults=Faults(2),
        kind=SelectProgram,
        limits=(0, 1),
    ),
    "merges that always yield": Family(
        ("m", "s"), 250_366, setup=Setup(yield_every=1), kind=SelectProgram, limits=(0,)
    ),
    "merges of merges": Family(
        ("n", "m", "s", "w", "x"), 67_843, most=2, kind=SelectProgram, limits=(0, 1)
    ),
    "merges of merges that are destroyed": Family(
        ("n", "s", "x"),
        32_498,
        most=2,
        faults=Faults(destroys=True),
        kind=SelectProgram,
        limits=(1,),
    ),
    "joins": Family(("j", "s", "r", "l"), 19_324),
    "joins, and leases that fail": Family(
        ("j", "sj", "f", "m", "b"), 34_278, most=2, faults=Faults(2, destroys=True)
    ),
    "joins, and cancelled tasks refuse": Family(
        ("j", "s", "f"), 11_048, faults=Faults(refuses=True)
    ),
    "batches that wait": Family(("w", "s", "m", "r"), 19_204),
    "two faults in batches that wait": Family(
        ("w", "ws", "m", "f", "j"), 21_359, most=2, faults=Faults(2, destroys=True)
    ),
    "three operations, and cancelled tasks refuse": Family(
        (*SIMPLE, "sss", "rrr"), 67_156, faults=Faults(refuses=True)
    ),
    "tasks that are destroyed": Family(EVERY_OPERATION, 88_126, faults=Faults(destroys=True)),
    "two faults, and tasks that are destroyed": Family(
        EVERY_OPERATION, 32_031, most=2, faults=Faults(2, destroys=True)
    ),
    "selects and merges that are destroyed": Family(
        (*SELECTS, "m", "s", "r"),
        138_212,
        most=2,
        faults=Faults(2, destroys=True),
        kind=SelectProgram,
    ),
    "broadcasts": Family((*"smrdb",), 17_997, kind=BroadcastProgram, limits=(1, 2)),
    "every operation of a broadcast, and cancelled tasks refuse": Family(
        BROADCASTS,
        6_320,
        most=2,
        faults=Faults(refuses=True),
        kind=BroadcastProgram,
        limits=(1, 2),
    ),
    "two faults in every operation of a broadcast": Family(
        BROADCASTS,
        86_783,
        most=2,
        faults=Faults(2, destroys=True),
        kind=BroadcastProgram,
        limits=(1, 2),
    ),
    "broadcasts with late receivers and clones": Family(
        (*"smdnc",), 17_837, kind=BroadcastProgram, limits=(1, 2)
    ),
    "broadcasts with joins, and leases that fail": Family(
        (*"jmfer",), 18_898, faults=Faults(destroys=True), kind=BroadcastProgram, limits=(1,)
    ),
    "broadcasts that always yield": Family(
        (*"srd",), 56_951, setup=Setup(yield_every=1), kind=BroadcastProgram, limits=(1,)
    ),
    "broadcasts that close with the last endpoint": Family(
        (*"srdn",),
        106_192,
        setup=Setup(auto_close=True),
        faults=Faults(2),
        kind=BroadcastProgram,
        limits=(1,),
    ),
}


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Give a process to each core of the machine."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        yield pool
        pool.shutdown(cancel_futures=True)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_every_schedule_keeps_every_promise(
    family: Family, pool: ProcessPoolExecutor, pytestconfig: pytest.Config
) -> None:
    """Whatever the order of events, the explorer finds nothing wrong after any step."""
    programs = [
        (scripts, family.setup._replace(limit=limit))
        for size in range(1, family.most + 1)
        for scripts in combinations_with_replacement(family.tasks, size)
        for limit in family.limits
    ]
    run = partial(explore, kind=family.kind, faults=family.faults)
    if pytestconfig.getoption("--all-programs"):
        assert sum(pool.map(run, *zip(*programs, strict=True))) == family.schedules
    else:
        some = programs[::STRIDE]
        assert sum(pool.map(run, *zip(*some, strict=True))) >= len(some)


def test_the_readme_tells_how_many_schedules() -> None:
    """The number there is the sum of the numbers here."""
    readme = Path(__file__).parents[2] / "README.md"
    total = sum(family.schedules for family in FAMILIES.values())
    assert f"{total:,} schedules" in readme.read_text(encoding="utf-8")


@pytest.mark.parametrize("limit", [0, 1, 2])
@pytest.mark.parametrize(("yield_every", "refuses"), [(1, False), (64, False), (64, True)])
def test_short_schedules_keep_every_promise(limit: float, yield_every: int, refuses: bool) -> None:
    """A few programs, quick to run, which meet every transition of the core."""
    for scripts in (
        ("ss", "r", "r"),
        ("s", "s", "rr"),
        ("m", "l"),
        ("m", "f", "r"),
        ("ss", "b"),
        ("w", "m", "r"),
        ("j", "m", "l"),
    ):
        assert explore(scripts, Setup(limit, yield_every), faults=Faults(refuses=refuses)) > 1


@pytest.mark.parametrize(("yield_every", "refuses"), [(1, False), (64, False), (64, True)])
def test_short_schedules_of_a_broadcast_keep_every_promise(yield_every: int, refuses: bool) -> None:
    """A few programs that reach every transition of the hub and of its receivers."""
    for scripts in (
        *(("m", one) for one in BROADCASTS),
        ("m", "r", "d"),
        ("m", "b", "e"),
        ("s", "v", "x"),
        ("m", "n", "c"),
        ("j", "m", "l"),
    ):
        setup = Setup(1, yield_every)
        assert explore(scripts, setup, kind=BroadcastProgram, faults=Faults(refuses=refuses)) > 1
    for one in BROADCASTS:
        setup, faults = Setup(1, yield_every), Faults(refuses=refuses, destroys=True)
        assert explore(("m", one), setup, kind=BroadcastProgram, faults=faults) > 1


@pytest.mark.parametrize("limit", [0, 1])
def test_two_tasks_on_each_side_keep_every_promise(limit: float) -> None:
    """Four tasks, so that each queue can hold two."""
    for scripts in (("s", "s", "r", "r"), ("m", "s", "r", "r")):
        assert explore(scripts, Setup(limit)) > 1


@pytest.mark.parametrize("scripts", [("s", "s", "r"), ("r", "r", "s")])
def test_clones_that_are_closed_keep_every_promise(scripts: tuple[str, ...]) -> None:
    """Two endpoints on one side, which may both be closed, and the channel, too."""
    assert explore(scripts, Setup(1, ends=2, auto_close=True), faults=Faults(2)) > 1


@pytest.mark.parametrize(("limit", "refuses"), [(0, False), (1, True)])
def test_two_selects_keep_every_promise(limit: float, refuses: bool) -> None:
    """Two selects or merges meet in two channels, with any operations."""
    for scripts in combinations_with_replacement((*SELECTS, "s", "r", "m"), 2):
        assert (
            explore(scripts, Setup(limit), kind=SelectProgram, faults=Faults(refuses=refuses)) > 1
        )


@pytest.mark.parametrize("limit", [0, 1])
def test_a_merge_of_merges_keeps_every_promise(limit: float) -> None:
    """A merge of merges meets a sender, a select, and a merge that is a part of the merge."""
    for scripts in (("n", "s"), ("n", "w"), ("n", "m")):
        assert explore(scripts, Setup(limit), kind=SelectProgram) > 1


@pytest.mark.parametrize("scripts", [("v", "s", "r"), ("v", "v", "v"), ("x", "x", "v")])
def test_selects_that_send_and_receive_keep_every_promise(scripts: tuple[str, ...]) -> None:
    """A select meets other selects, and never itself."""
    assert explore(scripts, Setup(0), kind=SelectProgram) > 1


@pytest.mark.parametrize("limit", [0, 1])
def test_tasks_that_are_destroyed_keep_every_promise(limit: float) -> None:
    """The message of a destroyed task goes to the next receiver."""
    for scripts in (("s", "r", "r"), ("m", "l"), ("f", "s"), ("b", "m"), ("w", "s"), ("j", "m")):
        assert explore(scripts, Setup(limit), faults=Faults(destroys=True)) > 1
    for scripts in (("m", "s", "r"), ("x", "v")):
        assert explore(scripts, Setup(limit), kind=SelectProgram, faults=Faults(destroys=True)) > 1
