"""The cost of a transition depends neither on the waiting tasks nor on the stored messages.

Cost is counted, not timed: the calls and lines that run, and the comparisons of waiters,
which is what a search inside a container of the standard library would make.
"""

from __future__ import annotations

import math
import sys
from collections import Counter, deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from anyio import WouldBlock

from anycast import Anycast, merge
from anycast._anycast.core import Batch
from explorer import ByHand, HandWaiter, Interruption, drive_by_hand, interrupt, new_core

if TYPE_CHECKING:
    from collections import OrderedDict
    from collections.abc import Callable
    from types import FrameType

    from anycast import Receiver
    from anycast._waiting.waiter import Wakeable

    WaitQueue = OrderedDict[Wakeable, int]

SIZES = (10, 100, 1_000)


class Compared(HandWaiter):
    """A waiter that counts its comparisons with other waiters."""

    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Compared.comparisons += 1
        return self is other

    __hash__ = object.__hash__


def cost(action: Callable[[], object]) -> Counter[str]:
    """Count the lines and calls that an action runs."""
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


def crowd(queue: WaitQueue, size: int) -> list[Compared]:
    """Let so many tasks wait in a queue."""
    waiters = [Compared() for _ in range(size)]
    for waiter in waiters:
        queue[waiter] = 0
    return waiters


def failing(action: Callable[[], object]) -> None:
    """Do an action that raises an Interruption."""
    with suppress(Interruption):
        action()


@pytest.mark.parametrize("place", [0, 5, -1], ids=["oldest", "middle", "newest"])
@pytest.mark.parametrize("end", ["receivers", "senders"])
def test_leaving_a_crowd(end: str, place: int) -> None:
    """A task leaves a long queue at the cost of a short queue."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core(limit=0)
        queue = getattr(core, end)
        waiters = crowd(queue, size)
        leave = partial(interrupt, core, queue, waiters[place])
        costs.append(cost(partial(failing, leave)))
    assert costs[0] == costs[1] == costs[2]


@pytest.mark.parametrize("end", ["receivers", "senders"])
def test_joining_a_crowd(end: str) -> None:
    """A task joins a long queue at the cost of a short queue."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        channel = Anycast[int](limit=0)
        core = channel._core
        core.bind(ByHand.loop)
        crowd(getattr(core, end), size)
        waits = (
            channel.new_sender().send(1) if end == "senders" else channel.new_receiver().receive()
        )
        with drive_by_hand(lambda _: 0, refuses=False):
            costs.append(cost(partial(waits.send, None)))
        waits.close()
    assert costs[0] == costs[1] == costs[2]


def test_sending_to_a_crowd() -> None:
    """A send wakes one of many receivers, at a fixed cost."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core(limit=0)
        crowd(core.receivers, size)
        costs.append(cost(partial(core.offer, 1)))
    assert costs[0] == costs[1] == costs[2]


def test_receiving_from_a_crowd() -> None:
    """A receive wakes one of many senders, at a fixed cost."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core(limit=1)
        core.offer(1)
        crowd(core.senders, size)
        costs.append(cost(core.take))
    assert costs[0] == costs[1] == costs[2]


def test_receiving_many_from_a_crowd() -> None:
    """The cost depends on the messages that are taken, and not on the waiting senders."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core(limit=1)
        core.offer(1)
        crowd(core.senders, size)
        costs.append(cost(partial(core.take_many, 5)))
    assert costs[0] == costs[1] == costs[2]


def test_receiving_from_a_crowd_of_batches() -> None:
    """A batch gives a message and goes to the end of the queue, at a fixed cost."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core(limit=0)
        for waiter in crowd(core.senders, size):
            core.senders[waiter] = Batch(deque([1, 2, 3]))
        costs.append(cost(core.take))
    assert costs[0] == costs[1] == costs[2]


def test_sources_that_are_joined_through_a_map() -> None:
    """A search without a result has the same cost for each merge in a merge."""

    def receiver(depth: int) -> Receiver[int]:
        receiver = Anycast[int]().new_receiver()
        for _ in range(depth):
            receiver = merge(receiver.map(abs), Anycast[int]().new_receiver())
        return receiver

    def look(receiver: Receiver[int]) -> None:
        with suppress(WouldBlock):
            receiver.receive_nowait()

    counts = [cost(partial(look, receiver(depth)))["line"] for depth in (6, 12)]
    assert counts[1] < 3 * counts[0]


def test_a_full_store() -> None:
    """Many stored messages make no operation dearer."""
    costs: list[tuple[Counter[str], Counter[str]]] = []
    for size in SIZES:
        core = new_core(limit=math.inf)
        for message in range(size):
            core.offer(message)
        costs.append((cost(partial(core.offer, 1)), cost(core.take)))
    assert costs[0] == costs[1] == costs[2]


def test_closing_one_endpoint_in_a_crowd() -> None:
    """A close touches only the tasks of its endpoint."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core(limit=0)
        waiters = crowd(core.receivers, size)
        costs.append(cost(partial(core.detach, core.receivers, waiters[3:6])))
    assert costs[0] == costs[1] == costs[2]
