"""A lease: a message that comes back if the work on it fails."""

# How operations proceed is private to the package, and not to their class.
# pyright: reportPrivateUsage=none

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from anycast._operation import Operation, Receiving
from anycast._select import select

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from anycast._operation import Leaf

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Held(Generic[T]):
    """A message on lease, and the two ways to end that; both take effect at once."""

    message: T
    done: Callable[[], None]
    give_back: Callable[[], None]


class Leasing(Receiving[Held[T]]):
    """The operation that takes a message on lease."""

    __slots__ = ()

    def _at_once(self) -> bool:
        core = self.core
        if self.endpoint.closed or core.acts >= core.yield_at or not core.is_free(self.line):
            return False
        return self._perform(self)

    def _perform(self, leaf: Leaf[Any]) -> bool:  # noqa: ARG002  it is this one
        if not self._ended:
            core = self.core
            message: T = core.lease()
            self._value = Held(message, core.end_lease, partial(core.give_back, message))
        return True


class Lease(AbstractAsyncContextManager[T]):
    """Holds one message while its block runs; entered once.

    A class and not a generator, so that no exception of the block passes through code of
    this library, and nothing is awaited between the end of the block and its effect.

    Args:
        leasing: takes the message.
    """

    __slots__ = ("_held", "_leasing")

    def __init__(self, leasing: Operation[Held[T]]) -> None:
        self._leasing: Operation[Held[T]] | None = leasing
        self._held: Held[T]

    async def __aenter__(self) -> T:
        leasing, self._leasing = self._leasing, None  # it would keep the message
        if leasing is None:
            raise RuntimeError("a lease is entered once: call `lease()` for each message")
        await select(leasing)
        self._held = leasing._hand_over()  # it would keep an error
        return self._held.message

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        held = self._held
        del self._held  # whatever keeps the lease does not keep the message
        if exc_type is None:
            held.done()
        else:
            held.give_back()
