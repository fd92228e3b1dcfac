"""Operations made of others: how `merge`, `map` and `filter` receive."""

# How operations proceed is private to the package, and not to their class.
# pyright: reportPrivateUsage=none

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from anycast._choice import choose_ready, random_index
from anycast._errors import ReceiverStoppedError
from anycast._lease import LeasedMessage
from anycast._operation import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from anycast._combinators import MergedReceiver
    from anycast._operation import Leaf
    from anycast._receiver import Receiver

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


class DerivedOperation(Operation[T_co]):
    """An operation made of others, for a receiver made of others."""

    __slots__ = ("_receiver",)

    def __init__(self, receiver: Receiver[Any]) -> None:
        super().__init__()
        self._receiver: Receiver[Any] | None = receiver

    @abstractmethod
    def source_of(self, leaf: Leaf[Any]) -> Operation[Any]:
        """Return the one to which a leaf belongs."""

    @abstractmethod
    def transform(self, value: Any) -> bool:
        """Make the result of what was received; return whether it is not turned away."""

    def source_ended(self, source: Operation[Any]) -> bool:  # noqa: ARG002  for `merge`
        """Go on without an operation that has ended; return True if there is nothing left."""
        return self.set_ended()

    def complete(self, leaf: Leaf[Any]) -> bool:
        source = self.source_of(leaf)
        return source.complete(leaf) and self.adopt_outcome(source)

    def adopt_outcome(self, source: Operation[Any]) -> bool:
        """Let what has happened to one that it is made of happen to it, too."""
        if source.ended:
            return self.source_ended(source)
        if source.error is not None:  # in no local variable: its traceback refers to this frame
            self.set_outcome(error=source.error)
            source.clear_result()
            return True
        try:
            return self.transform(source.take_result())
        except Exception as error:  # noqa: BLE001  `result` raises it
            return self.set_outcome(error=_without_our_frames(error))

    def _raise_stopped(self, source: Operation[Any]) -> NoReturn:
        try:
            source.raise_ended()
        except ReceiverStoppedError as error:
            receiver = cast("Receiver[Any]", self._receiver)  # only a spare operation has none
            raise ReceiverStoppedError(receiver) from error.__cause__


def _without_our_frames(error: Exception) -> Exception:
    """Drop what a traceback begins with: frames that refer to the one who keeps the error."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals is globals():
        frames = frames.tb_next
    return error.with_traceback(frames)


class MergeOperation(DerivedOperation[T_co]):
    """Receives from whichever is ready.

    Whose turn it is is drawn once a message, and it stands however often they are looked at
    until then. Were it drawn anew after a yield, those that have to yield would be passed over.
    """

    __slots__ = ("_operations", "_receivers", "_running", "_turn")

    def __init__(self, merged: MergedReceiver[Any], *, leased: bool) -> None:
        super().__init__(merged)
        self._running = merged.running
        self._receivers = [*merged.running]
        self._operations = [
            receiver._leasing() if leased else receiver.receiving() for receiver in self._receivers
        ]
        self._turn: Operation[Any] | None = None

    def leaves(self) -> Iterable[Leaf[Any]]:
        return [leaf for operation in self._operations for leaf in operation.leaves()]

    def try_fast(self) -> bool:
        turn = self._turn
        if turn is None:
            turn = self._turn = self._operations[random_index(len(self._operations))]
        if not turn.try_fast():
            return False
        self._turn = None
        return self.adopt_outcome(turn)

    def find_ready(self) -> Leaf[Any] | None:
        turn = () if self._turn is None else (self._turn,)
        found = choose_ready(turn) or choose_ready(self._operations)
        if found is None:
            return None
        self._turn, leaf = found
        return leaf

    def complete(self, leaf: Leaf[Any]) -> bool:
        self._turn = None
        return super().complete(leaf)

    def source_of(self, leaf: Leaf[Any]) -> Operation[Any]:
        return next(one for one in self._operations if leaf in one.leaves())

    def transform(self, value: Any) -> bool:
        return self.set_outcome(value=value)

    def source_ended(self, source: Operation[Any]) -> bool:
        if len(self._operations) == 1:
            return self.set_ended()
        index = self._operations.index(source)
        del self._operations[index]
        receiver, running = self._receivers.pop(index), self._running
        if receiver in running and len(running) > 1:
            running.remove(receiver)
        return False

    def raise_ended(self) -> NoReturn:
        (source,) = self._operations
        self._raise_stopped(source)


class MapOperation(DerivedOperation[U]):
    """Receives, and applies a function."""

    __slots__ = ("_function", "_operation")

    def __init__(
        self, receiver: Receiver[Any], operation: Operation[T], function: Callable[[T], Any]
    ) -> None:
        super().__init__(receiver)
        self._operation = operation
        self._function = function

    def try_fast(self) -> bool:
        operation = self._operation
        return operation.try_fast() and self.adopt_outcome(operation)

    def leaves(self) -> Iterable[Leaf[Any]]:
        return self._operation.leaves()

    def find_ready(self) -> Leaf[Any] | None:
        return self._operation.find_ready()

    def source_of(self, leaf: Leaf[Any]) -> Operation[Any]:  # noqa: ARG002  there is but one
        return self._operation

    def transform(self, value: Any) -> bool:
        return self.set_outcome(value=self._function(value))

    def raise_ended(self) -> NoReturn:
        self._raise_stopped(self._operation)


class FilterOperation(MapOperation[T]):
    """Receives, and turns away what the function does not accept."""

    __slots__ = ()

    def transform(self, value: Any) -> bool:
        return bool(self._function(value)) and self.set_outcome(value=value)


def map_lease(function: Callable[[T], U], held: LeasedMessage[T]) -> LeasedMessage[U]:
    """Map a message on lease; one that the function cannot map counts as done."""
    try:
        return LeasedMessage(function(held.message), held.done, held.give_back)
    except BaseException:
        held.done()
        raise


def filter_lease(predicate: Callable[[T], object], held: LeasedMessage[T]) -> bool:
    """Filter a message on lease; one that is turned away counts as done."""
    accepted = False
    try:
        accepted = bool(predicate(held.message))
    finally:
        if not accepted:
            held.done()
    return accepted
