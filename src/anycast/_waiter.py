"""How a task waits for its turn, and what yielding means, on whatever event loop runs.

The core knows no event loop: it wakes a `Waiter`, and an endpoint awaits its event. One
waiter serves one call of one task. Its event is set once and awaited once, and renewed when
a promise is taken back, since the task may be awake already. Nothing can be missed in
between: a task looks at its place in line and begins to wait in one step.

`AnyioWaiter` works wherever anyio does. asyncio and trio have leaner ones, in modules of
their own: an `anyio.Event` is initialised twice and waits through two more coroutines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from anyio import Event, get_cancelled_exc_class, lowlevel

from anycast._line import InLine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

    from anycast._core import Core


class Waiter(InLine, Protocol):
    """A task that waits; made by the task itself, in the loop in which it will wait.

    Raises:
        RuntimeError: if the running task is none of the event loop that it is for.
    """

    @property
    def event(self) -> Awaitable[None]:
        """What to await until `wake` is called; a checkpoint."""
        ...

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        """Yield to the event loop once, and notice cancellation.

        Raises:
            RuntimeError: if the running task is none of the event loop that it is for.
        """
        ...


class AnyioWaiter:
    """A task that waits by way of `anyio.Event`."""

    __slots__ = ("_dead", "_once", "event", "loop")

    own_room = 0

    def __init__(self) -> None:
        self.loop = lowlevel.current_token()
        self._dead = False
        self.renew()

    def renew(self) -> None:
        self._once = Event()
        self.event = _Waiting(self._once)

    def wake(self) -> bool:
        try:
            self._once.set()
        except RuntimeError as error:
            if str(error) != "Event loop is closed":
                raise
            self._dead = True  # it never runs again
        return not self._dead

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        return lowlevel.checkpoint()


class _Waiting:
    """What `anyio.Event.wait` returns, but begun only when it is awaited."""

    __slots__ = ("_once",)

    def __init__(self, once: Event) -> None:
        self._once = once

    def __await__(self) -> Generator[object, None, None]:
        return self._once.wait().__await__()


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


def new_waiter(core: Core[Any]) -> Waiter:
    """Return a waiter for the running task, which is to wait in a channel.

    Raises:
        RuntimeError: if no event loop runs.
    """
    try:
        return core.waiter_kind()  # the kind of last time, if it fits: asking anyio takes longer
    except RuntimeError:
        core.waiter_kind = waiter_kind()
        return core.waiter_kind()


def checkpoint(core: Core[Any]) -> Awaitable[None]:
    """Yield to the event loop once, and notice cancellation.

    Raises:
        RuntimeError: if no event loop runs.
    """
    try:
        return core.waiter_kind.checkpoint()
    except RuntimeError:
        core.waiter_kind = waiter_kind()
        return core.waiter_kind.checkpoint()


class NoWaiter(AnyioWaiter):
    """The kind of waiter of a channel in which nobody has waited yet: it never fits."""

    __slots__ = ()

    def __init__(self) -> None:
        raise RuntimeError

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        raise RuntimeError


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
