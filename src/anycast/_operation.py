"""What `select` chooses among: sends and receives that have not happened yet.

An operation is a *leaf*, which waits in one line of one channel, or is made of others, as
those of `merge`, `map` and `filter`. `select` asks each operation for a leaf that can
proceed, or lets all leaves of all operations wait; and when the turn of one leaf has come,
tells its operation to perform it.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from types import TracebackType

    from anycast._core import Core
    from anycast._endpoints import Endpoint
    from anycast._line import Line

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_NOTHING: Any = object()


class Operation(Generic[T_co]):  # no ABC: `select` checks its arguments, and that is faster
    """One send or receive that `select` may perform, and what became of it.

    Made by `Sender.sending` and `Receiver.receiving`. It may be used again, in one `select`
    after another.

    ```python
    import anyio
    from anycast import Anycast, select


    async def main() -> None:
        orders, stops = Anycast[str](), Anycast[None]()
        await orders.new_sender().send("tea")
        order, stop = orders.new_receiver().receiving(), stops.new_receiver().receiving()
        done = await select(order, stop)
        assert done is order
        assert order.result() == "tea"


    anyio.run(main, backend="asyncio")
    ```
    """

    __slots__ = ("_ended", "_error", "_traceback", "_value")

    def __init__(self) -> None:
        self._value: T_co = _NOTHING
        self._error: Exception | None = None
        self._traceback: TracebackType | None = None  # of the error, as it was at first
        self._ended = False

    def result(self) -> T_co:
        """Return what the operation gave when it happened last.

        Returns:
            The message that was received; None if one was sent.

        Raises:
            ReceiverStoppedError: as `Receiver.receive`, if it is a receive that can happen
                no more.
            SenderError: as `Sender.send`, if it is a send that can happen no more.
            Exception: what the function of a `Receiver.map` or `Receiver.filter` raised.
            RuntimeError: if it has not happened yet.
        """
        if self._value is not _NOTHING:
            return self._value
        if self._ended:
            self._raise_end()
        if self._error is not None:
            try:
                raise self._error.with_traceback(self._traceback)
            finally:
                del self  # or its traceback would keep the error alive
        raise RuntimeError("the operation has not happened: `select` did not return it")

    def _happened(self, *, value: Any = _NOTHING, error: Exception | None = None) -> bool:
        """Note what became of it; return True, since it has happened."""
        self._ended = False
        self._value = value
        self._error = error
        self._traceback = error.__traceback__ if error is not None else None
        return True

    def _hand_over(self) -> T_co:
        """Return, or raise, the result, and keep it no more.

        To keep an error would make a cycle: the frames of its traceback refer to their
        callers, and those to the operation.
        """
        try:
            return self.result()
        finally:
            self._forget()

    def _forget(self) -> None:
        """Keep nothing of what it gave."""
        self._value, self._error, self._traceback = _NOTHING, None, None

    def _has_ended(self) -> bool:
        """Note that it can happen no more; return True: to find that out is to happen."""
        self._forget()
        self._ended = True
        return True

    def _at_once(self) -> bool:
        """Perform it if that is plain at a glance, and no yield is due; return whether it was."""
        return False

    @abstractmethod
    def _leaves(self) -> Iterable[Leaf[Any]]:
        """Return what is to wait while the operation cannot proceed."""

    @abstractmethod
    def _ready(self, standing: Container[Leaf[Any]]) -> Leaf[Any] | None:
        """Return a leaf that can proceed, not one of those that stand in line already."""

    @abstractmethod
    def _perform(self, leaf: Leaf[Any]) -> bool:
        """Let one of its leaves act, whose turn it is; return whether that made it happen."""

    @abstractmethod
    def _raise_end(self) -> NoReturn:
        """Raise why the operation can happen no more."""
        raise NotImplementedError


class Leaf(Operation[T_co]):
    """A send or receive at one end of one channel."""

    __slots__ = ("core", "endpoint", "line")

    def __init__(self, endpoint: Endpoint[Any], core: Core[Any], line: Line) -> None:
        super().__init__()
        self.endpoint = endpoint
        self.core = core
        self.line = line

    def look(self) -> None:
        """Note whether what makes it ready is the end, before it acts."""
        # A closed end is looked into only if it may be one: this is `select` at its fastest.
        if (self.core.closed or self.endpoint.closed) and self.endpoint.stopped:
            self._has_ended()  # for good

    def _leaves(self) -> Iterable[Leaf[Any]]:
        return (self,)

    def _raise_end(self) -> NoReturn:
        self.endpoint.raise_stopped()


class Sending(Leaf[None]):
    """What `Sender.sending` returns."""

    __slots__ = ("_message",)

    def __init__(self, endpoint: Endpoint[T], core: Core[T], message: T) -> None:
        super().__init__(endpoint, core, core.senders)
        self._message = message

    def _ready(self, standing: Container[Leaf[Any]]) -> Leaf[Any] | None:
        core = self.core
        # `Core.is_free` and `stopped`, written out here and below: two calls less for each arm.
        if len(core.buffer) < core.capacity or core.closed or self.endpoint.closed:
            return None if self in standing else self
        return None

    def _at_once(self) -> bool:
        core = self.core
        if len(core.buffer) >= core.capacity or core.acts >= core.yield_at or self.endpoint.closed:
            return False
        core.put(self._message)
        self._value = None
        return True

    def _perform(self, leaf: Leaf[Any]) -> bool:  # noqa: ARG002  it is this one
        if not self._ended:
            self.core.put(self._message)
            self._value = None
        return True


class Receiving(Leaf[T_co]):
    """What `Receiver.receiving` returns."""

    __slots__ = ()

    def _ready(self, standing: Container[Leaf[Any]]) -> Leaf[Any] | None:
        core = self.core
        if len(core.buffer) > core.reserved or (core.closed and core.ended) or self.endpoint.closed:
            return None if self in standing else self
        return None

    def _at_once(self) -> bool:
        core = self.core
        if len(core.buffer) <= core.reserved or core.acts >= core.yield_at or self.endpoint.closed:
            return False
        core.acts += 1  # `Core.take`, written out
        message = core.buffer.popleft()
        if core.senders.waiting:
            core.promise_room()
        self._value = message  # only now: to drop the one of last time may run a finalizer
        return True

    def _perform(self, leaf: Leaf[Any]) -> bool:  # noqa: ARG002  it is this one
        if not self._ended:
            self._value = self.core.take()
        return True
