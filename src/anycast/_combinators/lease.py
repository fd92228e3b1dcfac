"""A lease: a message that comes back if the work on the message fails."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

from anycast._interface.lease import Lease
from anycast._select.select import select
from anycast._select.selectable import Selectable
from anycast._waiting.protection import protected

T = TypeVar("T")


class Hold(ABC):
    """A message that has left its channel and may come back.

    A hold ends once: by `finish`, by `give_back`, or by a `pass_on` that returns True. Each method
    acts at once.
    """

    __slots__ = ("deliveries",)

    def __init__(self, deliveries: int) -> None:
        # How often the message was on lease, this time included.
        self.deliveries = deliveries

    @abstractmethod
    def finish(self) -> None:
        """End the hold, because the work on the message is done: the message never comes back."""

    @abstractmethod
    def give_back(self, error: BaseException | None = None) -> None:
        """Give the message back: to a receiver that waits, or else to the head of the channel.

        Args:
            error: the error by which the block of the lease was left. A channel on a server delays
                the next delivery of a message whose block has failed.
        """

    @abstractmethod
    def pass_on(self) -> bool:
        """Give the message to a receiver that waits, and return True.

        Without a waiting receiver, do nothing and return False.
        """


@dataclass(frozen=True, slots=True)
class LeasedMessage(Generic[T]):
    """A message on lease, with the hold on the message.

    After `map`, ``message`` is the result of the function, and the hold is still on the message.
    """

    message: T
    hold: Hold


class SelectedLease(Lease[T]):
    """Holds the message that an operation has taken on lease. A lease is entered once.

    This is a class and not a generator. So an exception of the block never passes through code of
    this library, and the lease ends without an await when the block ends.

    Args:
        receiver: the receiver that made the lease.
        leasing: the operation that takes the message.
    """

    __slots__ = ("_deliveries", "_hold", "_leasing", "_receiver")

    def __init__(self, receiver: object, leasing: Selectable[LeasedMessage[T]]) -> None:
        self._receiver = receiver
        self._leasing: Selectable[LeasedMessage[T]] | None = leasing
        self._deliveries = 0
        self._hold: Hold

    @property
    def deliveries(self) -> int:
        return self._deliveries

    @protected
    async def __aenter__(self) -> T:
        leasing, self._leasing = self._leasing, None  # else the operation would keep the message
        if leasing is None:
            raise lease_entered_twice()
        await select(leasing)
        leased = leasing.take_result()
        self._hold = leased.hold
        self._deliveries = leased.hold.deliveries
        return leased.message

    @protected
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if exc_type is None:
            self._hold.finish()
        else:
            self._hold.give_back(exc_val)
        del self._hold  # so that a program that keeps the lease does not keep the message

    def __str__(self) -> str:
        return f"Lease of {self._receiver}"

    def __repr__(self) -> str:
        return shown_lease(self, entered=self._leasing is None, holds=hasattr(self, "_hold"))


def shown_lease(lease: Lease[Any], *, entered: bool, holds: bool) -> str:
    """Return the `repr` of a lease. The message is not shown: it may be large, or a secret.

    Args:
        lease: the lease, whose `str` tells the receiver.
        entered: whether the block of the lease was entered, or waits to be entered.
        holds: whether the lease holds a message now.
    """
    state = "not entered" if not entered else "no message yet"
    if lease.deliveries:
        held = "a message is held" if holds else "the block has ended"
        state = f"{held}, deliveries={lease.deliveries}"
    return f"<{lease}: {state}>"


def lease_entered_twice() -> RuntimeError:
    """Return the error for a lease that is entered a second time."""
    return RuntimeError("a lease is entered once: call `lease()` for each message")
