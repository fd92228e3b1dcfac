"""What `select` chooses among: sends and receives that have not happened yet.

An operation is a *leaf*, which waits in one queue of one channel, or it is derived from others,
as the operations of `merge`, `map` and `filter` are. `select` asks each operation for a leaf
that is ready and lets the leaf act, or lets all leaves of all operations wait until a peer acts
for one of them. Either way the leaf has an outcome then, and its operation adopts it.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from anycast._waiter import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from anycast._core import Core
    from anycast._endpoints import Endpoint
    from anycast._waiter import WaitQueue

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


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

    __slots__ = ("ended", "error", "traceback", "value")

    def __init__(self) -> None:
        self.value: T_co = NOTHING
        self.error: Exception | None = None
        self.traceback: TracebackType | None = None  # of the error, as it was at first
        self.ended = False

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
        if self.value is not NOTHING:
            return self.value
        if self.ended:
            self.raise_ended()
        if self.error is not None:
            try:
                raise self.error.with_traceback(self.traceback)
            finally:
                del self  # or its traceback would keep the error alive
        raise RuntimeError("the operation has not happened: `select` did not return it")

    def set_outcome(self, *, value: Any = NOTHING, error: Exception | None = None) -> bool:
        """Note what became of it; return True, since it has happened."""
        self.ended = False
        self.value = value
        self.error = error
        self.traceback = error.__traceback__ if error is not None else None
        return True

    def take_result(self) -> T_co:
        """Return, or raise, the result, and keep it no more.

        To keep an error would make a cycle: the frames of its traceback refer to their
        callers, and those to the operation.
        """
        try:
            return self.result()
        finally:
            self.clear_result()

    def clear_result(self) -> None:
        """Keep nothing of what it gave."""
        self.value, self.error, self.traceback = NOTHING, None, None

    def set_ended(self) -> bool:
        """Note that it can happen no more; return True: to find that out is to happen."""
        self.clear_result()
        self.ended = True
        return True

    def try_fast(self) -> bool:
        """Perform the operation if one check shows that it is ready, and no yield is due."""
        return False

    @abstractmethod
    def leaves(self) -> Iterable[Leaf[Any]]:
        """Return what is to wait while the operation is not ready."""

    @abstractmethod
    def find_ready(self) -> Leaf[Any] | None:
        """Return a leaf that is ready."""

    @abstractmethod
    def complete(self, leaf: Leaf[Any]) -> bool:
        """Make the outcome of one of its leaves its own; return whether it has happened by that."""

    @abstractmethod
    def raise_ended(self) -> NoReturn:
        """Raise why the operation can happen no more."""
        raise NotImplementedError


class Leaf(Operation[T_co]):
    """A send or receive at one end of one channel.

    Args:
        endpoint: the end.
        core: of the channel.
        queue: where the leaf waits.
        offer: what stands in the queue with its waiter, as the core says.
    """

    __slots__ = ("core", "endpoint", "offer", "peers", "queue")

    def __init__(
        self, endpoint: Endpoint[Any], core: Core[Any], queue: WaitQueue, offer: Any
    ) -> None:
        super().__init__()
        self.endpoint = endpoint
        self.core = core
        self.queue = queue
        self.offer = offer
        self.peers = core.senders if queue is core.receivers else core.receivers

    def leaves(self) -> Iterable[Leaf[Any]]:
        return (self,)

    def find_ready(self) -> Leaf[Any] | None:
        return self if self.peers or self.needs_no_peer() else None

    def try_fast(self) -> bool:
        core = self.core
        if core.transfers >= core.yield_at or core.closed or self.endpoint.closed:
            return False
        return self._transfer()

    def complete(self, leaf: Leaf[Any]) -> bool:  # noqa: ARG002  it is this one
        return True

    def raise_ended(self) -> NoReturn:
        self.endpoint.raise_stopped()

    def act(self) -> bool:
        """Act on the channel, or note that the end is closed; return False if neither can be."""
        if not self.endpoint.stopped:
            return self._transfer()
        self.core.yield_at -= 1  # to find that out counts as an operation
        return self.set_ended()

    @abstractmethod
    def _transfer(self) -> bool:
        """Send or receive, if that is possible at once."""

    @abstractmethod
    def needs_no_peer(self) -> bool:
        """Return whether it is ready even if nobody waits on the other side."""

    def accept(self, given: Any) -> None:
        """Note what a peer gave."""
        self.value = given

    def undo(self, given: Any) -> None:
        """Give back what a peer gave: the task can no longer take it."""


class SendOperation(Leaf[None]):
    """What `Sender.sending` returns."""

    __slots__ = ()

    def needs_no_peer(self) -> bool:
        core = self.core
        return len(core.buffer) < core.capacity or core.closed or self.endpoint.closed

    def _transfer(self) -> bool:
        if not self.core.offer(self.offer):
            return False
        self.value = None
        return True


class ReceiveOperation(Leaf[T_co]):
    """What `Receiver.receiving` returns."""

    __slots__ = ()

    def needs_no_peer(self) -> bool:
        return bool(self.core.buffer) or self.endpoint.closed or self.core.ended

    def _transfer(self) -> bool:
        message = self.core.take()
        if message is not NOTHING:
            self.accept(message)
        return message is not NOTHING

    def undo(self, given: Any) -> None:
        self.core.put_back(given)
