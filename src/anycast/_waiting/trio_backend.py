"""A task of trio that waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from outcome import Outcome
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
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from trio.lowlevel import RaiseCancelT, Task, TrioToken

    from anycast._waiting.budget import Budget
    from anycast._waiting.waiter import Binding, Waiter

T = TypeVar("T")

protect()  # before the first task waits: the endpoints may be older than the import of trio


# The states of a waiter, in the order in which the states can follow each other.
AWAKE = 0  # the task does not wait yet
ASLEEP = 1  # in trio's scheduler
WOKEN = 2  # was given a result
ABORTED = 3  # by a cancellation


class TrioWaiter(Outcome[Any]):
    """The waiter of a task of trio, and the outcome that trio gives to that task.

    A sleeping task must be rescheduled exactly once: by `set_result`, or by trio after a
    cancellation has aborted the wait. So trio never cancels a task that was given a result.

    trio gives an `Outcome` to each task that is rescheduled. To make a further object for the
    outcome takes more time than all else that `set_result` does. So the waiter is the outcome.
    """

    __slots__ = ("_result", "_state", "_task")

    # Each waiter is different from all others, unlike other outcomes.
    __eq__ = object.__eq__  # pyright: ignore[reportAssignmentType]
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(self, task: Task) -> None:
        self._task = task
        self._state = AWAKE
        self._result: Any = NOTHING

    def done(self) -> bool:
        return self._state >= WOKEN

    def cancelled(self) -> bool:
        return self._state == ABORTED

    def result(self) -> Any:
        return self._result

    def set_result(self, result: Any) -> None:
        state = self._state
        if state >= WOKEN:
            raise WokenError
        self._state = WOKEN
        self._result = result
        if state == ASLEEP:
            reschedule(self._task, self)

    def __await__(self) -> Generator[Any, Any, Any]:
        if self._state == WOKEN:  # by code that ran after the task joined the queue
            return _at_once(self._result)
        self._state = ASLEEP
        return wait_task_rescheduled(self._abort).__await__()  # noqa: ASYNC105  this awaits it

    def _abort(self, _: RaiseCancelT) -> Abort:
        self._state = ABORTED
        return Abort.SUCCEEDED

    # The methods of an outcome. trio calls only `unwrap`.

    def unwrap(self) -> Any:
        return self._result

    def send(self, gen: Generator[T, Any, object]) -> T:
        return gen.send(self._result)

    async def asend(self, agen: AsyncGenerator[T, Any]) -> T:
        return await agen.asend(self._result)


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
