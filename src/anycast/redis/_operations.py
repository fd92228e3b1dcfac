"""Receiving from a channel on a server as one operation among others, for `select`.

It is the operation on the inbox, which is a channel in memory, and what that brings is looked
at as a receive would: a delivery that the receiver does not accept does not make it happen.
"""

# How operations proceed is private to the package, and not to their class.
# pyright: reportPrivateUsage=none
from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from anycast._combinators.lease import LeasedMessage
from anycast._select.selectable import Selectable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

    from anycast._select.selectable import Leaf
    from anycast.redis._delivery import Delivery
    from anycast.redis._session import Session

T = TypeVar("T")


class AcknowledgingReceiver(Protocol[T]):
    """What an operation needs of its receiver."""

    def begin_receive(self) -> None:
        """Finish with what is in hand, before the next message is asked for."""

    def acknowledge(self) -> None:
        """Acknowledge what is in hand."""

    def accepts(self, delivery: Delivery[T], /) -> bool:
        """Return whether a delivery can be taken; if not, it goes to others."""
        ...

    def hold(self, delivery: Delivery[T], /) -> T:
        """Take a delivery in hand, and return its message."""
        ...

    def raise_stopped(self) -> NoReturn:
        """Raise why no message comes any more."""
        ...


class ReceiveOperation(Selectable[T]):
    """Receives a message, in the hand of a receiver.

    Args:
        receiver: the receiver.
        inner: the operation that takes a token out of the inbox.
        session: where deliveries come from, and are done with.
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
        self._receiver.begin_receive()  # or the end would wait for what is in hand
        self._session.inbox.wakeup.set()

    def leaves(self) -> Iterable[Leaf[Any]]:
        return self._inner.leaves()

    def find_ready(self) -> Leaf[Any] | None:
        return self._inner.find_ready()

    def complete(self, leaf: Leaf[Any]) -> bool:  # noqa: ARG002  there is but one
        if self._inner.ended:
            return self.set_ended()
        self._inner.take_result()
        delivery = self._session.inbox.take()
        if not self._receiver.accepts(delivery):
            return False
        self._receiver.acknowledge()
        return self.set_outcome(value=self._take(delivery))

    def _take(self, delivery: Delivery[T]) -> Any:
        return self._receiver.hold(delivery)

    def raise_ended(self) -> NoReturn:
        self._receiver.raise_stopped()


class LeaseOperation(ReceiveOperation[Any]):
    """Takes a message on lease."""

    __slots__ = ()

    def _take(self, delivery: Delivery[Any]) -> LeasedMessage[Any]:
        done, failed = self._session.done, self._session.failed
        return LeasedMessage(
            delivery.message, partial(done, delivery), partial(failed, delivery, "")
        )
