"""What a transition costs does not depend on how many tasks wait or messages are stored.

Cost is counted, not timed: the calls and lines that run, and the comparisons of waiters,
which is what a search inside a container of the standard library would make.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from anycast import Anycast
from anycast._core import Core
from explorer import HandWaiter

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from anycast._line import Line

SIZES = (10, 100, 1_000)


class Compared(HandWaiter):
    """A waiter that counts how often it is compared with another."""

    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Compared.comparisons += 1
        return self is other

    __hash__ = object.__hash__


def cost(action: Callable[[], object]) -> Counter[str]:
    """Count what an action makes the interpreter do."""
    counts = Counter[str]()

    def trace(_: FrameType, event: str, __: Any) -> Any:
        counts[event] += 1
        return trace

    Compared.comparisons = 0
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    counts["comparisons"] = Compared.comparisons
    assert counts["line"]
    return counts


def crowd(core: Core[int], line: Line, size: int) -> list[Compared]:
    """Let so many tasks wait in a line."""
    waiters = [Compared() for _ in range(size)]
    for waiter in waiters:
        core.join(line, waiter, waiter)
    return waiters


def new_core(limit: float = 0) -> Core[int]:
    """Return the core of a new channel."""
    return Core(Anycast, "crowd", limit=limit, yield_every=64, auto_close=False)


def put(core: Core[int], message: int) -> None:
    """Send as a newcomer."""
    core.put(message)


def take(core: Core[int]) -> None:
    """Receive as a newcomer."""
    core.take()


@pytest.mark.parametrize("place", [0, 5, -1], ids=["oldest", "middle", "newest"])
@pytest.mark.parametrize("end", ["receivers", "senders"])
def test_leaving_a_crowd(end: str, place: int) -> None:
    """A task leaves as cheaply from a long line as from a short one."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core()
        waiters = crowd(core, getattr(core, end), size)
        costs.append(cost(partial(core.leave, getattr(core, end), waiters[place])))
    assert costs[0] == costs[1] == costs[2]


@pytest.mark.parametrize("end", ["receivers", "senders"])
def test_joining_a_crowd(end: str) -> None:
    """A task joins a long line as cheaply as a short one."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core()
        crowd(core, getattr(core, end), size)
        one = Compared()
        costs.append(cost(partial(core.join, getattr(core, end), one, one)))
    assert costs[0] == costs[1] == costs[2]


def test_sending_to_a_crowd() -> None:
    """One receiver of many is woken, at the same cost."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core()
        crowd(core, core.receivers, size)
        costs.append(cost(partial(put, core, 1)))
    assert costs[0] == costs[1] == costs[2]


def test_receiving_from_a_crowd() -> None:
    """One sender of many is woken, at the same cost."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core(limit=1)
        put(core, 1)
        crowd(core, core.senders, size)
        costs.append(cost(partial(take, core)))
    assert costs[0] == costs[1] == costs[2]


def test_a_full_store() -> None:
    """Many stored messages make no operation dearer."""
    costs: list[tuple[Counter[str], Counter[str]]] = []
    for size in SIZES:
        core = new_core(limit=math.inf)
        for message in range(size):
            put(core, message)
        costs.append((cost(partial(put, core, 1)), cost(partial(take, core))))
    assert costs[0] == costs[1] == costs[2]


def test_closing_one_endpoint_in_a_crowd() -> None:
    """Only the tasks of that endpoint are touched."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core()
        waiters = crowd(core, core.receivers, size)
        costs.append(cost(partial(core.detach, core.receivers, waiters[3:6])))
    assert costs[0] == costs[1] == costs[2]
