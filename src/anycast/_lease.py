"""A lease: a message that comes back if the work on it fails."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from anycast._core import Core

T = TypeVar("T")


class Lease(AbstractAsyncContextManager[T]):
    """Holds one message while its block runs; entered once.

    A class and not a generator, so that no exception of the block passes through code of
    this library, and nothing is awaited between the end of the block and its effect.

    Args:
        core: where the message comes from, and may go back to.
        turn: waits until a message may be taken.
    """

    __slots__ = ("_core", "_entered", "_message", "_turn")

    def __init__(self, core: Core[T], turn: Callable[[], Awaitable[None]]) -> None:
        self._core = core
        self._turn = turn
        self._entered = False
        self._message: T

    async def __aenter__(self) -> T:
        if self._entered:
            raise RuntimeError("a lease is entered once: call `lease()` for each message")
        self._entered = True
        await self._turn()
        self._message = self._core.lease()
        return self._message

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        message = self._message
        del self._message  # whatever keeps the lease does not keep the message
        if exc_type is None:
            self._core.end_lease()
        else:
            self._core.give_back(message)
