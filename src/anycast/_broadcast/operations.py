"""The operations of a broadcast channel, for `select`, the combinators and `lease`.

These operations inherit from the operations of `_anycast`. Two things differ. A receive that comes
to a gap fails. And an operation yields before the operation makes a receiver at risk lose a
message.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

from anycast._anycast import operations
from anycast._anycast.operations import EndpointOperation
from anycast._broadcast.hub import Hub
from anycast._broadcast.subscription import Subscription
from anycast._combinators.lease import LeasedMessage
from anycast._interface.errors import ReceiverLaggedError
from anycast._interface.receiver import Receiver
from anycast._select.selectable import Leaf

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class SendOperation(operations.SendOperation):
    """What `Sender.sending` returns."""

    __slots__ = ()

    core: Hub[Any]

    def must_yield(self) -> bool:
        return bool(self.core.at_risk) or super().must_yield()

    def try_fast(self) -> bool:
        return not self.core.at_risk and super().try_fast()

    def is_ready(self) -> bool:
        return self.core.has_room() or self.core.closed or self.endpoint.closed


class SubscriptionOperation(EndpointOperation[T_co]):
    """A receive of a broadcast channel, of any kind."""

    __slots__ = ()

    core: Subscription[Any]

    def find_ready(self) -> Leaf[Any] | None:
        # A blocked sender is no peer: the sender may wait for another receiver.
        return self if self.is_ready() else None

    def must_yield(self) -> bool:
        return self.core.may_cause_lag or super().must_yield()

    def try_fast(self) -> bool:
        return not self.core.gaps and not self.core.may_cause_lag and super().try_fast()


class LaggingOperation(SubscriptionOperation[T_co]):
    """A receive that fails at a gap."""

    __slots__ = ()

    def act(self) -> bool:
        lost = self.core.take_lag()
        if not lost:
            return super().act()
        self.core.budget.spent += 1  # an operation that raises is counted, too
        return self.set_outcome(
            error=ReceiverLaggedError(cast("Receiver[Any]", self.endpoint), lost)
        )


class ReceiveOperation(LaggingOperation[T_co], operations.TakeOperation[T_co]):
    """What `Receiver.receiving` returns."""

    __slots__ = ()


class LeaseOperation(LaggingOperation[LeasedMessage[T]], operations.LeaseOperation[T]):
    """The operation that takes a message on lease."""

    __slots__ = ()


class BatchOperation(LaggingOperation[LeasedMessage[T]], operations.BatchOperation[T]):
    """The operation that takes the first message of a batch."""

    __slots__ = ()


class FurtherOperation(SubscriptionOperation[LeasedMessage[T]], operations.FurtherOperation[T]):
    """The operation that takes a further message of a batch. The operation ends at a gap."""

    __slots__ = ()

    def act(self) -> bool:
        return self.set_ended() if self.core.at_gap else super().act()
