"""The cost of an operation, counted in executed lines, at 10, 100 and 1,000 receivers."""

from __future__ import annotations

import sys
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import hubs
from anycast._waiting.waiter import NOTHING
from explorer import HandWaiter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from anycast._broadcast.hub import Hub
    from anycast._broadcast.subscription import Subscription

SIZES = (10, 100, 1_000)
STATES = ("caught up", "behind", "full", "stalled and dropping")


def cost(action: Callable[[], object]) -> int:
    """Count the lines and calls that an action runs."""
    events = 0

    def trace(_: FrameType, __: str, ___: Any) -> Any:
        nonlocal events
        events += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return events


def crowd(state: str, size: int, **options: Any) -> tuple[Hub[int], list[Subscription[int]]]:
    """Return a channel with so many receivers, all in the same state."""
    hub = hubs.new_hub(limit=4, **options)
    overflow = "drop_oldest" if state == "stalled and dropping" else "block"
    receivers = [hubs.open_receiver(hub, overflow=overflow) for _ in range(size)]
    sent = {"caught up": 3, "behind": 3, "full": 4, "stalled and dropping": 6}[state]
    for number in range(sent):
        assert hub.offer(number)
    if state in {"caught up", "behind"}:
        for one in receivers:
            one.take_many(3 if state == "caught up" else 1)
    return hub, receivers


def same_for_all(costs: list[int]) -> bool:
    """Return whether a cost does not depend on the size."""
    return costs[0] == costs[1] == costs[2]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("senders", [0, 3])
def test_a_receive(state: str, senders: int) -> None:
    """A receive costs the same for any number of receivers and of waiting tasks."""
    costs: list[int] = []
    for size in SIZES:
        hub, receivers = crowd(state, size)
        if state == "full":
            for number in range(senders):
                hub.senders[HandWaiter()] = number
        receivers[size // 2].take_lag()
        costs.append(cost(receivers[size // 2].take))
    assert same_for_all(costs)


@pytest.mark.parametrize("state", STATES)
def test_a_subscribe_a_clone_and_a_close(state: str) -> None:
    """These calls cost the same for any number of receivers."""
    costs: list[list[int]] = []
    for size in SIZES:
        hub, receivers = crowd(state, size, replay=3)
        one, options = receivers[size // 2], hub.options
        costs.append(
            [
                cost(partial(hub.subscribe, options)),
                cost(partial(hub.clone, one)),
                cost(partial(one.detach, one.receivers, [])),
            ]
        )
    assert costs[0] == costs[1] == costs[2]


@pytest.mark.parametrize("stored", [10, 100, 1_000])
def test_how_much_is_stored(stored: int) -> None:
    """No operation costs more when more messages are stored."""
    costs: list[list[int]] = []
    for size in (5, stored):
        hub = hubs.new_hub(limit=5_000, replay=3)
        one = hubs.open_receiver(hub)
        for number in range(size):
            hub.offer(number)
        hub.offer(size)
        one.peak = 5_000  # the first time that so many are unread costs more
        costs.append(
            [
                cost(partial(hub.offer, 0)),
                cost(one.take),
                cost(partial(hub.subscribe, hub.options)),
                cost(partial(hub.clone, one)),
                cost(partial(one.detach, one.receivers, [])),
            ]
        )
    assert costs[0] == costs[1]


@pytest.mark.parametrize("state", ["caught up", "behind", "stalled and dropping"])
def test_a_send(state: str) -> None:
    """A send costs a fixed amount, and a fixed amount for each receiver."""
    costs: list[int] = []
    for size in SIZES:
        hub, _ = crowd(state, size)
        costs.append(cost(partial(hub.offer, 7)))
    each = (costs[1] - costs[0]) // 90
    assert costs[2] - costs[1] == 900 * each
    assert each <= (40 if state == "stalled and dropping" else 8)


def test_a_send_that_blocks() -> None:
    """A send that blocks looks only at the first receiver that blocks."""
    costs: list[int] = []
    for size in SIZES:
        hub, _ = crowd("full", size)
        costs.append(cost(partial(hub.offer, 7)))
        assert not hub.offer(7)
    assert same_for_all(costs)


def test_receivers_that_were_full_are_forgotten_once() -> None:
    """The next sender looks at each receiver that was full, and the sender after that at none."""
    hub, receivers = crowd("full", 100)
    for one in receivers:
        assert one.take() is not NOTHING
    first = cost(hub.has_room)
    assert cost(hub.has_room) < 10 < first


def test_a_close_of_a_receiver_after_the_channel() -> None:
    """The close of a receiver looks at no other receiver, although the channel is closed."""
    costs: list[int] = []
    for size in SIZES:
        hub, receivers = crowd("behind", size)
        hub.close()
        one = receivers[size // 2]
        costs.append(cost(partial(one.detach, one.receivers, [])))
    assert same_for_all(costs)


def test_a_subscribe_reads_only_the_messages_with_which_the_receiver_starts() -> None:
    """However many messages the channel keeps."""
    read: list[int] = []

    class Counting(deque[int]):
        def __iter__(self) -> Iterator[int]:
            return reversed([*reversed(self)])

        def __reversed__(self) -> Iterator[int]:
            for message in super().__reversed__():
                read.append(message)
                yield message

    hub = hubs.new_hub(limit=3, replay=100)
    hub.replay_buffer = Counting(range(100))
    receiver = hubs.open_receiver(hub)
    assert receiver.take_many(3) == [97, 98, 99]
    assert read == [99, 98, 97]
