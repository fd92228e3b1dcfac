"""A merge of merges receives from the sources of all merges, however they were joined."""

from __future__ import annotations

import gc
import weakref
from functools import reduce
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from anycast import (
    Anycast,
    ChannelClosedError,
    Receiver,
    ReceiverStoppedError,
    merge,
    select,
    select_nowait,
)
from anycast._anycast.operations import EndpointOperation, ReceiveOperation
from combinations import Foreign, OddError, everything, only_even, same
from helpers import STOPPED, begin, drain, raises, settle, task_group, waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from anycast._select.selectable import Leaf, Selectable

    Way = Callable[[Receiver[int]], Awaitable[int]]

pytestmark = pytest.mark.anyio

THOUSANDS = 2_000  # more than the stack is deep


def channels(number: int, limit: float = 10) -> list[Anycast[int]]:
    """Return channels that are named by their numbers."""
    return [Anycast[int](name=str(each), limit=limit) for each in range(number)]


def joined(sources: Iterable[Anycast[int]]) -> Receiver[int]:
    """Return a merge to which the sources were joined one after another."""
    return reduce(merge, [source.new_receiver() for source in sources])


async def receive(receiver: Receiver[int]) -> int:
    """Receive."""
    return await receiver.receive()


async def receive_in_loop(receiver: Receiver[int]) -> int:
    """Receive in a loop."""
    async for message in receiver:
        return message
    raise AssertionError


async def receive_batch(receiver: Receiver[int]) -> int:
    """Receive a batch of a single message."""
    return sum(await receiver.receive_many(9))


async def lease(receiver: Receiver[int]) -> int:
    """Receive on lease."""
    async with receiver.lease() as message:
        return message


async def receive_in_select(receiver: Receiver[int]) -> int:
    """Receive in a `select`, beside a channel that is empty."""
    operation = receiver.receiving()
    assert await select(operation, Anycast[int]().new_receiver().receiving()) is operation
    return operation.result()


async def receive_nowait(receiver: Receiver[int]) -> int:
    """Receive without waiting."""
    return receiver.receive_nowait()


async def receive_in_select_nowait(receiver: Receiver[int]) -> int:
    """Receive in a `select_nowait`."""
    return select_nowait(receiver.receiving()).result()


WAITING = [receive, receive_in_loop, receive_batch, lease, receive_in_select]
WAYS = [*WAITING, receive_nowait, receive_in_select_nowait]


@pytest.mark.parametrize("way", WAYS)
async def test_thousands_joined_one_by_one(way: Way) -> None:
    """A message that is there is received, whichever source has the message."""
    sources = channels(THOUSANDS)
    receiver = joined(sources)
    for number in (0, THOUSANDS // 2, THOUSANDS - 1):
        sources[number].new_sender().send_nowait(number)
        assert await way(receiver) == number


@pytest.mark.parametrize("way", WAITING)
async def test_waiting_in_thousands(way: Way) -> None:
    """A task that waits stands in each queue, and has left all queues when the task goes on."""
    sources = channels(THOUSANDS)
    async with task_group() as tasks:
        attempt = await begin(tasks, way, joined(sources))
        assert {waiting(source) for source in sources} == {(0, 1)}
        sources[0].new_sender().send_nowait(7)
        assert {waiting(source) for source in sources} == {(0, 0)}
    assert attempt.result == 7


async def test_joining_and_receiving_in_turns() -> None:
    """Each merge goes on where the merge before stopped."""
    sources = channels(200)
    receiver: Receiver[int] = sources[0].new_receiver()
    for number, source in enumerate(sources):
        receiver = merge(receiver, source.new_receiver())
        sources[number // 2].new_sender().send_nowait(number)
        assert await receiver.receive() == number


async def test_thousands_end() -> None:
    """Each source is drained, and the merge ends with the last source."""
    sources = channels(THOUSANDS)
    receiver = joined(sources)
    for number, source in enumerate(sources):
        source.new_sender().send_nowait(number)
        source.close()
    assert sorted([message async for message in receiver]) == [*range(THOUSANDS)]
    with pytest.raises(ReceiverStoppedError) as caught:
        await receiver.receive()
    assert type(caught.value.__cause__) is ChannelClosedError


async def test_thousands_that_end_while_a_task_waits() -> None:
    """The task waits until the last source has ended."""
    *sources, last = channels(THOUSANDS)
    async with task_group() as tasks:
        attempt = await begin(tasks, joined([*sources, last]).receive)
        for source in sources:
            source.close()
        await settle()
        assert attempt.outcome == "unfinished"
        last.close()
    attempt.failure(ReceiverStoppedError)


@pytest.mark.parametrize("way", ["close", "aclose"])
async def test_closing_closes_all(way: str) -> None:
    """The sources of inner merges are closed, too, even the sources that have ended."""
    sources = channels(THOUSANDS)
    receiver = joined(sources)
    sources[7].close()
    sources[8].new_sender().send_nowait(8)
    assert await receiver.receive() == 8
    if way == "close":
        receiver.close()
    else:
        await receiver.aclose()
    assert {source.statistics().open_receivers for source in sources} == {0}
    with pytest.raises(ReceiverStoppedError):
        receiver.receive_nowait()


async def test_a_clone() -> None:
    """A clone has clones of all sources, and is closed on its own."""
    sources = channels(THOUSANDS)
    receiver = joined(sources)
    clone = receiver.clone()
    assert {source.statistics().open_receivers for source in sources} == {2}
    sources[0].new_sender().send_nowait(7)
    assert await clone.receive() == 7
    clone.close()
    sources[0].new_sender().send_nowait(8)
    assert await receiver.receive() == 8


async def test_a_clone_where_an_inner_merge_was_closed() -> None:
    """The clone is made of the sources that are open."""
    one, two, three = channels(3)
    inner = merge(one.new_receiver(), two.new_receiver())
    receiver = merge(inner, three.new_receiver())
    inner.close()
    clone = receiver.clone()
    assert str(clone) == "merge(Anycast:2:_Receiver)"
    three.new_sender().send_nowait(3)
    assert await clone.receive() == 3


async def test_a_clone_where_all_was_closed() -> None:
    """The clone raises, and no cloned source is left open."""
    one, two = channels(2)
    receiver = merge(merge(one.new_receiver()), two.new_receiver())
    receiver.close()
    with pytest.raises(ReceiverStoppedError):
        receiver.clone()
    assert one.statistics().open_receivers == two.statistics().open_receivers == 0


async def test_str_and_repr() -> None:
    """A merge of merges shows the sources, as any merge does."""
    receivers = [source.new_receiver() for source in channels(4)]
    receiver = merge(receivers[0], merge(merge(*receivers[1:3]), receivers[3]))
    names = ", ".join(f"Anycast:{number}:_Receiver" for number in range(4))
    assert str(receiver) == f"merge({names})"
    assert repr(receiver) == f"merge({', '.join(map(repr, receivers))})"


@pytest.mark.parametrize(
    ("number", "more"), [(10, ""), (11, ", and 1 more"), (99, ", and 89 more")]
)
async def test_str_and_repr_of_many(number: int, more: str) -> None:
    """Ten sources are shown, and the remaining sources are counted."""
    receivers = [source.new_receiver() for source in channels(number)]
    receiver = reduce(merge, receivers)
    names = ", ".join(f"Anycast:{each}:_Receiver" for each in range(10))
    assert str(receiver) == f"merge({names}{more})"
    assert repr(receiver) == f"merge({', '.join(map(repr, receivers[:10]))}{more})"


async def test_an_inner_merge_goes_on() -> None:
    """A merge that became part of another merge still receives, from its own sources alone."""
    one, two, three = channels(3)
    inner = merge(one.new_receiver(), two.new_receiver())
    outer = merge(inner, three.new_receiver())
    one.new_sender().send_nowait(1)
    assert await inner.receive() == 1
    two.new_sender().send_nowait(2)
    assert await outer.receive() == 2
    three.new_sender().send_nowait(3)
    with pytest.raises(anyio.WouldBlock):
        inner.receive_nowait()
    assert await outer.receive() == 3


@pytest.mark.parametrize("used", ["inner", "outer"])
async def test_either_merge_removes_what_ends(used: str) -> None:
    """Each merge notices the end of a source for itself."""
    one, two, three = channels(3)
    inner = merge(one.new_receiver(), two.new_receiver())
    outer = merge(inner, three.new_receiver())
    first, second = (inner, outer) if used == "inner" else (outer, inner)
    one.close()
    for receiver in (first, second):
        async with task_group() as tasks:
            attempt = await begin(tasks, receiver.receive)
            assert (waiting(one), waiting(two)) == ((0, 0), (0, 1))
            two.new_sender().send_nowait(2)
        assert attempt.result == 2
    two.close()
    with raises(ReceiverStoppedError, f"{inner} {STOPPED}"):
        await inner.receive()
    three.new_sender().send_nowait(3)
    assert await outer.receive() == 3
    three.close()
    with raises(ReceiverStoppedError, f"{outer} {STOPPED}"):
        await outer.receive()


@pytest.mark.parametrize("used", [False, True])
async def test_an_inner_merge_that_has_ended(used: bool) -> None:
    """The merge goes on with the other sources, whether the inner merge knows of its end or not."""
    one, two, three = channels(3)
    inner = merge(one.new_receiver(), two.new_receiver())
    one.close()
    two.close()
    if used:
        with pytest.raises(ReceiverStoppedError):
            await inner.receive()
    receiver = merge(inner, three.new_receiver())
    three.new_sender().send_nowait(3)
    assert await receiver.receive() == 3
    three.close()
    with pytest.raises(ReceiverStoppedError):
        await receiver.receive()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_inner_merge_that_was_closed(when: str) -> None:
    """The merge goes on with the other sources."""
    one, two, three = channels(3)
    inner = merge(one.new_receiver(), two.new_receiver())
    if when == "before":
        inner.close()
    receiver = merge(inner, three.new_receiver())
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        if when == "after":
            inner.close()
            await settle()
        one.new_sender().send_nowait(1)
        three.new_sender().send_nowait(3)
    assert attempt.result == 3
    assert drain(one.new_receiver()) == [1]


async def test_what_an_inner_merge_knows_to_have_ended_is_not_looked_at_again() -> None:
    """Sources may come and go for ever, and a receive does not become slower by that."""
    ended, one, two = channels(3)
    looks: list[str] = []
    inner = merge(Counted(ended.new_receiver(), looks), one.new_receiver())
    ended.close()
    one.new_sender().send_nowait(1)
    assert await inner.receive() == 1
    with pytest.raises(anyio.WouldBlock):
        inner.receive_nowait()
    looks.clear()
    receiver = merge(inner, two.new_receiver())
    two.new_sender().send_nowait(2)
    assert await receiver.receive() == 2
    with pytest.raises(anyio.WouldBlock):
        receiver.receive_nowait()
    assert looks == []


async def test_a_merge_with_itself() -> None:
    """Each source counts once, however often the merge was doubled."""
    one, two = channels(2)
    receiver = merge(one.new_receiver(), two.new_receiver())
    for _ in range(50):
        receiver = merge(receiver, receiver)
    assert str(receiver) == "merge(Anycast:0:_Receiver, Anycast:1:_Receiver)"
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        assert (waiting(one), waiting(two)) == ((0, 1), (0, 1))
        one.new_sender().send_nowait(1)
    assert attempt.result == 1
    receiver.clone().close()
    receiver.close()
    assert one.statistics().open_receivers == 0


async def test_the_same_receiver_in_two_merges() -> None:
    """The receiver counts once."""
    one, two = channels(2)
    shared = one.new_receiver()
    receiver = merge(merge(shared, two.new_receiver()), merge(shared), shared)
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        assert (waiting(one), waiting(two)) == ((0, 1), (0, 1))
        one.new_sender().send_nowait(1)
        one.new_sender().send_nowait(2)
    assert attempt.result == 1
    assert await receiver.receive() == 2


@pytest.mark.parametrize("way", WAYS)
async def test_a_merge_within_a_map_within_a_merge(
    way: Way,
) -> None:
    """Maps and filters apply only to the messages of the inner merge."""
    one, two, three = channels(3)
    doubled = merge(one.new_receiver(), two.new_receiver()).map(lambda number: 2 * number)
    receiver = merge(doubled.filter(everything), three.new_receiver())
    for source, expected in ((one, 2), (two, 2), (three, 1)):
        source.new_sender().send_nowait(1)
        assert await way(receiver) == expected


@pytest.mark.parametrize("way", WAITING)
async def test_waiting_in_a_merge_within_a_map_within_a_merge(
    way: Way,
) -> None:
    """The merge goes on when some inner sources have ended, and when all have ended."""
    one, two, three = channels(3, limit=0)
    doubled = merge(one.new_receiver(), two.new_receiver()).map(lambda number: 2 * number)
    receiver = merge(doubled, three.new_receiver())
    expected = ((two, 2), (two, 2), (three, 1))
    ends = (None, one, two)
    for (source, result), end in zip(expected, ends, strict=True):
        async with task_group() as tasks:
            attempt = await begin(tasks, way, receiver)
            if end is not None:
                end.close()
                await settle()
            source.new_sender().send_nowait(1)
        assert attempt.result == result
    three.close()
    with pytest.raises(ReceiverStoppedError):
        await receiver.receive()


async def test_nests_deeper_than_the_stack() -> None:
    """Maps of merges of maps nest as deep as the stack; beyond, no message is received."""
    channel = Anycast[int]()
    receiver: Receiver[int] = channel.new_receiver()
    for _ in range(THOUSANDS):
        receiver = merge(receiver.map(same))
    channel.new_sender().send_nowait(1)
    with pytest.raises(RecursionError):
        await receiver.receive()
    assert drain(channel.new_receiver()) == [1]


async def failed_late(source: Anycast[int]) -> Receiver[int]:
    """Return a merge whose next receive raises the error of a message that is received already."""
    receiver = merge(source.new_receiver().map(only_even))
    await source.new_sender().send_many([2, 1])
    assert await receiver.receive_many(9) == [2]
    return receiver


@pytest.mark.parametrize("way", WAYS)
async def test_an_error_that_an_inner_merge_has_yet_to_raise(way: Way) -> None:
    """The outer merge raises the error, once, and goes on: the message was received."""
    one, two = channels(2)
    receiver = merge(merge(await failed_late(one), two.new_receiver()), two.new_receiver())
    two.new_sender().send_nowait(7)
    with raises(OddError, "1"):
        await way(receiver)
    assert await receiver.receive() == 7


async def test_an_error_that_the_inner_merge_raises_first() -> None:
    """The outer merge does not raise the error again."""
    one, two = channels(2)
    inner = await failed_late(one)
    outer = merge(inner, two.new_receiver())
    with raises(OddError, "1"):
        await inner.receive()
    two.new_sender().send_nowait(7)
    assert await outer.receive() == 7


async def test_errors_that_two_inner_merges_have_yet_to_raise() -> None:
    """Each error is raised by a separate receive, and then a message is received."""
    one, two = channels(2)
    outer = merge(await failed_late(one), await failed_late(two))
    one.new_sender().send_nowait(4)
    for _ in range(2):
        with raises(OddError, "1"):
            await outer.receive()
    assert await outer.receive() == 4


class Counted(Foreign[int]):
    """A receiver whose operations note whenever a merge looks at them.

    Args:
        receiver: does the work.
        looks: what was called: "find_ready", or "leaves".
    """

    def __init__(self, receiver: Receiver[int], looks: list[str]) -> None:
        super().__init__(receiver)
        self._looks = looks

    def receiving(self) -> Selectable[int]:
        """Return an operation that notes."""
        end = super().receiving()
        assert isinstance(end, ReceiveOperation)
        operation = CountedOperation(end.endpoint, end.core, end.queue, end.entry)
        operation.looks = self._looks
        return operation


class CountedOperation(ReceiveOperation[int]):
    """An operation without a fast path, which counts how often a merge looks at it."""

    __slots__ = ("looks",)
    looks: list[str]

    def try_fast(self) -> bool:
        return super(EndpointOperation, self).try_fast()  # as an operation by default

    def find_ready(self) -> Leaf[Any] | None:
        self.looks.append("find_ready")
        return super().find_ready()

    def leaves(self) -> Iterable[Leaf[Any]]:
        self.looks.append("leaves")
        return super().leaves()


async def test_a_batch_looks_at_few_of_many_that_are_ready() -> None:
    """So the cost of a message does not depend on the number of sources."""
    looks: list[str] = []
    sources = channels(100, limit=100)
    receiver = merge(*(Counted(source.new_receiver(), looks) for source in sources))
    for source in sources:
        await source.new_sender().send_many(range(100))
    assert len(await receiver.receive_many(100)) == 100
    assert len(looks) <= 200


async def test_a_wait_searches_no_source() -> None:
    """Each source is asked for its leaves once, when the wait begins."""
    looks: list[str] = []
    *others, last = channels(100)
    receiver = merge(*(Counted(source.new_receiver(), looks) for source in [*others, last]))
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        last.new_sender().send_nowait(1)
    assert attempt.result == 1
    assert looks.count("leaves") == 100


@pytest.mark.usefixtures("no_log", "no_garbage_collection")
async def test_inner_merges_are_dropped() -> None:
    """A merge that is only used within another merge is not kept, and forms no cycle."""
    one, two, three = channels(3)
    inner = merge(one.new_receiver(), two.new_receiver())
    reference = weakref.ref(inner)
    receiver = merge(inner, three.new_receiver())
    del inner
    assert reference() is None
    one.new_sender().send_nowait(1)
    assert await receiver.receive() == 1


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.usefixtures("no_log", "no_garbage_collection")
async def test_thousands_are_dropped(used: bool) -> None:
    """A merge of very many merges is dropped without an overflow of the stack."""
    channel = Anycast[int]()
    receiver = merge(channel.new_receiver())
    for _ in range(50 * THOUSANDS):
        receiver = merge(receiver)
    if used:
        channel.new_sender().send_nowait(1)
        assert await receiver.receive() == 1
    del receiver
    assert gc.collect() == 0
