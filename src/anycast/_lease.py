"""A lease: a message that comes back if the work on it fails."""

# How operations proceed is private to the package, and not to their class.
# pyright: reportPrivateUsage=none

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from anycast._operation import Operation, ReceiveOperation
from anycast._select import select

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LeasedMessage(Generic[T]):
    """A message on lease, and the two ways to end that; both take effect at once."""

    message: T
    done: Callable[[], None]
    give_back: Callable[[], None]


class LeaseOperation(ReceiveOperation[LeasedMessage[T]]):
    """The operation that takes a message on lease."""

    __slots__ = ()

    def _transfer(self) -> bool:
        core = self.core
        taken = False
        core.leases += 1  # before the message is taken: the channel does not end without it
        try:
            taken = super()._transfer()
        finally:
            core.leases -= not taken
        return taken

    def accept(self, given: T) -> None:
        core = self.core
        super().accept(LeasedMessage(given, core.end_lease, partial(core.give_back, given)))

    def undo(self, given: T) -> None:
        self.core.give_back(given)


class Lease(AbstractAsyncContextManager[T]):
    """Holds one message while its block runs; entered once.

    A class and not a generator, so that no exception of the block passes through code of
    this library, and nothing is awaited between the end of the block and its effect.

    Args:
        leasing: takes the message.
    """

    __slots__ = ("_held", "_leasing")

    def __init__(self, leasing: Operation[LeasedMessage[T]]) -> None:
        self._leasing: Operation[LeasedMessage[T]] | None = leasing
        self._held: LeasedMessage[T]

    async def __aenter__(self) -> T:
        leasing, self._leasing = self._leasing, None  # it would keep the message
        if leasing is None:
            raise RuntimeError("a lease is entered once: call `lease()` for each message")
        await select(leasing)
        self._held = leasing.take_result()  # it would keep an error
        return self._held.message

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
        del self._held  # whatever keeps the lease does not keep the message
