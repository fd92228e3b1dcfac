"""What a transition costs does not depend on how many tasks wait or messages are stored.

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


def crowd(queue: WaitQueue, size: int) -> list[Compared]:
    """Let so many tasks wait in a queue."""
    waiters = [Compared() for _ in range(size)]
    for waiter in waiters:
        queue[waiter] = 0
    return waiters


def failing(action: Callable[[], object]) -> None:
    """Do what raises a Interruption."""
    with suppress(Interruption):
        action()


@pytest.mark.parametrize("place", [0, 5, -1], ids=["oldest", "middle", "newest"])
@pytest.mark.parametrize("end", ["receivers", "senders"])
def test_leaving_a_crowd(end: str, place: int) -> None:
    """A task leaves as cheaply from a long queue as from a short one."""
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
    """A task joins a long queue as cheaply as a short one."""
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
    """One receiver of many is woken, at the same cost."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core(limit=0)
        crowd(core.receivers, size)
        costs.append(cost(partial(core.offer, 1)))
    assert costs[0] == costs[1] == costs[2]


def test_receiving_from_a_crowd() -> None:
    """One sender of many is woken, at the same cost."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core(limit=1)
        core.offer(1)
        crowd(core.senders, size)
        costs.append(cost(core.take))
    assert costs[0] == costs[1] == costs[2]


def test_receiving_many_from_a_crowd() -> None:
    """As many senders are woken as messages are taken, however many more wait."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core(limit=1)
        core.offer(1)
        crowd(core.senders, size)
        costs.append(cost(partial(core.take_many, 5)))
    assert costs[0] == costs[1] == costs[2]


def test_receiving_from_a_crowd_of_batches() -> None:
    """One batch of many gives a message and goes to the end of the queue, at the same cost."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core(limit=0)
        for waiter in crowd(core.senders, size):
            core.senders[waiter] = Batch(deque([1, 2, 3]))
        costs.append(cost(core.take))
    assert costs[0] == costs[1] == costs[2]


def test_sources_that_are_joined_through_a_map() -> None:
    """To find that no source has a message costs as much for each merge in a merge."""

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
    """Only the tasks of that endpoint are touched."""
    costs: list[Counter[str]] = []
    for size in SIZES:
        core = new_core(limit=0)
        waiters = crowd(core.receivers, size)
        costs.append(cost(partial(core.detach, core.receivers, waiters[3:6])))
    assert costs[0] == costs[1] == costs[2]
