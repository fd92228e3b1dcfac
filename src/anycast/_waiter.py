"""How a task waits for its turn, and what yielding means, on whatever event loop runs.

The core knows no event loop: it wakes a `Waiter`, and an endpoint waits for it. One waiter
serves one call of one task. It may be waited for several times, each time for a new
one-shot event, because a promise may be taken back before its task has run. Nothing can be
missed in between: a task looks at its place in line and begins to wait in one step.

`AnyioWaiter` works wherever anyio does. asyncio and trio have leaner ones, in modules of
their own: an `anyio.Event` is initialised twice and waits through two more coroutines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from anyio import Event, get_cancelled_exc_class
from anyio.lowlevel import checkpoint, current_token

if TYPE_CHECKING:
    from collections.abc import Awaitable


class Waiter(ABC):
    """A task that waits; made by the task itself, in the loop in which it will wait."""

    __slots__ = ()

    loop: object
    """What tells one event loop from another."""

    @abstractmethod
    def wait(self) -> Awaitable[None]:
        """Wait until `wake` is called; a checkpoint."""

    @abstractmethod
    def wake(self) -> bool:
        """Let the task go on.

        Returns:
            False if it can only find itself cancelled, or never runs again: it is to be
            promised nothing.
        """

    @staticmethod
    @abstractmethod
    def checkpoint() -> Awaitable[None]:
        """Yield to the event loop once, and notice cancellation."""


class AnyioWaiter(Waiter):
    """A task that waits by way of `anyio.Event`."""

    __slots__ = ("_event", "loop")

    def __init__(self) -> None:
        self.loop = current_token()
        self._event: Event | None = None

    async def wait(self) -> None:
        self._event = Event()
        await self._event.wait()

    def wake(self) -> bool:
        try:
            if self._event is not None:
                self._event.set()
        except RuntimeError as error:
            if str(error) != "Event loop is closed":
                raise
            return False  # it never runs again
        return True

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        return checkpoint()


_kinds: dict[type[BaseException], type[Waiter]] = {}


def waiter_kind() -> type[Waiter]:
    """Return the kind of waiter for the event loop that runs.

    Raises:
        RuntimeError: if there is none.
    """
    # What a cancellation raises tells event loops apart, and anyio says it most cheaply.
    cancelled = get_cancelled_exc_class()
    kind = _kinds.get(cancelled)
    if kind is None:
        kind = _kinds[cancelled] = _choose(cancelled)
    return kind


def _choose(cancelled: type[BaseException]) -> type[Waiter]:
    # Imported only now: a program needs one event loop, however many are installed.
    match cancelled.__module__.partition(".")[0]:
        case "asyncio":
            from anycast._waiter_asyncio import AsyncioWaiter  # noqa: PLC0415

            return AsyncioWaiter
        case "trio":
            from anycast._waiter_trio import TrioWaiter  # noqa: PLC0415

            return TrioWaiter
        case _:
            return AnyioWaiter
