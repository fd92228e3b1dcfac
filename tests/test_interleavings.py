"""Every interleaving of small programs, with a fault injected at every step."""

from __future__ import annotations

import math
from itertools import combinations_with_replacement
from pathlib import Path
from typing import NamedTuple

import pytest

from explorer import drive_by_hand, explore


class Family(NamedTuple):
    """Programs of one to three tasks, each of which is one of ``tasks``."""

    tasks: tuple[str, ...]
    schedules: int
    yield_every: int = 64
    injections: int = 1
    refuses: bool = False


SIMPLE = ("s", "ss", "r", "rr")
EVERY_OPERATION = ("s", "m", "r", "b", "l", "f")
FAMILIES = {
    "three operations": Family((*SIMPLE, "sss", "rrr"), 91_804),
    "every operation": Family(EVERY_OPERATION, 83_306),
    "every operation, and cancelled tasks refuse": Family(EVERY_OPERATION, 83_774, refuses=True),
    "always yielding": Family(("s", "r", "b", "f"), 54_080, yield_every=1),
    "two faults": Family(("s", "r"), 57_822, injections=2),
    "senders that receive": Family(("sr", "rs", "s", "r"), 23_025),
}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_every_schedule_keeps_every_promise(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the order of events, the explorer finds nothing wrong after any step."""
    drive_by_hand(monkeypatch, refuses=family.refuses)
    assert family.schedules == sum(
        explore(
            programs,
            limit=limit,
            yield_every=family.yield_every,
            injections=family.injections,
        )
        for size in (1, 2, 3)
        for programs in combinations_with_replacement(family.tasks, size)
        for limit in (0, 1, 2, math.inf)
    )


def test_the_readme_tells_how_many_schedules() -> None:
    """The number there is the sum of the numbers here."""
    readme = Path(__file__).parent.parent / "README.md"
    total = sum(family.schedules for family in FAMILIES.values())
    assert f"{total:,} schedules" in readme.read_text(encoding="utf-8")


@pytest.mark.parametrize("limit", [0, 1, 2, math.inf])
@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("yield_every", [1, 64])
def test_short_schedules_keep_every_promise(
    limit: float, refuses: bool, yield_every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few programs, quick to run, which meet every transition of the core."""
    drive_by_hand(monkeypatch, refuses=refuses)
    for programs in (
        ("ss", "r", "r"),
        ("s", "s", "rr"),
        ("m", "l"),
        ("m", "f", "r"),
        ("ss", "b"),
    ):
        assert explore(programs, limit=limit, yield_every=yield_every) > 1


@pytest.mark.parametrize("limit", [0, 1])
def test_two_promises_on_each_side_keep_every_promise(
    limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four tasks, so that one of two promises can be taken back."""
    drive_by_hand(monkeypatch, refuses=False)
    assert explore(("s", "s", "r", "r"), limit=limit, yield_every=64) > 1
