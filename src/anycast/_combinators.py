"""Receivers made of other receivers: `merge`, `map` and `filter`.

None of them has a task or a buffer: each receive is a `select` over operations of what it is
made of. So closing or dropping one leaves every message where it is, they nest, and they
work with the receivers of every kind of channel.
"""

# How operations proceed is private to the package, and not to their class.
# pyright: reportPrivateUsage=none

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast, overload

from anyio import WouldBlock

from anycast._arguments import check_callable, check_int, check_some
from anycast._errors import ReceiverStoppedError
from anycast._lease import Held
from anycast._operation import Operation
from anycast._receiver import Receiver
from anycast._select import pick, select, select_nowait

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from anycast._operation import Leaf

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
    return _Merged(*receivers)


class _Combined(Receiver[T_co]):
    """What the receivers made of other receivers share."""

    def __init__(self, name: str, *receivers: Receiver[Any]) -> None:
        self._name = name
        self._receivers = receivers
        self._late: Exception | None = None
        self._spare: _Combining[T_co] | None = None

    @abstractmethod
    def _combine(self, *, leased: bool) -> Operation[Any]:
        """Return the operation that receives, or leases, a message."""

    def _operation(self, *, leased: bool) -> Operation[Any]:
        if self._late is None:
            return self._combine(leased=leased)
        try:
            raise self._late
        finally:
            self._late = None

    def receiving(self) -> Operation[T_co]:
        return self._operation(leased=False)

    def _leasing(self) -> Operation[Held[T_co]]:
        return self._operation(leased=True)

    def _borrow(self) -> Operation[T_co]:
        """Return an operation to receive with: the one of last time, if it is not in use."""
        spare, self._spare = self._spare, None
        if spare is None or self._late is not None:
            return self.receiving()
        spare._receiver = self
        return spare

    def _keep(self, operation: Operation[T_co]) -> None:
        """Keep an operation for the next time: it takes time to make one."""
        if isinstance(operation, _Combining):
            operation._receiver = None  # it would be a cycle
            self._spare = operation

    async def receive(self) -> T_co:
        operation = self._borrow()
        await select(operation)
        try:
            return operation._hand_over()
        finally:
            self._keep(operation)

    def receive_nowait(self) -> T_co:
        operation = self._borrow()
        select_nowait(operation)
        try:
            return operation._hand_over()
        finally:
            self._keep(operation)

    async def __anext__(self) -> T_co:
        operation = self._borrow()
        await select(operation)
        if operation._ended:  # what a function raises may look like an end, and is none
            raise StopAsyncIteration
        try:
            return operation._hand_over()
        finally:
            self._keep(operation)

    async def receive_many(self, max_messages: int) -> list[T_co]:
        check_int("max_messages", max_messages, least=1)
        operation = self.receiving()
        messages = [(await select(operation))._hand_over()]
        with suppress(WouldBlock):
            while len(messages) < max_messages:
                select_nowait(operation)
                self._late = operation._error  # those that came before it are not to be lost
                if operation._ended or self._late is not None:
                    operation._forget()
                    break
                messages.append(operation._hand_over())
        return messages

    def close(self) -> None:
        for receiver in self._receivers:
            receiver.close()

    def __str__(self) -> str:
        return f"{self._name}({', '.join(map(str, self._receivers))})"

    def __repr__(self) -> str:
        return f"{self._name}({', '.join(map(repr, self._receivers))})"


class _Merged(_Combined[T]):
    """What `merge` returns."""

    def __init__(self, *receivers: Receiver[T]) -> None:
        super().__init__("merge", *receivers)
        self.running = list(dict.fromkeys(receivers))  # those not known to have ended

    def clone(self) -> Receiver[T]:
        return _Merged(*(receiver.clone() for receiver in self._receivers))

    def _combine(self, *, leased: bool) -> Operation[Any]:
        return _Merging(self, leased=leased)


class Mapped(_Combined[U]):
    """What `Receiver.map` returns."""

    def __init__(self, receiver: Receiver[T], function: Callable[[T], U]) -> None:
        check_callable("function", function)
        super().__init__("map", receiver)
        self._receiver = receiver
        self._function = function

    def clone(self) -> Receiver[U]:
        return Mapped(self._receiver.clone(), self._function)

    def _combine(self, *, leased: bool) -> Operation[Any]:
        if leased:
            return _Mapping(self, self._receiver._leasing(), partial(_map_lease, self._function))
        return _Mapping(self, self._receiver.receiving(), self._function)


class Filtered(_Combined[T]):
    """What `Receiver.filter` returns."""

    def __init__(self, receiver: Receiver[T], predicate: Callable[[T], object]) -> None:
        check_callable("predicate", predicate)
        super().__init__("filter", receiver)
        self._receiver = receiver
        self._predicate = predicate

    def clone(self) -> Receiver[T]:
        return Filtered(self._receiver.clone(), self._predicate)

    def _combine(self, *, leased: bool) -> Operation[Any]:
        if leased:
            accept = partial(_filter_lease, self._predicate)
            return _Filtering(self, self._receiver._leasing(), accept)
        return _Filtering(self, self._receiver.receiving(), self._predicate)


def _map_lease(function: Callable[[T], U], held: Held[T]) -> Held[U]:
    """Map a message on lease; one that the function cannot map counts as done."""
    try:
        return Held(function(held.message), held.done, held.give_back)
    except BaseException:
        held.done()
        raise


def _filter_lease(predicate: Callable[[T], object], held: Held[T]) -> bool:
    """Filter a message on lease; one that is turned away counts as done."""
    accepted = False
    try:
        accepted = bool(predicate(held.message))
    finally:
        if not accepted:
            held.done()
    return accepted


class _Combining(Operation[T_co]):
    """An operation made of others, for a receiver made of others."""

    __slots__ = ("_receiver",)

    def __init__(self, receiver: Receiver[Any]) -> None:
        super().__init__()
        self._receiver: Receiver[Any] | None = receiver

    @abstractmethod
    def _inner(self, leaf: Leaf[Any]) -> Operation[Any]:
        """Return the operation to which a leaf belongs."""

    @abstractmethod
    def _accept(self, value: Any) -> bool:
        """Make the result of what was received; return whether it is not turned away."""

    def _inner_ended(self, inner: Operation[Any]) -> bool:  # noqa: ARG002  for `merge`
        """Go on without an operation that has ended; return True if there is nothing left."""
        return self._has_ended()

    def _perform(self, leaf: Leaf[Any]) -> bool:
        inner = self._inner(leaf)
        if not inner._perform(leaf):
            return False
        if inner._ended:
            return self._inner_ended(inner)
        if inner._error is not None:  # in no local variable: its traceback refers to this frame
            self._happened(error=inner._error)
            inner._forget()
            return True
        try:
            return self._accept(inner._hand_over())
        except Exception as error:  # noqa: BLE001  `result` raises it
            return self._happened(error=_without_our_frames(error))

    def _stopped_by(self, inner: Operation[Any]) -> NoReturn:
        try:
            inner._raise_end()
        except ReceiverStoppedError as error:
            receiver = cast("Receiver[Any]", self._receiver)  # only a spare operation has none
            raise ReceiverStoppedError(receiver) from error.__cause__


def _without_our_frames(error: Exception) -> Exception:
    """Drop what a traceback begins with: frames that refer to the one who keeps the error."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals is globals():
        frames = frames.tb_next
    return error.with_traceback(frames)


class _Merging(_Combining[T_co]):
    """Receives from whichever is ready."""

    __slots__ = ("_operations", "_running")

    def __init__(self, merged: _Merged[Any], *, leased: bool) -> None:
        super().__init__(merged)
        self._running = merged.running
        self._operations = {
            receiver._leasing() if leased else receiver.receiving(): receiver
            for receiver in merged.running
        }

    def _leaves(self) -> Iterable[Leaf[Any]]:
        return [leaf for operation in self._operations for leaf in operation._leaves()]

    def _ready(self, standing: Container[Leaf[Any]]) -> Leaf[Any] | None:
        found = pick(self._operations, standing)
        return None if found is None else found[1]

    def _inner(self, leaf: Leaf[Any]) -> Operation[Any]:
        return next(one for one in self._operations if leaf in one._leaves())

    def _accept(self, value: Any) -> bool:
        return self._happened(value=value)

    def _inner_ended(self, inner: Operation[Any]) -> bool:
        if len(self._operations) == 1:
            return self._has_ended()
        receiver = self._operations.pop(inner)
        running = self._running
        if receiver in running and len(running) > 1:
            running.remove(receiver)
        return False

    def _raise_end(self) -> NoReturn:
        (inner,) = self._operations
        self._stopped_by(inner)


class _Mapping(_Combining[U]):
    """Receives, and applies a function."""

    __slots__ = ("_function", "_operation")

    def __init__(
        self, receiver: Receiver[Any], operation: Operation[T], function: Callable[[T], Any]
    ) -> None:
        super().__init__(receiver)
        self._operation = operation
        self._function = function

    def _leaves(self) -> Iterable[Leaf[Any]]:
        return self._operation._leaves()

    def _ready(self, standing: Container[Leaf[Any]]) -> Leaf[Any] | None:
        return self._operation._ready(standing)

    def _inner(self, leaf: Leaf[Any]) -> Operation[Any]:  # noqa: ARG002  there is but one
        return self._operation

    def _accept(self, value: Any) -> bool:
        return self._happened(value=self._function(value))

    def _raise_end(self) -> NoReturn:
        self._stopped_by(self._operation)


class _Filtering(_Mapping[T]):
    """Receives, and turns away what the function does not accept."""

    __slots__ = ()

    def _accept(self, value: Any) -> bool:
        return bool(self._function(value)) and self._happened(value=value)
