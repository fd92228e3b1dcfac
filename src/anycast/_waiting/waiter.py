"""The objects that a task waits for, and the backend for an event loop.

Event loops are unknown to a channel. A task waits for a `Waiter`, and the channel wakes the waiter
with a result. A waiter is a future of asyncio, or behaves like a future: the waiter is given a
result once, and is awaited once. A `Backend` makes waiters for one kind of event loop.

A wait ends in three ways:

- The waiter was given a result. The operation has happened.
- The waiter was given `NOTHING`. The operation can never happen: the endpoint or the channel is
  closed.
- The wait raised. `anycast._waiting.interruption` tells whether the operation happened before that.

A task is *leaving* if the task was cancelled before a peer gave a result, and has not run since. A
leaving task can be given nothing any more. A task is *destroyed* if its coroutine is closed while
the coroutine waits, by ``coroutine.close()`` or by the garbage collector. Python then raises
GeneratorExit in the wait.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Generator
from typing import Any, ClassVar, Final, Protocol, TypeAlias

from anycast._waiting.budget import Budget

NOTHING: Final[Any] = object()
"""Stands in place of a message or a result, where there is none.

As the result of a wait: the endpoint or the channel is closed. As the result of a step of the core:
there is no message. As the value of an operation: the operation has not happened.
"""


class Wakeable(Protocol):
    """An object that a channel can wake once. The method names come from `asyncio.Future`."""

    def done(self) -> bool:
        """Return whether the task was woken, or is known to be leaving.

        A waiter that is done accepts no result.
        """
        ...

    def set_result(self, result: Any, /) -> None:
        """Wake the task with a result.

        Raises:
            Exception: the backend's `Backend.woken_before`, if `done` is true.
        """
        ...


WaitQueue: TypeAlias = OrderedDict[Wakeable, Any]
"""The tasks that wait on the same side of a channel, first in, first out."""


class Waiter(Wakeable, Protocol):
    """An object that a task awaits once."""

    def cancelled(self) -> bool:
        """Return whether the task is known to be leaving, because of a cancellation."""
        ...

    def result(self) -> Any:
        """Return the given result. To be called only if `done` is true and `cancelled` is not."""
        ...

    def __await__(self) -> Generator[Any, Any, Any]:
        """Wait for the result."""
        ...


class WokenError(Exception):
    """A waiter was given a result before."""


class Binding(Protocol):
    """The part of a `LoopBinding` that a backend needs to make a waiter."""

    loop: object
    """The event loop that is bound."""

    def bind(self, loop: object, /) -> None:
        """Bind another event loop.

        Raises:
            RuntimeError: if tasks of the bound event loop are waiting.
        """

    def new_waiter_elsewhere(self, unfit: type[Backend], /) -> Waiter:
        """Return a waiter of the backend that fits the running task.

        Args:
            unfit: the backend that was tried, and does not fit.
        """
        ...


class Backend(Protocol):
    """How the running task waits and yields on one kind of event loop.

    If the running task belongs to another kind of event loop, `new_waiter` turns to the backend
    that fits, and `checkpoint` raises RuntimeError.
    """

    woken_before: ClassVar[type[Exception]]
    """What `Wakeable.set_result` raises if the waiter is done."""

    can_protect: ClassVar[bool]
    """Whether the event loop may be trio, which can protect code from Ctrl-C.

    See `anycast._waiting.protection`.
    """

    @staticmethod
    def new_waiter(binding: Binding, /) -> Waiter:
        """Return a waiter for the running task, and bind the task's event loop.

        Raises:
            RuntimeError: outside of a task, or as `Binding.bind`. The binding is as before then.
        """
        ...

    @staticmethod
    def checkpoint(budget: Budget, /) -> Awaitable[None]:
        """Return what the running task awaits to yield once, and to notice a cancellation.

        An event loop without eager tasks has its turn then, so its backend sets ``budget.spent``
        to 0.
        """
        ...

    @staticmethod
    def loop_getter() -> Callable[[], object]:
        """Return a function that returns the running event loop of this thread, or None."""
        ...

    @staticmethod
    def postpone(waiter: Any, error: BaseException, /) -> None:
        """Deliver a cancellation later: the waiter had been given a result before."""
        ...
