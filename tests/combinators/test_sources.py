"""The sources of a merge: which ones the merge knows, asks, closes, and takes errors from."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any

import pytest
from anyio import WouldBlock

from anycast import Anycast, ReceiverClosedError, ReceiverStoppedError, merge, select_nowait
from anycast._anycast.operations import ReceiveOperation
from anycast._combinators.sources import Sources
from combinations import OddError, only_even, same
from helpers import raises

if TYPE_CHECKING:
    from collections.abc import Iterator


class Parts(tuple[Any, ...]):
    """The parts of a merge, which count how often somebody goes through them."""

    __slots__ = ()
    rounds = 0

    def __reversed__(self) -> Iterator[Any]:
        type(self).rounds += 1
        yield from self[::-1]


def test_a_merge_that_is_there_twice_is_gone_through_once() -> None:
    """Else merges of merges of merges would take time without end."""
    parts, Parts.rounds = Parts(("receiver",)), 0
    inner = Sources(parts, deque())
    halves = [Sources((inner,), deque()) for _ in range(2)]
    outer = Sources(halves, deque())
    outer.flatten()
    assert [*outer.running] == ["receiver"]
    assert Parts.rounds == 1


def test_a_look_in_vain_asks_each_source_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source that was drawn first is not asked again."""
    asked = Counter[ReceiveOperation[Any]]()
    kind: Any = ReceiveOperation
    is_ready = kind.is_ready

    def count(operation: ReceiveOperation[Any]) -> Any:
        asked[operation] += 1
        return is_ready(operation)

    monkeypatch.setattr(kind, "is_ready", count)
    one, two, three = (Anycast[int]().new_receiver() for _ in range(3))
    receiver = merge(merge(one, two).map(same), three)
    with pytest.raises(WouldBlock):
        receiver.receive_nowait()
    assert [*asked.values()] == [1, 1, 1]


def test_a_source_that_has_ended_is_closed_with_the_merge() -> None:
    """A merge of merges closes the sources that a merge within it has done with, too."""
    ended, other, third = (Anycast[int]() for _ in range(3))
    receiver = ended.new_receiver()
    inner = merge(receiver, other.new_receiver())
    ended.close()
    with pytest.raises(WouldBlock):
        inner.receive_nowait()
    merge(inner, third.new_receiver()).close()
    with raises(ReceiverClosedError, f"{receiver} is closed"):
        receiver.receive_nowait()


@pytest.mark.anyio
async def test_an_error_that_waits_in_the_innermost_merge() -> None:
    """The next receive raises it, though the merge between them is flat already."""
    numbers, *others = (Anycast[int]() for _ in range(4))
    second, third, fourth = (other.new_receiver() for other in others)
    innermost = merge(numbers.new_receiver().map(only_even), second)
    await numbers.new_sender().send_many([2, 3])
    assert await innermost.receive_many(2) == [2]
    between = merge(innermost, third)
    assert str(between).startswith("merge(map(")  # this collects the sources
    with raises(OddError, "3"):
        merge(between, fourth).receive_nowait()


@pytest.mark.parametrize("_", range(20))  # the operation looks at the sources in a random order
def test_an_operation_that_finds_the_ends_later_than_another(_: int) -> None:
    """The merge has ended, and every later operation says so."""
    one, two = Anycast[int](), Anycast[int]()
    receiver = merge(one.new_receiver(), two.new_receiver())
    operation = receiver.receiving()
    one.close()
    with pytest.raises(WouldBlock):
        receiver.receive_nowait()
    two.close()
    with pytest.raises(ReceiverStoppedError):
        select_nowait(operation).result()
    with pytest.raises(ReceiverStoppedError):
        select_nowait(receiver.receiving()).result()
