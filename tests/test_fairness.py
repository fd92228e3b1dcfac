"""That what is always ready gets an equal share of a `select` or a `merge`, however it gets there.

An operation may be performed at a glance, or after a yield that is due, or only after others
were looked at; none of these ways may be more frequented than another. The shares are of
4,000 rounds between two: one of 1,800 or less is seen once in 10^9 runs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from anycast import Anycast, Operation, Receiver, merge, select, select_nowait
from anycast._operation import Receiving
from combinations import FAILING, Foreign, OddError

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

ROUNDS = 4_000
FAIR = ROUNDS * 0.45


class Unhurried(Receiving[int]):
    """An operation that is never performed at a glance, like those of other kinds of channel."""

    def _at_once(self) -> bool:
        return super(Receiving, self)._at_once()  # as an operation by default


class UnhurriedReceiver(Foreign[int]):
    """A receiver of another kind of channel, whose operations take their time."""

    def receiving(self) -> Operation[int]:
        receiver: Receiver[int] = self._receiver
        end = receiver.receiving()
        assert isinstance(end, Receiving)
        return Unhurried(end.endpoint, end.core, end.line)


def full(number: int, *, yield_every: int = 64) -> Receiver[int]:
    """Return a receiver that has a message in each round: its number."""
    channel = Anycast[int](limit=math.inf, yield_every=yield_every)
    sender = channel.new_sender()
    for _ in range(ROUNDS):
        sender.send_nowait(number)
    return channel.new_receiver()


def empty() -> Receiver[int]:
    """Return a receiver that never has a message."""
    return Anycast[int]().new_receiver()


PAIRS: dict[str, Callable[[], tuple[Receiver[int], Receiver[int]]]] = {
    "alike": lambda: (full(0), full(1)),
    "both must yield": lambda: (full(0, yield_every=1), full(1, yield_every=1)),
    "one must yield": lambda: (full(0, yield_every=1), full(1)),
    "one of another kind": lambda: (full(0), UnhurriedReceiver(full(1))),
    "one of another kind, which must yield": lambda: (
        full(0),
        UnhurriedReceiver(full(1, yield_every=1)),
    ),
    "one merged with what is empty": lambda: (merge(empty(), full(0)), full(1)),
    "one merged with what is empty, and must yield": lambda: (
        merge(empty(), full(0, yield_every=1)),
        full(1),
    ),
    "both mapped": lambda: (full(0, yield_every=1).map(int), full(1).map(int)),
}
pairs = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)


@pairs
async def test_a_select(pair: Callable[[], tuple[Receiver[int], Receiver[int]]]) -> None:
    """Each happens as often as the other."""
    operations = [receiver.receiving() for receiver in pair()]
    ones = sum([(await select(*operations)).result() for _ in range(ROUNDS)])
    assert FAIR < ones < ROUNDS - FAIR


@pairs
async def test_a_merge(pair: Callable[[], tuple[Receiver[int], Receiver[int]]]) -> None:
    """Each is received from as often as the other."""
    receiver = merge(*pair())
    ones = sum([await receiver.receive() for _ in range(ROUNDS)])
    assert FAIR < ones < ROUNDS - FAIR


@pairs
async def test_a_merge_beside_what_is_empty(
    pair: Callable[[], tuple[Receiver[int], Receiver[int]]],
) -> None:
    """Its share goes to both alike, in a select in order too."""
    operation = merge(empty(), *pair()).receiving()
    ones = sum([(await select(operation, in_order=True)).result() for _ in range(ROUNDS)])
    assert FAIR < ones < ROUNDS - FAIR


@pairs
def test_without_waiting(pair: Callable[[], tuple[Receiver[int], Receiver[int]]]) -> None:
    """It is the same where nothing may yield."""
    operations = [receiver.receiving() for receiver in pair()]
    ones = sum([select_nowait(*operations).result() for _ in range(ROUNDS)])
    assert FAIR < ones < ROUNDS - FAIR
    receiver = merge(*pair())
    ones = sum([receiver.receive_nowait() for _ in range(ROUNDS)])
    assert FAIR < ones < ROUNDS - FAIR


@pytest.mark.parametrize("combinator", FAILING.values(), ids=list(FAILING))
async def test_a_merge_with_one_that_always_fails(
    combinator: Callable[[Receiver[int]], Receiver[int]],
) -> None:
    """A message that a function cannot take is a turn like any other."""
    receiver, failed = merge(combinator(full(1)), full(0)), 0
    for _ in range(ROUNDS):
        try:
            await receiver.receive()
        except OddError:
            failed += 1
    assert FAIR < failed < ROUNDS - FAIR


async def test_a_merge_with_one_that_turns_all_away() -> None:
    """It keeps nobody from the others."""
    receiver = merge(full(0).filter(bool), full(1))
    assert sum([await receiver.receive() for _ in range(ROUNDS // 4)]) == ROUNDS // 4
