"""Receivers made of other receivers: `merge`, `map` and `filter`.

None of them has a task or a buffer: each receive is a `select` over operations of what it is
made of. So closing or dropping one leaves every message where it is, they nest, and they
work with the receivers of every kind of channel.
"""

# How operations proceed is private to the package, and not to their class.
# pyright: reportPrivateUsage=none

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from anyio import WouldBlock

from anycast._arguments import check_callable, check_int, check_some
from anycast._combining import (
    DerivedOperation,
    FilterOperation,
    MapOperation,
    MergeOperation,
    filter_lease,
    map_lease,
)
from anycast._receiver import Receiver
from anycast._select import select, select_nowait

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast._lease import LeasedMessage
    from anycast._operation import Operation

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")


# A type checker joins the types of a variable number of arguments; these keep them apart.
@overload
def merge(one: Receiver[T1], two: Receiver[T2], /) -> Receiver[T1 | T2]: ...
@overload
def merge(
    one: Receiver[T1], two: Receiver[T2], three: Receiver[T3], /
) -> Receiver[T1 | T2 | T3]: ...
@overload
def merge(
    one: Receiver[T1], two: Receiver[T2], three: Receiver[T3], four: Receiver[T4], /
) -> Receiver[T1 | T2 | T3 | T4]: ...
@overload
def merge(*receivers: Receiver[T]) -> Receiver[T]: ...
def merge(*receivers: Receiver[Any]) -> Receiver[Any]:
    """Return one receiver over several, fair among them; it spawns no task.

    It ends when all of them have stopped. Closing it closes them.

    ```python
    import anyio
    from anycast import Anycast, merge


    async def main() -> None:
        news, mail = Anycast[str](), Anycast[str]()
        await news.new_sender().send("rain")
        await mail.new_sender().send("a letter")
        news.close()
        mail.close()
        both = merge(news.new_receiver(), mail.new_receiver())
        assert {message async for message in both} == {"rain", "a letter"}


    anyio.run(main, backend="asyncio")
    ```

    Args:
        receivers: of any channels; at least one.

    Returns:
        A receiver that gets what any of them would have received.

    Raises:
        ValueError: if there is no receiver.
        TypeError: if an argument is no receiver.
    """
    check_some("receivers", receivers, Receiver, "`new_receiver`, `map`, `filter` or `merge`")
    return MergedReceiver(*receivers)


class DerivedReceiver(Receiver[T_co]):
    """What the receivers made of other receivers share."""

    def __init__(self, name: str, *receivers: Receiver[Any]) -> None:
        self._name = name
        self._receivers = receivers
        self._deferred_errors: deque[Exception] = deque()  # raised by the next receive
        self._cached: DerivedOperation[T_co] | None = None

    @abstractmethod
    def _new_operation(self, *, leased: bool) -> DerivedOperation[Any]:
        """Return the operation that receives, or leases, a message."""

    def _operation(self, *, leased: bool) -> DerivedOperation[Any]:
        if self._deferred_errors:
            raise self._deferred_errors.popleft()
        return self._new_operation(leased=leased)

    def receiving(self) -> Operation[T_co]:
        return self._operation(leased=False)

    def _leasing(self) -> Operation[LeasedMessage[T_co]]:
        return self._operation(leased=True)

    def _take_cached(self) -> DerivedOperation[T_co]:
        """Return an operation to receive with: the one of last time, if it is not in use."""
        spare, self._cached = self._cached, None
        if spare is None or self._deferred_errors:
            return self._operation(leased=False)
        spare._receiver = self
        return spare

    def _cache(self, operation: DerivedOperation[T_co]) -> None:
        """Keep an operation for the next time: it takes time to make one."""
        operation._receiver = None  # it would be a cycle
        self._cached = operation

    async def receive(self) -> T_co:
        operation = self._take_cached()
        await select(operation)
        try:
            return operation.take_result()
        finally:
            self._cache(operation)

    def receive_nowait(self) -> T_co:
        operation = self._take_cached()
        select_nowait(operation)
        try:
            return operation.take_result()
        finally:
            self._cache(operation)

    async def __anext__(self) -> T_co:
        operation = self._take_cached()
        await select(operation)
        if operation.ended:  # what a function raises may look like an end, and is none
            raise StopAsyncIteration
        try:
            return operation.take_result()
        except StopAsyncIteration as error:  # as Python does where a coroutine raises StopIteration
            raise RuntimeError("a function raised StopAsyncIteration") from error
        finally:
            self._cache(operation)

    async def receive_many(self, max_messages: int) -> list[T_co]:
        check_int("max_messages", max_messages, least=1)
        operation = self.receiving()
        messages = [(await select(operation)).take_result()]
        with suppress(WouldBlock):
            while len(messages) < max_messages:
                select_nowait(operation)
                if operation.error is not None:  # what came before it is not to be lost
                    self._deferred_errors.append(operation.error)
                if operation.ended or operation.error is not None:
                    operation.clear_result()
                    break
                messages.append(operation.take_result())
        return messages

    def close(self) -> None:
        for receiver in self._receivers:
            receiver.close()

    def __str__(self) -> str:
        return f"{self._name}({', '.join(map(str, self._receivers))})"

    def __repr__(self) -> str:
        return f"{self._name}({', '.join(map(repr, self._receivers))})"


class MergedReceiver(DerivedReceiver[T]):
    """What `merge` returns."""

    def __init__(self, *receivers: Receiver[T]) -> None:
        super().__init__("merge", *receivers)
        self.running = list(dict.fromkeys(receivers))  # those not known to have ended

    def clone(self) -> Receiver[T]:
        return MergedReceiver(*(receiver.clone() for receiver in self._receivers))

    def _new_operation(self, *, leased: bool) -> DerivedOperation[Any]:
        return MergeOperation(self, leased=leased)


class MappedReceiver(DerivedReceiver[U]):
    """What `Receiver.map` returns."""

    def __init__(self, receiver: Receiver[T], function: Callable[[T], U]) -> None:
        check_callable("function", function)
        super().__init__("map", receiver)
        self._receiver = receiver
        self._function = function

    def clone(self) -> Receiver[U]:
        return MappedReceiver(self._receiver.clone(), self._function)

    def _new_operation(self, *, leased: bool) -> DerivedOperation[Any]:
        if leased:
            return MapOperation(self, self._receiver._leasing(), partial(map_lease, self._function))
        return MapOperation(self, self._receiver.receiving(), self._function)


class FilteredReceiver(DerivedReceiver[T]):
    """What `Receiver.filter` returns."""

    def __init__(self, receiver: Receiver[T], predicate: Callable[[T], object]) -> None:
        check_callable("predicate", predicate)
        super().__init__("filter", receiver)
        self._receiver = receiver
        self._predicate = predicate

    def clone(self) -> Receiver[T]:
        return FilteredReceiver(self._receiver.clone(), self._predicate)

    def _new_operation(self, *, leased: bool) -> DerivedOperation[Any]:
        if leased:
            accept = partial(filter_lease, self._predicate)
            return FilterOperation(self, self._receiver._leasing(), accept)
        return FilterOperation(self, self._receiver.receiving(), self._predicate)
