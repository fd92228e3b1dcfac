"""Derived operations: how `merge`, `map` and `filter` receive.

A derived operation is made of further operations, the *sources*.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from inspect import CORO_CREATED, getcoroutinestate, isawaitable, iscoroutine
from types import GeneratorType
from typing import Any, NoReturn, TypeVar, cast

from anycast._combinators.lease import LeasedMessage
from anycast._combinators.sources import Sources
from anycast._interface.errors import ReceiverClosedError, ReceiverStoppedError
from anycast._interface.not_a_value import NotAValue
from anycast._interface.receiver import Receiver
from anycast._select.fairness import choose_ready, random_index
from anycast._select.selectable import Leaf, Selectable

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


class DerivedOperation(Selectable[T_co]):
    """An operation made of sources.

    Args:
        receiver: the derived receiver that receives with this operation. Errors name the receiver.
    """

    __slots__ = ("receiver",)

    def __init__(self, receiver: Receiver[Any]) -> None:
        super().__init__()
        # None while the receiver keeps this operation for the next receive.
        self.receiver: Receiver[Any] | None = receiver

    @abstractmethod
    def source_of(self, leaf: Leaf[Any]) -> Selectable[Any]:
        """Return the source to which a leaf belongs."""

    @abstractmethod
    def transform(self, value: Any) -> bool:
        """Set the outcome from a received value. Returns False if the value is dropped."""

    def source_ended(self, source: Selectable[Any]) -> bool:  # noqa: ARG002  for `merge`
        """React to a source that has ended. Returns whether this operation has ended, too."""
        return self.set_ended()

    def complete(self, leaf: Leaf[Any]) -> bool:
        source = self.source_of(leaf)
        return source.complete(leaf) and self.adopt_outcome(source)

    def adopt_outcome(self, source: Selectable[Any]) -> bool:
        """Make the outcome from the outcome of a source; return whether this has happened."""
        if source.ended:
            source.ended = False  # a destroyed task may give a message back to the ended channel
            return self.source_ended(source)
        if source.error is not None:
            # Without a local variable for the error: the traceback may refer to this frame.
            self.set_outcome(error=source.error)
            source.clear_result()
            return True
        try:
            return self.transform(source.take_result())
        except Exception as error:  # noqa: BLE001  `result` raises it
            return self.set_outcome(error=_without_our_frames(error))

    def raise_stopped(self, source: Selectable[Any]) -> NoReturn:
        """Raise the error of a source that has ended, with this operation's own receiver."""
        try:
            source.raise_ended()
        except ReceiverStoppedError as error:
            receiver = cast("Receiver[Any]", self.receiver)  # None only between two receives
            closed = isinstance(error, ReceiverClosedError)
            kind = ReceiverClosedError if closed else ReceiverStoppedError
            raise kind(receiver) from error.__cause__

    def __str__(self) -> str:
        return f"{type(self).__name__} of {self.receiver}"


def at_end_of_channel(operation: Selectable[Any]) -> bool:
    """Return whether an operation has ended with its channel, and not by a close or a failure."""
    try:
        operation.raise_ended()
    except ReceiverClosedError:
        return False
    except ReceiverStoppedError:
        return True
    except Exception:  # noqa: BLE001  a failure, which a kind of channel reports in its own way
        return False


def _without_our_frames(error: Exception) -> Exception:
    """Drop the first frames of a traceback: they refer to the operation that stores the error."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals is globals():
        frames = frames.tb_next
    return error.with_traceback(frames)


class MergeOperation(DerivedOperation[T_co]):
    """Receives from whichever source is ready.

    A source is drawn once for each message, and this choice stays until the message is received.
    Drawing again after a yield would favour the sources without a due yield.

    Args:
        receiver: the merged receiver.
        merged: the receivers of the merge. Receivers that stop are noted here.
        sources: the operation of each running receiver, in the same order.
    """

    __slots__ = ("_drawn", "_merged", "_receivers", "_source_of", "_sources")

    def __init__(
        self, receiver: Receiver[Any], merged: Sources, sources: Sequence[Selectable[Any]]
    ) -> None:
        super().__init__(receiver)
        self._merged = merged
        self._receivers = [*merged.running]  # of the sources, in the same order
        self._sources = [*sources]
        self._drawn: Selectable[Any] | None = None  # the source to look at first
        # The source of each leaf that was found ready or that waits: a search would take long.
        self._source_of: dict[Leaf[Any], Selectable[Any]] = {}

    def leaves(self) -> Iterable[Leaf[Any]]:
        self._source_of = {leaf: source for source in self._sources for leaf in source.leaves()}
        return self._source_of

    def before_wait(self) -> None:
        for source in self._sources:
            source.before_wait()

    def note_nothing_ready(self) -> None:
        for source in self._sources:
            source.note_nothing_ready()

    def try_fast(self) -> bool:
        drawn = self._drawn
        if drawn is None:
            drawn = self._drawn = self._sources[random_index(len(self._sources))]
        if not drawn.try_fast():
            return False
        self._drawn = None
        return self.adopt_outcome(drawn)

    def find_ready(self) -> Leaf[Any] | None:
        # A look at a single drawn source first is fair, too, and is fast where most sources are
        # ready.
        drawn = self._drawn or self._sources[random_index(len(self._sources))]
        leaf = drawn.find_ready()
        if leaf is None:
            # Not the drawn source again: merges in merges would be asked again and again.
            found = choose_ready([source for source in self._sources if source is not drawn])
            if found is None:
                return None
            drawn, leaf = found
        self._drawn = self._source_of[leaf] = drawn
        return leaf

    def complete(self, leaf: Leaf[Any]) -> bool:
        self._drawn = None
        return super().complete(leaf)

    def source_of(self, leaf: Leaf[Any]) -> Selectable[Any]:
        return self._source_of[leaf]

    def transform(self, value: Any) -> bool:
        return self.set_outcome(value=value)

    def source_ended(self, source: Selectable[Any]) -> bool:
        if self._merged.stopped_early is None and not at_end_of_channel(source):
            self._merged.stopped_early = source
        if len(self._sources) == 1:
            return self.set_ended()
        index = self._sources.index(source)
        del self._sources[index]
        receiver, running = self._receivers.pop(index), self._merged.running
        if len(running) > 1:
            running.pop(receiver, None)
        return False

    def raise_ended(self) -> NoReturn:
        (source,) = self._sources
        self.raise_stopped(self._merged.stopped_early or source)


class MapOperation(DerivedOperation[U]):
    """Receives, and applies a function to the message."""

    __slots__ = ("_function", "_plain", "_source")

    def __init__(
        self, receiver: Receiver[Any], source: Selectable[T], function: Callable[[T], Any]
    ) -> None:
        super().__init__(receiver)
        self._source = source
        self._function = function
        # The type of the last result that was not awaitable. A result of the same type need not be
        # checked again: most functions return a single type. `map_lease` returns `LeasedMessage`.
        self._plain: type[object] | None = LeasedMessage

    def leaves(self) -> Iterable[Leaf[Any]]:
        return self._source.leaves()

    def before_wait(self) -> None:
        self._source.before_wait()

    def note_nothing_ready(self) -> None:
        self._source.note_nothing_ready()

    def try_fast(self) -> bool:
        source = self._source
        return source.try_fast() and self.adopt_outcome(source)

    def find_ready(self) -> Leaf[Any] | None:
        return self._source.find_ready()

    def source_of(self, leaf: Leaf[Any]) -> Selectable[Any]:  # noqa: ARG002  there is one source
        return self._source

    def transform(self, value: Any) -> bool:
        result: object = self._function(value)
        if type(result) is not self._plain:
            refuse_awaitable(self._function, result)
            # Some generators are awaitable, so their type tells nothing.
            self._plain = None if isinstance(result, GeneratorType) else type(result)
        return self.set_outcome(value=result)

    def raise_ended(self) -> NoReturn:
        self.raise_stopped(self._source)


class FilterOperation(MapOperation[T]):
    """Receives, and drops the messages for which the function's result is false."""

    __slots__ = ()

    def transform(self, value: Any) -> bool:
        accepted = self._function(value)
        if accepted is not True and accepted is not False:
            refuse_awaitable(self._function, accepted)
        return bool(accepted) and self.set_outcome(value=value)


def refuse_awaitable(function: object, result: object) -> None:
    """Raise if the result of a function is awaitable: nothing here could await the result.

    The function stands in this module so that `_without_our_frames` drops the frame of the
    function: the frame refers to the result.

    Raises:
        TypeError: if the result is awaitable. A coroutine that was not started is closed, and so
            does not warn that it was never awaited.
    """
    kind = type(result)
    # `isawaitable` alone takes much longer. A lease and an operation have an `__await__` that only
    # tells what to use.
    may_be = (hasattr(kind, "__await__") or kind is GeneratorType) and isawaitable(result)
    if may_be and not isinstance(result, NotAValue):
        if iscoroutine(result) and getcoroutinestate(result) == CORO_CREATED:
            result.close()
        raise TypeError(
            f"`map` and `filter` take plain functions, but {function!r} returned an awaitable:"
            " await in the task that receives"
        )


def map_lease(function: Callable[[T], U], leased: LeasedMessage[T]) -> LeasedMessage[U]:
    """Map a message on lease. If the function raises, the lease ends as done."""
    try:
        result = function(leased.message)
        refuse_awaitable(function, result)
        return LeasedMessage(result, leased.hold)
    except BaseException:
        leased.hold.finish()
        raise


def filter_lease(predicate: Callable[[T], object], leased: LeasedMessage[T]) -> bool:
    """Filter a message on lease. If the message is dropped, the lease ends as done."""
    accepted = False
    try:
        result = predicate(leased.message)
        refuse_awaitable(predicate, result)
        accepted = bool(result)
    finally:
        if not accepted:
            leased.hold.finish()
    return accepted
