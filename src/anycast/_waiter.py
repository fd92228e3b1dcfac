"""How a task waits, and what yielding means, on whatever event loop runs.

A channel knows no event loop: it wakes a `Waiter` with a result, and a task awaits that
result. A waiter is a future of asyncio, or behaves like one: it is given a result once, and it
is awaited once.

`AnyioWaiter` works wherever anyio does. asyncio and trio have leaner waiters, in modules of
their own: an `anyio.Event` is initialised twice and waits through two more coroutines.

A wait ends in one of three ways. The waiter was given a result: the operation has happened. The
waiter was given `NOTHING`: the operation cannot happen any more. Or the wait raised: then
`outcome` tells whether the operation had happened before that.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from threading import get_ident
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeAlias
from weakref import ref

from anyio import Event, get_cancelled_exc_class, lowlevel

from anycast import _late

if TYPE_CHECKING:
    from asyncio import Task
    from collections import OrderedDict
    from collections.abc import Awaitable, Callable, Generator

NOTHING: Final[Any] = object()
"""Stands where a message would, and is none."""


class Wakeable(Protocol):
    """What can be woken, once; in the words of `asyncio.Future`, which is one."""

    def done(self) -> bool:
        """Return whether it was woken, or its task is known to be leaving."""
        ...

    def set_result(self, result: Any, /) -> None:
        """Let the task go on with a result.

        Raises:
            Exception: what the backend calls `woken_before`, if it is done.
        """
        ...


WaitQueue: TypeAlias = "OrderedDict[Wakeable, Any]"
"""The tasks that wait on one side of a channel, first in, first out."""


class Waiter(Wakeable, Protocol):
    """What one task waits for, once."""

    def cancelled(self) -> bool:
        """Return whether the task is known to be leaving: it is being cancelled."""
        ...

    def result(self) -> Any:
        """Return the result that it was given; it is done, and not cancelled."""
        ...

    def __await__(self) -> Generator[Any, Any, Any]:
        """Wait for the result."""
        ...


class WokenError(Exception):
    """A waiter was given a result before."""


def outcome(waiter: Waiter, undo: Callable[[Any], object] | None) -> Any:
    """Tell what becomes of an operation whose wait was ended by the error that is being handled.

    Args:
        waiter: of the running task.
        undo: gives back what the waiter was given; None if that cannot be given back.

    Returns:
        What the waiter was given, if the operation has happened and the error cannot undo it: a
        cancellation that came too late is delivered later.

    Raises:
        BaseException: the error, otherwise.
    """
    given = NOTHING if not waiter.done() or waiter.cancelled() else waiter.result()
    if given is not NOTHING:
        error = sys.exception()
        # A sender logs that it blocks: a handler may receive the very message, and then fail.
        handler_failed = undo is None and isinstance(error, Exception)
        if handler_failed or postpone(waiter, error):
            return given
        if undo is not None:
            undo(given)
    raise  # noqa: PLE0704  the caller handles it; to hold it here would make a cycle


def postpone(waiter: Waiter, error: BaseException | None) -> bool:
    """Have a cancellation delivered later, since the operation has happened.

    Args:
        waiter: of the running task.
        error: what was raised where the task waited.

    Returns:
        False if the error is no cancellation.
    """
    backend = _backends.get(type(error))
    if backend is None or error is None:
        return False
    backend.postpone(waiter, error)
    return True


class Backend(Protocol):
    """How the running task waits and yields on one kind of event loop.

    If the running task is none of such a loop, `new_waiter` turns to the backend that fits, and
    `checkpoint` raises RuntimeError.
    """

    woken_before: ClassVar[type[Exception]]
    """What `Wakeable.set_result` raises if the waiter is done."""

    @staticmethod
    def new_waiter(binding: LoopBinding, /) -> Waiter:
        """Return a waiter for the running task, whose event loop is bound.

        Raises:
            RuntimeError: if no task runs, or as `LoopBinding.bind`. Nothing has changed.
        """
        ...

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        """Yield to the event loop once, and notice cancellation."""
        ...

    @staticmethod
    def loop_getter() -> Callable[[], object]:
        """Return what returns the event loop of this thread; None if none of this kind runs."""
        ...

    @staticmethod
    def postpone(waiter: Any, error: BaseException, /) -> None:
        """See to it that a cancellation which came too late is delivered later."""
        ...


class LoopBinding:
    """The event loop whose tasks wait at one place: one loop at a time.

    The core of a channel is one.
    """

    __slots__ = ("_thread", "backend", "loop", "make_waiter", "running_loop")

    def __init__(self) -> None:
        self.loop: object = None  # of the tasks that wait, or of those that waited last
        self._thread = 0
        self._use(Unbound)

    def _use(self, backend: type[Backend]) -> None:
        self.backend = backend
        self.make_waiter = backend.new_waiter
        self.running_loop = backend.loop_getter()

    def new_waiter(self) -> Waiter:
        """Return what the running task is to await.

        Raises:
            RuntimeError: if no event loop runs, or as `bind`. Nothing has changed.
        """
        return self.make_waiter(self)

    def new_waiter_elsewhere(self, unfit: type[Backend]) -> Waiter:
        """Return a waiter as `new_waiter` does, now that the last backend does not fit."""
        backend = running_backend()
        if backend is unfit:
            raise RuntimeError("a task must be running")
        waiter = backend.new_waiter(self)
        self._use(backend)
        return waiter

    def checkpoint(self) -> Awaitable[None]:
        """Return what the running task is to await in order to yield.

        Raises:
            RuntimeError: if no event loop runs.
        """
        try:
            return self.backend.checkpoint()
        except RuntimeError:
            pass
        backend = running_backend()
        if not any(self.queues()):  # or they would be woken in the way of another event loop
            self._use(backend)
        return backend.checkpoint()

    def bind(self, loop: object) -> None:
        """Serve another event loop from now on.

        Raises:
            RuntimeError: if tasks of the last one wait. Nothing has changed.
        """
        if any(self.queues()) and not self._drop_if_over():
            raise RuntimeError(
                f"{self} serves one event loop at a time,"
                " and tasks of another one are waiting in it"
            )
        self.loop = loop
        self._thread = get_ident()

    def bind_like(self, other: LoopBinding) -> None:
        """Serve the event loop that another binding serves; raise as `bind`."""
        if self.loop is not other.loop:
            self.bind(other.loop)
        if self.backend is not other.backend:  # which may be so: it has yielded elsewhere
            self._use(other.backend)

    def check_thread(self) -> None:
        """Make sure that the tasks which wait here can be woken from here.

        Tasks of an event loop that is over do not count any more.

        Raises:
            RuntimeError: if they belong to the event loop of another thread.
        """
        if self.running_loop() is self.loop or not any(self.queues()) or self._drop_if_over():
            return
        if get_ident() != self._thread:
            raise RuntimeError(
                f"{self} has tasks waiting in another thread, and is not thread-safe:"
                " use `anyio.from_thread.run(sender.send, message)`"
            )

    def _drop_if_over(self) -> bool:
        over = is_over(self.loop)
        if over:
            for queue in self.queues():
                queue.clear()
        return over

    def wake(self, waiter: Wakeable, result: Any) -> bool:
        """Let a task go on with a result.

        Returns:
            False if it was given another result before, or is known to be leaving.
        """
        try:
            waiter.set_result(result)
        except self.backend.woken_before:
            return False
        return True

    @abstractmethod
    def queues(self) -> tuple[WaitQueue, ...]:
        """Return where tasks wait."""


class AnyioWaiter:
    """A task that waits by way of `anyio.Event`.

    Args:
        task: of asyncio; None elsewhere.
        leaving: whether the task is being cancelled as it begins to wait.
    """

    __slots__ = ("_event", "_leaving", "_result", "_task", "count")

    def __init__(self, task: Task[Any] | None, *, leaving: bool) -> None:
        # Weakly: the error that ends a task may refer to what the task waited in.
        self._task = ref(task) if task is not None else None
        self.count = 0 if task is None else task.cancelling()
        self._leaving = leaving
        self._event = Event()
        self._result: Any = NOTHING

    def done(self) -> bool:
        return self._event.is_set() or self.cancelled()

    def cancelled(self) -> bool:
        """Return whether the task is known to be leaving; only asyncio tells."""
        if self._event.is_set():
            return False
        return self._leaving or (self.task is not None and self.task.cancelling() > self.count)

    @property
    def task(self) -> Task[Any] | None:
        """The task, if it is one of asyncio and still there."""
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


def _running_loop() -> object:
    try:
        return _native(lowlevel.current_token())
    except RuntimeError:
        return None


def _native(token: Any) -> object:
    """Return an event loop as its own library knows it: anyio 4.13 wraps it."""
    return getattr(token, "native_token", token)


class Anyio:
    """The backend that works with any event loop that anyio knows."""

    woken_before: ClassVar[type[Exception]] = WokenError

    @staticmethod
    def new_waiter(binding: LoopBinding) -> Waiter:
        loop = _native(lowlevel.current_token())
        if loop is not binding.loop:
            binding.bind(loop)
        task = _task_of_asyncio()
        # A cancellation that was asked for before will strike where the wait begins.
        leaving = task is not None and (_late.deliver(task) or getattr(task, "_must_cancel", False))
        return AnyioWaiter(task, leaving=leaving)

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        return lowlevel.checkpoint()

    @staticmethod
    def loop_getter() -> Callable[[], object]:
        return _running_loop

    @staticmethod
    def postpone(waiter: AnyioWaiter, error: BaseException) -> None:
        task = waiter.task
        if task is not None:
            _late.postpone(task, error, waiter.count)


class Unbound(Anyio):
    """The backend of a channel in which nobody has waited yet: it never fits."""

    @staticmethod
    def new_waiter(binding: LoopBinding) -> Waiter:
        return binding.new_waiter_elsewhere(Unbound)

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        raise RuntimeError


_backends: dict[
    type[BaseException | None], type[Backend]
] = {}  # by what a cancellation raises there


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
    match _library(cancelled):
        case "asyncio":
            from anycast._waiter_asyncio import Asyncio  # noqa: PLC0415

            return Asyncio
        case "trio":
            from anycast._waiter_trio import Trio  # noqa: PLC0415

            return Trio
        case _:
            return Anyio


def is_over(loop: Any) -> bool:
    """Return whether an event loop has ended: none of its tasks runs again."""
    if hasattr(loop, "is_closed"):
        closed: bool = loop.is_closed()
        return closed
    if hasattr(loop, "run_sync_soon"):
        from anycast._waiter_trio import is_finished  # noqa: PLC0415  as above

        return is_finished(loop)
    return False


def _task_of_asyncio() -> Task[Any] | None:
    """Return the running task if it is one of asyncio."""
    if _library(get_cancelled_exc_class()) != "asyncio":
        return None
    import asyncio  # noqa: PLC0415  as above

    return asyncio.current_task()


def _library(cancelled: type[BaseException]) -> str:
    return cancelled.__module__.partition(".")[0]
