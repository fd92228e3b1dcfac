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

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

    from trio.lowlevel import RaiseCancelT, Task


class TrioWaiter:
    """A task that waits by way of trio's scheduler; it is its own event.

    A task must be rescheduled exactly once: by `wake`, or by trio itself once the wait was
    aborted by a cancellation.
    """

    __slots__ = ("_aborted", "_asleep", "_task", "loop")

    own_room = 0

    def __init__(self) -> None:
        self._task: Task = current_task()
        self.loop = current_trio_token()
        self._asleep = False
        self._aborted = False

    @property
    def event(self) -> Awaitable[None]:
        return self

    def __await__(self) -> Generator[object, None, None]:
        self._asleep = True
        return wait_task_rescheduled(self._abort).__await__()  # noqa: ASYNC105  this awaits it

    def _abort(self, _: RaiseCancelT) -> Abort:
        self._asleep = False
        self._aborted = True
        return Abort.SUCCEEDED

    def renew(self) -> None:
        """Do nothing: whether the task sleeps is noted when it begins to."""

    def wake(self) -> bool:
        """Let the task go on; return False if it is being cancelled already."""
        if self._asleep:
            self._asleep = False
            reschedule(self._task)
        return not self._aborted

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        current_task()  # raises RuntimeError outside of trio
        return checkpoint()  # noqa: ASYNC105  the caller awaits it
