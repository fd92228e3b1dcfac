"""What every receiver shares, and the derived receivers of `merge`, `map` and `filter`.

A derived receiver works without a task and without a buffer. Each receive is a `select` over the
operations of the sources. So to close or to drop a derived receiver leaves each message where the
message is. Derived receivers nest, and work with the receivers of every kind of channel.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeGuard, TypeVar, overload

from anyio import WouldBlock

from anycast._arguments import check_function, check_int, check_seconds, check_some
from anycast._combinators.batch import BatchOperations, receive_batch
from anycast._combinators.lease import LeasedMessage, SelectedLease
from anycast._combinators.operations import (
    DerivedOperation,
    FilterOperation,
    MapOperation,
    MergeOperation,
    at_end_of_channel,
    filter_lease,
    map_lease,
)
from anycast._combinators.sources import Sources
from anycast._interface.channel import Channel
from anycast._interface.errors import ReceiverClosedError, ReceiverStoppedError
from anycast._interface.lease import Lease
from anycast._interface.receiver import Receiver
from anycast._interface.statistics import ChannelStatistics, total
from anycast._select.select import perform_ready, select
from anycast._select.selectable import Selectable
from anycast._waiting.protection import protected

if TYPE_CHECKING:
    from typing_extensions import TypeIs
else:
    from anycast._interface.receiver import TypeIs

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")

_MOST_SHOWN: Final = 10  # sources in a `str` or `repr`, which error texts contain


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
    """Return a receiver that receives from several receivers, fairly and without a task.

    The merged receiver goes on while a source is left, and stops when all sources have stopped. If
    all sources ended with their channels, the merged receiver has ended, too. If a source stopped
    because the source was closed, the merged receiver raises `ReceiverClosedError` when all sources
    have stopped, also in ``async for``. Closing the merged receiver closes all sources.

    A merge of merges is flat: all sources are equally likely, at any depth. So thousands of sources
    may be joined one by one. A merge that became part of another merge may still be used.

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
        receivers: the sources, of any channels; at least one receiver.

    Returns:
        A receiver that gets what the sources would have received.

    Raises:
        ValueError: if the call has no arguments.
        TypeError: if an argument is not a receiver.
    """
    check_some("receivers", receivers, ReceiverBase, "`new_receiver`, `map`, `filter` or `merge`")
    sources: tuple[Any, ...] = receivers
    return MergedReceiver(*sources)


class ReceiverBase(Receiver[T_co]):
    """A receiver with `lease`, `map` and `filter`, made of two operations: the primitives."""

    async def __anext__(self) -> T_co:
        # The base class, of anyio, takes a closed receiver for the end, too.
        try:
            return await self.receive()
        except ReceiverClosedError:
            raise
        except ReceiverStoppedError:
            raise StopAsyncIteration from None

    @abstractmethod
    def receiving(self) -> Selectable[T_co]: ...

    @abstractmethod
    def leasing(self) -> Selectable[LeasedMessage[T_co]]:
        """Return the operation that takes a message on lease."""

    @abstractmethod
    def batching(self) -> BatchOperations[LeasedMessage[T_co]]:
        """Return the operations for a batch, which may go back as a whole.

        The first operation takes the first message, and the second takes each further message.
        """

    @abstractmethod
    def channels(self) -> Iterator[Channel[Any]]:
        """Yield the channel of which this receiver is; of a derived receiver, of each source.

        A channel may come more than once.
        """

    def lease(self) -> Lease[T_co]:
        return SelectedLease(self, self.leasing())

    async def receive_within(
        self, max_messages: int, within: float, errors: deque[Exception]
    ) -> list[T_co]:
        """Do as `receive_many` with ``within``, and with a ``max_messages`` that was checked.

        Args:
            max_messages: as for `receive_many`.
            within: as for `receive_many`.
            errors: gets the error of a function that is raised later.
        """
        check_seconds("within", within, least=0, or_inf=True)
        return await receive_batch(*self.batching(), max_messages, within, errors)

    def map(self, function: Callable[[T_co], U], /) -> Receiver[U]:
        return MappedReceiver(self, function)

    @overload
    def filter(self, predicate: Callable[[T_co], TypeGuard[U]], /) -> Receiver[U]: ...
    @overload
    def filter(self, predicate: Callable[[T_co], TypeIs[U]], /) -> Receiver[U]: ...
    @overload
    def filter(self, predicate: Callable[[T_co], object], /) -> Receiver[T_co]: ...
    # These are the overloads of the base class, and pyright does not see that.
    def filter(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, predicate: Callable[[Any], object], /
    ) -> Receiver[Any]:
        return FilteredReceiver(self, predicate)

    @abstractmethod
    def clone(self) -> ReceiverBase[T_co]: ...


class DerivedReceiver(ReceiverBase[T_co]):
    """What the derived receivers share.

    Args:
        name: of the combinator, for `str` and `repr`.
        receivers: the sources, if `_made_of` is not overridden.
    """

    def __init__(self, name: str, *receivers: ReceiverBase[Any]) -> None:
        self._name = name
        self._receivers = receivers
        # Errors of a function after the first message of a `receive_many`. The next receives raise
        # them, in order.
        self._deferred_errors: deque[Exception] = deque()
        # The operation of the last receive, for the next receive. None while a receive uses the
        # operation.
        self._cached: DerivedOperation[T_co] | None = None

    def _made_of(self) -> Collection[ReceiverBase[Any]]:
        """Return the sources."""
        return self._receivers

    @abstractmethod
    def _derived(
        self, operations: Sequence[Selectable[Any]], *, held: bool = False, further: bool = False
    ) -> DerivedOperation[Any]:
        """Return a new operation of this receiver.

        Args:
            operations: of the sources, in the order of `_running`.
            held: whether the operations take messages that may come back.
            further: whether the operations take the further messages of a batch.
        """

    def _running(self) -> Collection[ReceiverBase[Any]]:
        """Return the sources that are not known to have ended, or raise a deferred error."""
        if self._deferred_errors:
            raise self._deferred_errors.popleft()
        return self._receivers

    def receiving(self) -> DerivedOperation[T_co]:
        return self._derived([one.receiving() for one in self._running()])

    def leasing(self) -> Selectable[LeasedMessage[T_co]]:
        return self._derived([one.leasing() for one in self._running()], held=True)

    def batching(self) -> BatchOperations[LeasedMessage[T_co]]:
        first, further = zip(*[one.batching() for one in self._running()], strict=True)
        return self._derived(first, held=True), self._derived(further, held=True, further=True)

    def _take_cached(self) -> DerivedOperation[T_co]:
        """Return the cached operation to receive with, or a new operation if that is in use."""
        cached, self._cached = self._cached, None
        if cached is None or self._deferred_errors:
            return self.receiving()
        cached.receiver = self
        return cached

    def _cache(self, operation: DerivedOperation[T_co]) -> None:
        """Keep an operation for the next receive: to make a new operation takes time."""
        operation.receiver = None  # else receiver and operation would be a cycle
        self._cached = operation

    @protected
    async def receive(self) -> T_co:
        operation = self._take_cached()
        await select(operation)
        try:
            return operation.take_result()
        finally:
            self._cache(operation)

    @protected
    def receive_nowait(self) -> T_co:
        operation = self._take_cached()
        if perform_ready((operation,)) is None:
            operation.note_nothing_ready()
            self._cache(operation)
            raise WouldBlock("no source has a message")
        try:
            return operation.take_result()
        finally:
            self._cache(operation)

    @protected
    async def __anext__(self) -> T_co:
        operation = self._take_cached()
        await select(operation)
        if operation.ended:  # an error does not tell: a function may raise ReceiverStoppedError
            if at_end_of_channel(operation):
                raise StopAsyncIteration
            operation.raise_ended()
        try:
            return operation.take_result()
        except StopAsyncIteration as error:  # as Python does if a coroutine raises StopIteration
            raise RuntimeError("a function raised StopAsyncIteration") from error
        finally:
            self._cache(operation)

    @protected
    async def receive_many(self, max_messages: int, *, within: float | None = None) -> list[T_co]:
        check_int("max_messages", max_messages, least=1)
        if within is not None:
            return await self.receive_within(max_messages, within, self._deferred_errors)
        operation = self.receiving()
        await select(operation)
        messages = [operation.take_result()]
        while len(messages) < max_messages and perform_ready((operation,)) is not None:
            if operation.error is not None:  # the messages before the error are returned
                self._deferred_errors.append(operation.error)
            if operation.ended or operation.error is not None:
                operation.clear_result()
                break
            messages.append(operation.take_result())
        return messages

    def channels(self) -> Iterator[Channel[Any]]:
        for receiver in self._made_of():
            yield from receiver.channels()

    @property
    def lost(self) -> int:
        return sum(receiver.lost for receiver in self._made_of())

    def statistics(self) -> ChannelStatistics:
        return total(channel.statistics() for channel in {*self.channels()})

    @protected
    def close(self) -> None:
        for receiver in self._made_of():
            receiver.close()

    # Each source is told the error of the block: a channel on a server treats an error differently.

    @protected
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc_val, exc_tb)

    @protected
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        for receiver in self._made_of():
            receiver.__exit__(exc_type, exc_val, exc_tb)

    def __str__(self) -> str:
        return self._shown(str)

    def __repr__(self) -> str:
        return self._shown(repr)

    def _shown(self, show: Callable[[object], str]) -> str:
        receivers = self._made_of()
        shown = [show(receiver) for receiver in islice(receivers, _MOST_SHOWN)]
        if len(receivers) > len(shown):
            shown.append(f"and {len(receivers) - len(shown)} more")
        return f"{self._name}({', '.join(shown)})"


class MergedReceiver(DerivedReceiver[T]):
    """What `merge` returns."""

    def __init__(self, *receivers: ReceiverBase[T]) -> None:
        super().__init__("merge")
        parts = [one.sources if isinstance(one, MergedReceiver) else one for one in receivers]
        self.sources: Sources = Sources(parts, self._deferred_errors)

    @protected
    def clone(self) -> ReceiverBase[T]:
        clones: list[ReceiverBase[T]] = []
        members = [*self._made_of()]
        for receiver in members:
            with suppress(ReceiverStoppedError):  # a source that was closed on its own
                clones.append(receiver.clone())
        # If each source is closed, the clone of any source raises what there is to raise.
        return MergedReceiver(*clones) if clones else members[-1].clone()

    def _made_of(self) -> Collection[ReceiverBase[T]]:
        self.sources.flatten()
        return self.sources.members

    def _running(self) -> Collection[ReceiverBase[T]]:
        super()._running()
        sources = self.sources
        if sources.parts:
            sources.flatten()
        for errors in sources.inherited_errors:
            if errors:
                raise errors.popleft()
        return sources.running

    def _derived(
        self,
        operations: Sequence[Selectable[Any]],
        *,
        held: bool = False,  # noqa: ARG002  for `map` and `filter`
        further: bool = False,
    ) -> DerivedOperation[Any]:
        # A batch may end for a source before the source has ended.
        sources = self.sources.copy() if further else self.sources
        return MergeOperation(self, sources, operations)


class MappedReceiver(DerivedReceiver[U]):
    """What `Receiver.map` returns."""

    def __init__(self, receiver: ReceiverBase[T], function: Callable[[T], U]) -> None:
        check_function("function", function)
        super().__init__("map", receiver)
        self._receiver = receiver
        self._function = function

    @protected
    def clone(self) -> ReceiverBase[U]:
        return MappedReceiver(self._receiver.clone(), self._function)

    def _derived(
        self,
        operations: Sequence[Selectable[Any]],
        *,
        held: bool = False,
        further: bool = False,  # noqa: ARG002  for `merge`
    ) -> DerivedOperation[Any]:
        (source,) = operations
        function = partial(map_lease, self._function) if held else self._function
        return MapOperation(self, source, function)


class FilteredReceiver(DerivedReceiver[T]):
    """What `Receiver.filter` returns."""

    def __init__(self, receiver: ReceiverBase[T], predicate: Callable[[T], object]) -> None:
        check_function("predicate", predicate)
        super().__init__("filter", receiver)
        self._receiver = receiver
        self._predicate = predicate

    @protected
    def clone(self) -> ReceiverBase[T]:
        return FilteredReceiver(self._receiver.clone(), self._predicate)

    def _derived(
        self,
        operations: Sequence[Selectable[Any]],
        *,
        held: bool = False,
        further: bool = False,  # noqa: ARG002  for `merge`
    ) -> DerivedOperation[Any]:
        (source,) = operations
        predicate = partial(filter_lease, self._predicate) if held else self._predicate
        return FilterOperation(self, source, predicate)
