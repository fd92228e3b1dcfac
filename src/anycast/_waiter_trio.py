"""A task of trio that waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio.lowlevel import (
    Abort,
    checkpoint,
    current_task,
    current_trio_token,
    reschedule,
    wait_task_rescheduled,
)

from anycast._waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from trio.lowlevel import RaiseCancelT, Task


class TrioWaiter(Waiter):
    """A task that waits by way of trio's scheduler.

    A task must be rescheduled exactly once: by `wake`, or by trio itself once the wait was
    aborted by a cancellation.
    """

    __slots__ = ("_aborted", "_task", "loop")

    def __init__(self) -> None:
        self.loop = current_trio_token()
        self._task: Task | None = None  # while it is asleep
        self._aborted = False

    async def wait(self) -> None:
        """Wait until `wake` is called."""
        self._task = current_task()
        await wait_task_rescheduled(self._abort)

    def _abort(self, _: RaiseCancelT) -> Abort:
        self._task = None
        self._aborted = True
        return Abort.SUCCEEDED

    def wake(self) -> bool:
        """Let the task go on; return False if it is being cancelled already."""
        task, self._task = self._task, None
        if task is not None:
            reschedule(task)
        return not self._aborted

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        return checkpoint()  # noqa: ASYNC105  the caller awaits it
