"""A lease: a message that comes back if the work on the message fails."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

from anycast._interface.not_a_value import NotAValue
from anycast._select.select import select
from anycast._select.selectable import Selectable
from anycast._waiting.protection import protected

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LeasedMessage(Generic[T]):
    """A message on lease, and the two ways to end the lease. Both take effect at once."""

    message: T
    done: Callable[[], None]
    give_back: Callable[[], None]


class Lease(NotAValue, AbstractAsyncContextManager[T]):
    """Holds one message while its block runs. A lease is entered once.

    This is a class and not a generator. So an exception of the block never passes through code of
    this library, and the effect follows the end of the block without an await.

    Args:
        receiver: the receiver that made the lease.
        leasing: the operation that takes the message.
    """

    __slots__ = ("_held", "_leasing", "_receiver")

    def __init__(self, receiver: object, leasing: Selectable[LeasedMessage[T]]) -> None:
        self._receiver = receiver
        self._leasing: Selectable[LeasedMessage[T]] | None = leasing
        self._held: LeasedMessage[T]

    @protected
    async def __aenter__(self) -> T:
        leasing, self._leasing = self._leasing, None  # else the operation would keep the message
        if leasing is None:
            raise lease_entered_twice()
        await select(leasing)
        self._held = leasing.take_result()
        return self._held.message

    @protected
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if exc_type is None:
            self._held.done()
        else:
            self._held.give_back()
        del self._held  # a reference to the lease does not keep the message alive

    def __str__(self) -> str:
        return f"{type(self).__name__} of {self._receiver}"


def lease_entered_twice() -> RuntimeError:
    """Return the error for a lease that is entered a second time."""
    return RuntimeError("a lease is entered once: call `lease()` for each message")
