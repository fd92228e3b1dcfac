"""A task that waits by way of anyio alone: this works on every event loop that anyio knows.

No task of a program on asyncio or trio waits in this way. This backend serves event loops that
anyio may know one day, and the tests: the whole suite also runs with this backend alone, on asyncio
and on trio. So the backend handles the tasks of asyncio, too.

asyncio and trio have leaner waiters, in separate modules. An `anyio.Event` is initialised twice,
and the wait for an event passes through two more coroutines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from weakref import ref

from anyio import Event, get_cancelled_exc_class, lowlevel

from anycast._waiting import late_cancellation
from anycast._waiting.waiter import NOTHING, WokenError

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Awaitable, Callable, Generator

    from anycast._waiting.budget import Budget
    from anycast._waiting.waiter import Binding, Waiter


class AnyioWaiter:
    """A task that waits for an `anyio.Event`.

    Args:
        task: the waiting task if it is a task of asyncio, else None.
        leaving: whether the task is being cancelled when the wait begins.
    """

    __slots__ = ("__weakref__", "_event", "_leaving", "_result", "_task", "count")

    def __init__(self, task: Task[Any] | None, *, leaving: bool) -> None:
        # A weak reference: the error that ends a task may refer to this waiter.
        self._task = ref(task) if task is not None else None
        # The cancellations that were requested before the wait.
        self.count = 0 if task is None else task.cancelling()
        self._leaving = leaving
        self._event = Event()
        self._result: Any = NOTHING

    def done(self) -> bool:
        return self._event.is_set() or self.cancelled()

    def cancelled(self) -> bool:
        """Return whether the task is known to be leaving. Only asyncio can tell."""
        if self._event.is_set():
            return False
        return self._leaving or (self.task is not None and self.task.cancelling() > self.count)

    @property
    def task(self) -> Task[Any] | None:
        """The waiting task, if it is a task of asyncio that still exists."""
        return self._task() if self._task is not None else None

    def result(self) -> Any:
        return self._result

    def set_result(self, result: Any) -> None:
        if self.done():
            raise WokenError
        self._result = result
        self._event.set()

    def __await__(self) -> Generator[Any, Any, Any]:
        yield from self._event.wait().__await__()
        return self._result


class AnyioBackend:
    """The backend for every event loop that anyio knows."""

    woken_before: ClassVar[type[Exception]] = WokenError
    can_protect: ClassVar[bool] = True

    @staticmethod
    def new_waiter(binding: Binding) -> Waiter:
        loop = _native(lowlevel.current_token())
        if loop is not binding.loop:
            binding.bind(loop)
        task = _task_of_asyncio()
        # A cancellation that was requested before the wait strikes where the wait begins.
        leaving = task is not None and (
            late_cancellation.deliver(task) or getattr(task, "_must_cancel", False)
        )
        return AnyioWaiter(task, leaving=leaving)

    @staticmethod
    def checkpoint(_: Budget) -> Awaitable[None]:
        return lowlevel.checkpoint()

    @staticmethod
    def loop_getter() -> Callable[[], object]:
        return _running_loop

    @staticmethod
    def postpone(waiter: AnyioWaiter, error: BaseException) -> None:
        task = waiter.task
        if task is not None:
            late_cancellation.postpone(task, error, waiter.count)


def library_of(cancelled: type[BaseException | None]) -> str:
    """Return the library of event loops that raises this class to cancel a task."""
    return cancelled.__module__.partition(".")[0]


def _running_loop() -> object:
    try:
        return _native(lowlevel.current_token())
    except RuntimeError:
        return None


def _native(token: Any) -> object:
    """Return the native object of an event loop, which anyio 4.13 wraps."""
    return getattr(token, "native_token", token)


def _task_of_asyncio() -> Task[Any] | None:
    """Return the running task if it is a task of asyncio."""
    if library_of(get_cancelled_exc_class()) != "asyncio":
        return None
    import asyncio  # noqa: PLC0415  a program on trio has no need of it

    return asyncio.current_task()
