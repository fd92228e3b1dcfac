"""How a task waits for its turn, and what yielding means, on whatever event loop runs.

The core knows no event loop: it wakes a `Waiter`, which a task awaits. A waiter is a future of
asyncio, or behaves like one: done once, awaited once. If a promise is taken back, its task,
which may be awake already, makes itself another. Nothing can be missed in between: a task
looks at its place in line and begins to wait in one step.

`AnyioWaiter` works wherever anyio does. asyncio and trio have leaner ones, in modules of
their own: an `anyio.Event` is initialised twice and waits through two more coroutines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from anyio import Event, get_cancelled_exc_class, lowlevel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator


class Wakeable(Protocol):
    """What can be woken, once; in the words of `asyncio.Future`, which is one."""

    def get_loop(self) -> object:
        """Return what tells one event loop from another."""
        ...

    def done(self) -> bool:
        """Return whether there is nothing left to wake: it was woken, or can only leave."""
        ...

    def cancelled(self) -> bool:
        """Return whether the task can only leave: it is being cancelled."""
        ...

    def set_result(self, result: None, /) -> None:
        """Let the task go on.

        Raises:
            Exception: if it is done.
        """
        ...


class Waiter(Wakeable, Protocol):
    """What one task waits for, once."""

    def __await__(self) -> Generator[Any, Any, None]:
        """Wait until it is done."""
        ...


def wake(waiter: Wakeable) -> bool:
    """Let a task go on, unless it is awake already.

    Returns:
        False if it can only find itself cancelled, or never runs again: it is to be promised
        nothing.
    """
    if waiter.done():
        return not (waiter.cancelled() or _is_closed(waiter.get_loop()))
    try:
        waiter.set_result(None)
    except RuntimeError:
        if not _is_closed(waiter.get_loop()):
            raise
        return False
    except Exception:  # as of a future that a handler of a signal has just done
        if not waiter.done():
            raise
    return True


def _is_closed(loop: Any) -> bool:
    """Return whether this is an event loop of asyncio in which no task runs again."""
    return hasattr(loop, "is_closed") and loop.is_closed()


class Home(Protocol):
    """Where tasks of one event loop at a time wait; the core of a channel is one."""

    loop: object

    def adopt(self, loop: object) -> None:
        """Serve another event loop from now on; raise RuntimeError if that may not be."""
        ...


class Backend(Protocol):
    """How the running task waits and yields on one kind of event loop.

    Each raises RuntimeError if the running task is none of such a loop.
    """

    @staticmethod
    def new_waiter(home: Home) -> Waiter:
        """Return a waiter for the running task, whose event loop its home has adopted."""
        ...

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        """Yield to the event loop once, and notice cancellation."""
        ...


class AnyioWaiter:
    """A task that waits by way of `anyio.Event`."""

    __slots__ = ("_event", "_loop")

    def __init__(self, loop: object) -> None:
        self._loop = loop
        self._event = Event()

    def get_loop(self) -> object:
        return self._loop

    def done(self) -> bool:
        return self._event.is_set()

    @staticmethod
    def cancelled() -> bool:
        """Return False: nobody can know."""
        return False

    def set_result(self, _: None) -> None:
        self._event.set()  # once more does no harm

    def __await__(self) -> Generator[Any, Any, None]:
        return self._event.wait().__await__()


class Anyio:
    """The backend that works with any event loop that anyio knows."""

    @staticmethod
    def new_waiter(home: Home) -> Waiter:
        token: Any = lowlevel.current_token()
        loop: object = getattr(token, "native_token", token)  # anyio 4.13 wraps it
        if loop is not home.loop:
            home.adopt(loop)
        return AnyioWaiter(loop)

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        return lowlevel.checkpoint()


class Unknown(Anyio):
    """The backend of a channel in which nobody has waited yet: it never fits."""

    @staticmethod
    def new_waiter(home: Home) -> Waiter:  # noqa: ARG004
        raise RuntimeError

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        raise RuntimeError


_backends: dict[type[BaseException], type[Backend]] = {}


def running_backend() -> type[Backend]:
    """Return the backend for the event loop that runs.

    Raises:
        RuntimeError: if there is none.
    """
    # What a cancellation raises tells event loops apart, and anyio says it most cheaply.
    cancelled = get_cancelled_exc_class()
    backend = _backends.get(cancelled)
    if backend is None:
        backend = _backends[cancelled] = _choose(cancelled)
    return backend


def _choose(cancelled: type[BaseException]) -> type[Backend]:
    # Imported only now: a program needs one event loop, however many are installed.
    match cancelled.__module__.partition(".")[0]:
        case "asyncio":
            from anycast._waiter_asyncio import Asyncio  # noqa: PLC0415

            return Asyncio
        case "trio":
            from anycast._waiter_trio import Trio  # noqa: PLC0415

            return Trio
        case _:
            return Anyio
