"""The operations that receive from a channel on a server, for `select`.

An operation wraps the operation of the inbox that receives a token, and then takes a delivery.
If the receiver rejects the delivery, for example because the lease has run out, the operation has
not happened, and `select` goes on waiting.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn, Protocol, TypeVar

from anycast._combinators.lease import Hold, LeasedMessage
from anycast._select.selectable import Leaf, Selectable
from anycast.redis._delivery import Delivery
from anycast.redis._inbox import BatchDemand
from anycast.redis._session import Session

T = TypeVar("T")


class AcknowledgingReceiver(Protocol[T]):
    """The methods of a receiver that its operations call."""

    def begin_receive(self) -> None:
        """Acknowledge the messages received so far, before the next message is asked for.

        Raises:
            RuntimeError: if the channel was not entered, and so a message would never come.
        """

    def acknowledge(self) -> None:
        """Acknowledge the messages received so far."""

    def accepts(self, delivery: Delivery[T], /) -> bool:
        """Return whether the receiver can take a delivery; if not, the delivery is given back."""
        ...

    def hold(self, delivery: Delivery[T], /) -> T:
        """Keep a delivery, to acknowledge the delivery later, and return its message."""
        ...

    def raise_stopped(self) -> NoReturn:
        """Raise the error that says why the receiver has stopped."""
        ...


class ReceiveOperation(Selectable[T]):
    """Receives a message, which the receiver acknowledges later.

    Args:
        receiver: the receiver that made the operation.
        inner: the operation that receives a token of the inbox.
        session: gives deliveries, and settles them.
    """

    __slots__ = ("_inner", "_receiver", "_session")

    def __init__(
        self, receiver: AcknowledgingReceiver[T], inner: Selectable[None], session: Session[T]
    ) -> None:
        super().__init__()
        self._receiver = receiver
        self._inner = inner
        self._session = session

    def before_wait(self) -> None:
        # A closed channel ends when every message is acknowledged. If `select` waited for the end
        # while this receiver kept messages unacknowledged, the end would never come.
        self._receiver.begin_receive()
        # A `select` adds no demand: the pump sees the waiting task in the queue. A loop that polls
        # cancels its `select` at once. `linger` keeps the demand of such a task for a while.
        self._session.inbox.linger()

    def note_nothing_ready(self) -> None:
        self.before_wait()

    def leaves(self) -> Iterable[Leaf[Any]]:
        return self._inner.leaves()

    def find_ready(self) -> Leaf[Any] | None:
        return self._inner.find_ready()

    def complete(self, leaf: Leaf[Any]) -> bool:  # noqa: ARG002  there is only one leaf
        if self._inner.ended:
            self._inner.ended = False  # a destroyed task may give a token back
            return self.set_ended()
        # Drop the token, which carries no message.
        self._inner.take_result()
        delivery = self._session.inbox.take()
        if not self._receiver.accepts(delivery):
            return False
        # Where the operation was ready at once, `before_wait` was not called.
        self._receiver.acknowledge()
        return self.set_outcome(value=self._take(delivery))

    def _take(self, delivery: Delivery[T]) -> Any:
        return self._receiver.hold(delivery)

    def raise_ended(self) -> NoReturn:
        self._receiver.raise_stopped()

    def __str__(self) -> str:
        return f"{type(self).__name__} of {self._receiver}"


class LeaseOperation(ReceiveOperation[Any]):
    """Receives a message on lease, which settles the message instead of the receiver."""

    __slots__ = ()

    def _take(self, delivery: Delivery[Any]) -> LeasedMessage[Any]:
        self._session.begun(delivery)
        return LeasedMessage(delivery.message, LeaseHold(self._session, delivery))


class BatchOperation(ReceiveOperation[Any]):
    """Holds a message for a batch. The receiver acknowledges the batch, as it does a message.

    The operation that takes further messages ends when the channel is closed and the server has no
    message for this process. The end of the channel would come too late: the end waits for the
    messages of the batch.

    Args:
        receiver: as for `ReceiveOperation`.
        inner: as for `ReceiveOperation`.
        session: as for `ReceiveOperation`.
        further: whether this operation takes the further messages of a batch. Otherwise this
            operation takes the first message.
    """

    __slots__ = ("_further",)

    def __init__(
        self,
        receiver: AcknowledgingReceiver[Any],
        inner: Selectable[None],
        session: Session[Any],
        *,
        further: bool,
    ) -> None:
        super().__init__(receiver, inner, session)
        self._further = further

    def leaves(self) -> Iterable[Leaf[Any]]:
        leaves = self._inner.leaves()
        return [*leaves, *self._session.inbox.drying().leaves()] if self._further else leaves

    def find_ready(self) -> Leaf[Any] | None:
        ready = self._inner.find_ready()
        return self._session.inbox.drying().find_ready() if self._further and not ready else ready

    def complete(self, leaf: Leaf[Any]) -> bool:
        return super().complete(leaf) if leaf is self._inner else self.set_ended()

    def _take(self, delivery: Delivery[Any]) -> LeasedMessage[Any]:
        hold = BatchHold(self._session, delivery, self._receiver)
        return LeasedMessage(delivery.message, hold)


class DemandingOperation(BatchOperation):
    """Holds a message for a batch whose demand is known, and gives the delivery.

    Args:
        receiver: as for `BatchOperation`.
        inner: as for `BatchOperation`.
        session: as for `BatchOperation`.
        demand: of the batch.
        further: as for `BatchOperation`.
    """

    __slots__ = ("_demand",)

    def __init__(
        self,
        receiver: AcknowledgingReceiver[Any],
        inner: Selectable[None],
        session: Session[Any],
        demand: BatchDemand,
        *,
        further: bool,
    ) -> None:
        super().__init__(receiver, inner, session, further=further)
        self._demand = demand

    def _take(self, delivery: Delivery[Any]) -> LeasedMessage[Any]:
        self._demand.change(self._demand.lacking - 1)
        return LeasedMessage(delivery, DemandedHold(self._session, delivery))


class DeliveryHold(Hold):
    """The hold on a message that the server has given to this process."""

    __slots__ = ("_delivery", "_session")

    def __init__(self, session: Session[Any], delivery: Delivery[Any]) -> None:
        super().__init__(delivery.count)
        self._session = session
        self._delivery = delivery

    def finish(self) -> None:
        self._session.done(self._delivery)

    def give_back(self, error: BaseException | None = None) -> None:
        self._session.left(self._delivery, error)

    def pass_on(self) -> bool:
        return False  # a message that was given back goes to a task that waits


class LeaseHold(DeliveryHold):
    """The hold on a message of a lease. A lease that is forgotten gives its message back."""

    __slots__ = ()

    def __del__(self) -> None:
        self._session.forget(self._delivery)


class DemandedHold(DeliveryHold):
    """The hold on a message of a batch. The caller gets the delivery, and does the rest."""

    __slots__ = ()

    def finish(self) -> None:
        """Do nothing: the receiver acknowledges the batch later."""

    def give_back(self, error: BaseException | None = None) -> None:
        del error  # the program has not seen the message
        self._session.put_back(self._delivery)


class BatchHold(DemandedHold):
    """The hold on a message of a batch, which the program has not seen yet."""

    __slots__ = ("_receiver",)

    def __init__(
        self, session: Session[Any], delivery: Delivery[Any], receiver: AcknowledgingReceiver[Any]
    ) -> None:
        super().__init__(session, delivery)
        self._receiver = receiver

    def finish(self) -> None:
        # If not: the lease has run out, or the receiver was closed. The message comes again.
        if self._receiver.accepts(self._delivery):
            self._receiver.hold(self._delivery)
