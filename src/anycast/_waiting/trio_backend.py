"""A task of trio that waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from outcome import Value
from trio import RunFinishedError
from trio.lowlevel import (
    Abort,
    checkpoint,
    current_task,
    current_trio_token,
    reschedule,
    wait_task_rescheduled,
)

from anycast._waiting.protection import protect
from anycast._waiting.waiter import NOTHING, WokenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from trio.lowlevel import RaiseCancelT, Task, TrioToken

    from anycast._waiting.budget import Budget
    from anycast._waiting.waiter import Binding, Waiter

protect()  # before the first task waits: the endpoints may be older than the import of trio


class TrioWaiter:
    """A task that waits in trio's scheduler.

    A sleeping task must be rescheduled exactly once: by `set_result`, or by trio after a
    cancellation has aborted the wait. So trio never cancels a task that was given a result.
    """

    __slots__ = ("_aborted", "_asleep", "_done", "_result", "_task")

    def __init__(self, task: Task) -> None:
        self._task = task
        self._asleep = False  # in trio's scheduler
        self._aborted = False  # by a cancellation
        self._done = False  # was given a result, or aborted
        self._result: Any = NOTHING

    def done(self) -> bool:
        return self._done

    def cancelled(self) -> bool:
        return self._aborted

    def result(self) -> Any:
        return self._result

    def set_result(self, result: Any) -> None:
        if self._done:
            raise WokenError
        self._done = True
        self._result = result
        if self._asleep:
            reschedule(self._task, Value(result))

    def __await__(self) -> Generator[Any, Any, Any]:
        if self._done:  # code that ran between the two lines of the caller has woken the task
            return _at_once(self._result)
        self._asleep = True
        return wait_task_rescheduled(self._abort).__await__()  # noqa: ASYNC105  this awaits it

    def _abort(self, _: RaiseCancelT) -> Abort:
        self._aborted = self._done = True
        return Abort.SUCCEEDED


def _at_once(result: Any) -> Generator[Any, Any, Any]:
    yield from ()
    return result


def _running_loop() -> TrioToken | None:
    try:
        return current_trio_token()
    except RuntimeError:
        return None


class TrioBackend:
    """The backend of trio."""

    woken_before: ClassVar[type[Exception]] = WokenError
    can_protect: ClassVar[bool] = True

    @staticmethod
    def new_waiter(binding: Binding) -> Waiter:
        try:
            task, loop = current_task(), current_trio_token()
        except RuntimeError:
            return binding.new_waiter_elsewhere(TrioBackend)
        if loop is not binding.loop:
            binding.bind(loop)
        return TrioWaiter(task)

    @staticmethod
    def checkpoint(budget: Budget) -> Awaitable[None]:
        current_task()  # raises RuntimeError outside of trio
        budget.spent = 0  # trio has no eager tasks: the event loop has its turn now
        return checkpoint()  # noqa: ASYNC105  the caller awaits it

    @staticmethod
    def loop_getter() -> Callable[[], object]:
        return _running_loop

    @staticmethod
    def postpone(waiter: TrioWaiter, error: BaseException) -> None:
        """Never needed: trio never cancels a task that was given a result."""


def is_finished(loop: TrioToken) -> bool:
    """Return whether a run of trio has ended."""
    try:
        loop.run_sync_soon(_ignore, idempotent=True)
    except (RunFinishedError, OSError):  # OSError if the run broke down
        return True
    return False


def _ignore() -> None:
    """Serve as a callback: `is_finished` only asks whether the run accepts a callback."""
