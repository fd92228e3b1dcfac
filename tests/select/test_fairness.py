"""An operation that is always ready gets an equal share of a `select` or a `merge`.

`select` has several ways to an operation: the fast path, the search after a due yield, and the
search after other operations were found not ready. No way may favour an operation. Each share is
counted over 4,000 rounds between two operations: a share of 1,800 or less is seen once in 10^9
runs.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import reduce
from typing import TYPE_CHECKING, Any

import pytest
from anyio.lowlevel import checkpoint

from anycast import Anycast, Operation, Receiver, Sender, merge, select, select_nowait
from anycast._anycast.operations import EndpointOperation, ReceiveOperation
from combinations import FAILING, Foreign, OddError
from helpers import settle, task_group, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskGroup

    from anycast._combinators.receivers import ReceiverBase
    from anycast._select.selectable import Selectable

pytestmark = pytest.mark.anyio

ROUNDS = 4_000
FAIR = ROUNDS * 0.45


class Unhurried(ReceiveOperation[int]):
    """An operation without a fast path, as in other kinds of channel."""

    def try_fast(self) -> bool:
        return super(EndpointOperation, self).try_fast()  # as an operation by default


class UnhurriedReceiver(Foreign[int]):
    """A receiver whose operations have no fast path, as in other kinds of channel."""

    def receiving(self) -> Selectable[int]:
        receiver: ReceiverBase[int] = self._receiver
        end = receiver.receiving()
        assert isinstance(end, ReceiveOperation)
        return Unhurried(end.endpoint, end.core, end.queue, end.entry)


def full(number: int, *, yield_every: int = 64) -> Receiver[int]:
    """Return a receiver that has a message in each round: the number of the receiver."""
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
    """Both operations happen equally often."""
    operations = [receiver.receiving() for receiver in pair()]
    ones = sum([(await select(*operations)).result() for _ in range(ROUNDS)])
    assert FAIR < ones < ROUNDS - FAIR


@pairs
async def test_a_merge(pair: Callable[[], tuple[Receiver[int], Receiver[int]]]) -> None:
    """Both sources are received from equally often."""
    receiver = merge(*pair())
    ones = sum([await receiver.receive() for _ in range(ROUNDS)])
    assert FAIR < ones < ROUNDS - FAIR


def joined(sources: list[Receiver[int]]) -> Receiver[int]:
    """Return a merge to which one source after another was joined."""
    return reduce(merge, sources)


NESTS: dict[str, Callable[[list[Receiver[int]]], Receiver[int]]] = {
    "joined one by one": joined,
    "beside a merge": lambda sources: merge(sources[0], merge(*sources[1:])),
    "with one of them twice": lambda sources: merge(merge(*sources), sources[0]),
    "beside what is empty": lambda sources: merge(joined(sources), merge(empty(), empty())),
}


@pytest.mark.parametrize("yield_every", [1, 64])
@pytest.mark.parametrize("way", ["receive", "receive_nowait", "receive_many"])
@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS)
async def test_a_merge_of_merges(
    nest: Callable[[list[Receiver[int]]], Receiver[int]], way: str, yield_every: int
) -> None:
    """Each of four sources gets an equal share, wherever the source stands in the nest."""
    receiver = nest([full(number, yield_every=yield_every) for number in range(4)])
    received: list[int] = []
    while len(received) < ROUNDS:
        if way == "receive":
            received.append(await receiver.receive())
        elif way == "receive_nowait":
            received.append(receiver.receive_nowait())
        else:
            received += await receiver.receive_many(8)
    counts = Counter(received)  # less is seen once in 10^9 runs
    assert min(counts[number] for number in range(4)) > ROUNDS * 0.205


@pairs
async def test_a_merge_beside_what_is_empty(
    pair: Callable[[], tuple[Receiver[int], Receiver[int]]],
) -> None:
    """The share of an empty source goes to both ready sources alike, in a select in order, too."""
    operation = merge(empty(), *pair()).receiving()
    ones = sum([(await select(operation, in_order=True)).result() for _ in range(ROUNDS)])
    assert FAIR < ones < ROUNDS - FAIR


@pairs
def test_without_waiting(pair: Callable[[], tuple[Receiver[int], Receiver[int]]]) -> None:
    """The shares are the same in calls that never yield."""
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
    """A message for which a function fails counts as a turn."""
    receiver, failed = merge(combinator(full(1)), full(0)), 0
    for _ in range(ROUNDS):
        try:
            await receiver.receive()
        except OddError:
            failed += 1
    assert FAIR < failed < ROUNDS - FAIR


async def test_a_merge_with_one_that_turns_all_away() -> None:
    """A source whose filter drops every message leaves the turns to the other sources."""
    receiver = merge(full(0).filter(bool), full(1))
    assert sum([await receiver.receive() for _ in range(ROUNDS // 4)]) == ROUNDS // 4


LIMITS = [(0, 0), (0, 1), (0, 10), (0, math.inf), (1, 1)]


def offering(tasks: TaskGroup, limits: tuple[float, float]) -> list[Receiver[int]]:
    """Return receivers of two channels, each with a sender that sends the channel's number."""
    channels = [Anycast[int](limit=limit) for limit in limits]
    for number, channel in enumerate(channels):
        tasks.start_soon(channel.new_sender().send_many, [number] * ROUNDS)
    return [channel.new_receiver() for channel in channels]


def check_shares(received: list[int]) -> None:
    """Check that each channel had a fair share."""
    assert len(received) == ROUNDS
    assert FAIR < sum(received) < ROUNDS - FAIR


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("waits", [True, False])
async def test_a_select_over_a_rendezvous(limits: tuple[float, float], *, waits: bool) -> None:
    """The message of a blocked sender is as likely to be received as a stored message."""
    async with task_group() as tasks:
        operations = [receiver.receiving() for receiver in offering(tasks, limits)]
        await settle()
        received: list[int] = []
        for _ in range(ROUNDS):
            done = await select(*operations) if waits else select_nowait(*operations)
            received.append(done.result())
        tasks.cancel_scope.cancel()
    check_shares(received)


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("way", ["receive", "receive_nowait", "receive_many"])
async def test_a_merge_over_a_rendezvous(limits: tuple[float, float], way: str) -> None:
    """Both channels are received from equally often, whichever channel has a buffer."""
    async with task_group() as tasks:
        receiver = merge(*offering(tasks, limits))
        await settle()
        received: list[int] = []
        while len(received) < ROUNDS:
            if way == "receive":
                received.append(await receiver.receive())
            elif way == "receive_nowait":
                received.append(receiver.receive_nowait())
            else:
                received += await receiver.receive_many(8)
        tasks.cancel_scope.cancel()
    check_shares(received)


async def send_for_ever(sender: Sender[int], number: int) -> None:
    """Send one message after another."""
    while True:
        await sender.send(number)


async def receive_for_ever(receiver: Receiver[int]) -> None:
    """Receive one message after another."""
    while True:
        await receiver.receive()


def check_turns(ones: int, turns: list[float]) -> None:
    """Check the shares of two channels, given what each channel offers in a turn of the event loop.

    Once a channel has nothing more to offer, the other channel gets all turns until the tasks of
    the first channel run again. So a share follows the offers, and is at least three quarters of
    the offered share.
    """
    shares = [ROUNDS * offers / sum(turns) for offers in turns]
    assert ROUNDS - ones > shares[0] * 0.75
    assert ones > shares[1] * 0.75


@pytest.mark.parametrize("tasks_each", [(1, 1), (3, 3), (1, 5)])
@pytest.mark.parametrize("limits", [(0, 0), (0, 1), (0, 10), (1, 1)])
@pytest.mark.parametrize("merges", [False, True])
async def test_senders_that_come_again_and_again(
    limits: tuple[int, int], tasks_each: tuple[int, int], *, merges: bool
) -> None:
    """No channel starves, however few messages the channel offers beside the other channel."""
    channels = [Anycast[int](limit=limit) for limit in limits]
    receivers = [channel.new_receiver() for channel in channels]
    operations = [receiver.receiving() for receiver in receivers]
    if merges:
        operations = [merge(*receivers).receiving()]
    async with task_group() as tasks:
        for number, channel in enumerate(channels):
            for _ in range(tasks_each[number]):
                tasks.start_soon(send_for_ever, channel.new_sender(), number)
        ones = sum([(await select(*operations)).result() for _ in range(ROUNDS)])
        tasks.cancel_scope.cancel()
    check_turns(ones, [sum(offers) for offers in zip(limits, tasks_each, strict=True)])


@pytest.mark.parametrize("limits", [(0, 0), (0, 1), (0, 10), (1, 1)])
async def test_a_select_that_sends_over_a_rendezvous(limits: tuple[int, int]) -> None:
    """A waiting receiver is as likely to be chosen as a buffer with room."""
    channels = [Anycast[int](limit=limit) for limit in limits]
    operations = [channel.new_sender().sending(0) for channel in channels]
    async with task_group() as tasks:
        for channel in channels:
            for _ in range(3):
                tasks.start_soon(receive_for_ever, channel.new_receiver())
        ones = sum([await select(*operations) is operations[1] for _ in range(ROUNDS)])
        tasks.cancel_scope.cancel()
    check_turns(ones, [limit + 3 for limit in limits])


async def test_in_order_a_rendezvous_that_comes_first_always_wins() -> None:
    """The blocked sender of the first channel offers a message, so the first channel wins."""
    async with task_group() as tasks:
        operations = [receiver.receiving() for receiver in offering(tasks, (0, math.inf))]
        await settle()
        for _ in range(ROUNDS // 2):
            assert select_nowait(*operations, in_order=True) is operations[0]
            assert await select(*operations, in_order=True) is operations[0]
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("limit", [0, 1])
async def test_several_arms_in_the_line_of_receivers(limit: int, *, in_order: bool) -> None:
    """Three arms in one queue have equal shares, but with ``in_order`` the first arm wins."""
    channel = Anycast[int](limit=limit)
    sender = channel.new_sender()
    operations = [channel.new_receiver().receiving() for _ in range(3)]
    counts = await claims(channel, operations, lambda: sender.send_nowait(0), in_order=in_order)
    check_claims(counts, in_order=in_order)


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("limit", [0, 1])
async def test_several_arms_in_the_line_of_senders(limit: int, *, in_order: bool) -> None:
    """Three arms in one queue have equal shares, but with ``in_order`` the first arm wins."""
    channel = Anycast[int](limit=limit)
    for _ in range(limit):
        channel.new_sender().send_nowait(0)
    receiver = channel.new_receiver()
    operations = [channel.new_sender().sending(number) for number in range(3)]
    counts = await claims(channel, operations, receiver.receive_nowait, in_order=in_order)
    check_claims(counts, in_order=in_order)


async def claims(
    channel: Anycast[int],
    operations: list[Operation[Any]],
    claim: Callable[[], object],
    *,
    in_order: bool,
) -> Counter[int]:
    """Block in a `select` again and again, and count how often each operation is chosen."""
    counts: Counter[int] = Counter()

    async def block() -> None:
        for _ in range(ROUNDS):
            counts[operations.index(await select(*operations, in_order=in_order))] += 1

    async with task_group() as tasks:
        tasks.start_soon(block)
        for _ in range(ROUNDS):
            while waiting(channel) == (0, 0):
                await checkpoint()
            claim()
    return counts


def check_claims(counts: Counter[int], *, in_order: bool) -> None:
    """Check that the first of three operations was always chosen, or that the choice was fair."""
    if in_order:
        assert counts == {0: ROUNDS}
    else:  # less is seen once in 10^11 runs
        assert min(counts[number] for number in range(3)) > ROUNDS * 0.28
