"""Helpers for the tests of combinators: each kind of receiver, and a receiver of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from anycast import Receiver, merge, select, select_nowait
from anycast._combinators.receivers import ReceiverBase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from anycast import Channel, ChannelStatistics
    from anycast._combinators.batch import BatchOperations
    from anycast._select.selectable import Selectable


T = TypeVar("T")


class Foreign(ReceiverBase[T]):
    """A receiver of another kind of channel, which implements only the contract.

    Args:
        receiver: does the work.
    """

    def __init__(self, receiver: Receiver[T]) -> None:
        assert isinstance(receiver, ReceiverBase)
        self._receiver: ReceiverBase[T] = receiver

    async def receive(self) -> T:
        """Receive."""
        return await self._receiver.receive()

    def receive_nowait(self) -> T:
        """Receive without waiting."""
        return self._receiver.receive_nowait()

    async def receive_many(self, max_messages: int, *, within: float | None = None) -> list[T]:
        """Receive several."""
        return await self._receiver.receive_many(max_messages, within=within)

    def receiving(self) -> Selectable[T]:
        """Return the operation that receives."""
        return self._receiver.receiving()

    def leasing(self) -> Selectable[Any]:
        """Return the operation that takes a message on lease."""
        return self._receiver.leasing()

    def batching(self) -> BatchOperations[Any]:
        """Return the operations for a batch."""
        return self._receiver.batching()

    def channels(self) -> Iterator[Channel[Any]]:
        """Return the channels of the receiver that does the work."""
        return self._receiver.channels()

    def statistics(self) -> ChannelStatistics:
        """Return the statistics of the receiver that does the work."""
        return self._receiver.statistics()

    def clone(self) -> Foreign[T]:
        """Clone."""
        return Foreign(self._receiver.clone())

    def close(self) -> None:
        """Close."""
        self._receiver.close()


class OddError(Exception):
    """A function was given an odd number."""


def same(message: T) -> T:
    """Map a message to itself."""
    return message


def everything(message: object) -> bool:  # noqa: ARG001
    """Accept any message."""
    return True


def even(number: int) -> bool:
    """Tell whether a number is even."""
    return number % 2 == 0


def only_even(number: int) -> int:
    """Return an even number unchanged, and raise for an odd number."""
    if not even(number):
        raise OddError(number)
    return number


def mapped(receiver: Receiver[T]) -> Receiver[T]:
    """Return a map that leaves each message unchanged."""
    return receiver.map(same)


def filtered(receiver: Receiver[T]) -> Receiver[T]:
    """Return a filter that lets everything through."""
    return receiver.filter(everything)


def nested(receiver: Receiver[T]) -> Receiver[T]:
    """Return a merge of a merge of a filter of a map of a receiver of another kind."""
    return merge(merge(Foreign(receiver).map(same).filter(everything)))


TRANSPARENT: dict[str, Callable[[Receiver[Any]], Receiver[Any]]] = {
    "merge": merge,
    "map": mapped,
    "filter": filtered,
    "nested": nested,
}
"""Combinators that let every message through as it is."""

FAILING: dict[str, Callable[[Receiver[int]], Receiver[int]]] = {
    "map": lambda receiver: receiver.map(only_even),
    "filter": lambda receiver: receiver.filter(lambda number: only_even(number) >= 0),
    "nested": lambda receiver: merge(receiver.map(only_even).filter(everything)).map(same),
}
"""Combinators whose function raises `OddError` for odd numbers, and lets even ones through."""


async def receive(receiver: Receiver[Any]) -> None:
    """Receive a message."""
    await receiver.receive()


async def lease(receiver: Receiver[Any]) -> None:
    """Lease a message."""
    async with receiver.lease():
        raise AssertionError


async def receive_nowait(receiver: Receiver[Any]) -> None:
    """Receive without waiting."""
    receiver.receive_nowait()


async def receive_batch(receiver: Receiver[Any]) -> None:
    """Receive several."""
    await receiver.receive_many(2)


async def receive_in_loop(receiver: Receiver[Any]) -> None:
    """Receive in a loop."""
    async for _ in receiver:
        raise AssertionError


async def receive_in_select(receiver: Receiver[Any]) -> None:
    """Receive in a `select`; errors come from `result`."""
    operation = receiver.receiving()
    assert await select(operation) is operation
    operation.result()


async def receive_in_select_nowait(receiver: Receiver[Any]) -> None:
    """Receive in a `select_nowait`; errors come from `result`."""
    operation = receiver.receiving()
    assert select_nowait(operation) is operation
    operation.result()


WAITING: list[Callable[[Receiver[Any]], Awaitable[None]]] = [
    receive,
    receive_batch,
    lease,
    receive_in_loop,
    receive_in_select,
]
"""Ways to receive that wait for a message, of combinators whose function raises."""

WAYS = [*WAITING, receive_nowait, receive_in_select_nowait]
"""All ways to receive, of combinators whose function raises."""
