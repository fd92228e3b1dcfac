"""The event loop whose tasks wait in a set of queues, and the backend for that event loop."""

from __future__ import annotations

from abc import abstractmethod
from threading import get_ident
from typing import TYPE_CHECKING, Any

from anyio import get_cancelled_exc_class

from anycast._waiting.anyio_backend import AnyioBackend, library_of
from anycast._waiting.budget import this_thread
from anycast._waiting.protection import protected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anycast._waiting.budget import Budget
    from anycast._waiting.waiter import Backend, Binding, Waiter, WaitQueue, Wakeable


class LoopBinding:
    """Binds a set of queues to the event loop whose tasks wait in the queues.

    Only tasks of a single event loop may wait at a time. The core of a channel inherits this class.
    """

    __slots__ = (
        "_thread",
        "backend",
        "budget",
        "loop",
        "make_waiter",
        "running_loop",
    )

    def __init__(self) -> None:
        # The event loop of the tasks that wait in the queues, or that were the last to wait.
        self.loop: object = None
        self._thread = 0  # in which that event loop runs
        # Of the thread in which the last task yielded or waited here; before that, of the thread
        # that made the channel.
        self.budget = this_thread.budget
        self._use_backend(UnboundBackend)

    def _use_backend(self, backend: type[Backend]) -> None:
        self.backend = backend
        # Two functions of the backend, stored for speed. `make_waiter(core)` does the same as
        # `core.new_waiter()`.
        self.make_waiter = backend.new_waiter
        self.running_loop = backend.loop_getter()

    @abstractmethod
    def queues(self) -> tuple[WaitQueue, ...]:
        """Return the queues in which tasks wait."""

    def new_waiter(self) -> Waiter:
        """Return what the running task is to await.

        Raises:
            RuntimeError: outside of an event loop, or as `bind`. The binding is as before then.
        """
        return self.make_waiter(self)

    @protected
    def new_waiter_elsewhere(self, unfit: type[Backend]) -> Waiter:
        """Return a waiter of the running event loop's backend, and use this backend from now on.

        Called by a backend if the running task belongs to another kind of event loop.
        """
        backend = running_backend()
        if backend is unfit:
            raise RuntimeError("a task must be running")
        waiter = backend.new_waiter(self)
        self._use_backend(backend)
        return waiter

    @protected
    def checkpoint(self) -> Awaitable[None]:
        """Return what the running task awaits to yield once, and to notice a cancellation.

        Once the task runs again, the task sets ``budget.spent`` to 0.

        Raises:
            RuntimeError: outside of an event loop.
        """
        self.budget = budget = this_thread.budget
        try:
            return self.backend.checkpoint(budget)
        except RuntimeError:
            pass
        backend = running_backend()
        if not any(self.queues()):  # else the bound backend must stay, to wake the waiting tasks
            self._use_backend(backend)
        return backend.checkpoint(budget)

    @protected
    def bind(self, loop: object) -> None:
        """Bind another event loop.

        Raises:
            RuntimeError: if tasks of the bound event loop are waiting. The binding is as before
                then.
        """
        if any(self.queues()) and not self._drop_if_over():
            raise RuntimeError(
                f"{self} serves one event loop at a time,"
                " and tasks of another one are waiting in it:"
                " let that event loop make the call, as"
                " `asyncio.run_coroutine_threadsafe(receiver.receive(), loop)` does"
            )
        self.loop = loop
        self._thread = get_ident()
        self.budget = this_thread.budget

    def bind_like(self, other: LoopBinding) -> None:
        """Bind the event loop to which another binding is bound; raise as `bind`."""
        if self.loop is not other.loop:
            self.bind(other.loop)
        # `wake` needs the backend of the waiters. The backend of this binding may still be the
        # unbound backend, or the backend of another kind of event loop in which a task has yielded.
        self._use_backend(other.backend)

    def check_thread(self) -> None:
        """Check that the waiting tasks can be woken from this thread.

        Tasks of an event loop that is over are dropped.

        Raises:
            RuntimeError: if tasks of another thread's event loop are waiting.
        """
        if self.running_loop() is self.loop or not any(self.queues()) or self._drop_if_over():
            return
        if get_ident() != self._thread:
            raise RuntimeError(
                f"{self} has tasks waiting in another thread, and is not thread-safe:"
                " let the event loop of these tasks make the call. In a thread of"
                " `anyio.to_thread.run_sync`, use `anyio.from_thread.run(sender.send, message)`,"
                " and in a thread of `trio.to_thread.run_sync`, `trio.from_thread.run`."
                " In any other thread, use"
                " `asyncio.run_coroutine_threadsafe(sender.send(message), loop)`"
                " or an `anyio.from_thread.BlockingPortal`."
            )

    def _drop_if_over(self) -> bool:
        over = is_over(self.loop)
        if over:
            self.forget_tasks()
        return over

    def forget_tasks(self) -> None:
        """Forget the waiting tasks, whose event loop is over."""
        for queue in self.queues():
            queue.clear()

    def wake(self, waiter: Wakeable, result: Any) -> bool:
        """Wake a task with a result.

        Returns:
            False if the task was woken before, or is known to be leaving.
        """
        try:
            waiter.set_result(result)
        except self.backend.woken_before:
            return False
        return True


class UnboundBackend(AnyioBackend):
    """The backend before the first wait: always replaced by the backend of the running task."""

    @staticmethod
    def new_waiter(binding: Binding) -> Waiter:
        return binding.new_waiter_elsewhere(UnboundBackend)

    @staticmethod
    def checkpoint(_: Budget) -> Awaitable[None]:
        raise RuntimeError

    @staticmethod
    def loop_getter() -> Callable[[], object]:
        return _no_loop


def _no_loop() -> None:
    """Return None as the running event loop: `LoopBinding.loop` is None before the first wait."""


# The backends in use. The key is the class that the event loop raises to cancel a task.
_backends: dict[type[BaseException | None], type[Backend]] = {}


def backend_of(error: BaseException | None) -> type[Backend] | None:
    """Return the backend whose event loop raises this error to cancel a task, if there is one."""
    return _backends.get(type(error))


def running_backend() -> type[Backend]:
    """Return the backend for the running event loop.

    Raises:
        RuntimeError: outside of an event loop.
    """
    # anyio returns this class faster than the name of the event loop's library.
    cancelled = get_cancelled_exc_class()
    backend = _backends.get(cancelled)
    if backend is None:
        backend = _backends[cancelled] = _choose(cancelled)
    return backend


def _choose(cancelled: type[BaseException]) -> type[Backend]:
    # Imported here: a program needs the backend of its own event loop only.
    match library_of(cancelled):
        case "asyncio":
            from anycast._waiting.asyncio_backend import AsyncioBackend  # noqa: PLC0415

            return AsyncioBackend
        case "trio":
            from anycast._waiting.trio_backend import TrioBackend  # noqa: PLC0415

            return TrioBackend
        case _:
            return AnyioBackend


def is_over(loop: Any) -> bool:
    """Return whether an event loop has ended. The tasks of such an event loop never run again."""
    if hasattr(loop, "is_closed"):
        closed: bool = loop.is_closed()
        return closed
    if hasattr(loop, "run_sync_soon"):
        from anycast._waiting.trio_backend import is_finished  # noqa: PLC0415  as above

        return is_finished(loop)
    return False
