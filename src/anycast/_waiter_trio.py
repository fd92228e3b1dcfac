"""A task of trio that waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

    from trio.lowlevel import RaiseCancelT, Task, TrioToken

    from anycast._waiter import Home


class TrioWaiter:
    """A task that waits by way of trio's scheduler.

    A task must be rescheduled exactly once: by `set_result`, or by trio itself once the wait
    was aborted by a cancellation.
    """

    __slots__ = ("_aborted", "_asleep", "_done", "_loop", "_task")

    def __init__(self, task: Task, loop: TrioToken) -> None:
        self._task = task
        self._loop = loop
        self._asleep = False
        self._aborted = False
        self._done = False

    def get_loop(self) -> TrioToken:
        return self._loop

    def done(self) -> bool:
        return self._done

    def cancelled(self) -> bool:
        return self._aborted

    def set_result(self, _: None) -> None:
        if not self._done:
            self._done = True
            if self._asleep:
                reschedule(self._task)

    def __await__(self) -> Generator[Any, Any, None]:
        if self._done:
            return _nothing()
        self._asleep = True
        return wait_task_rescheduled(self._abort).__await__()  # noqa: ASYNC105  this awaits it

    def _abort(self, _: RaiseCancelT) -> Abort:
        self._aborted = self._done = True
        return Abort.SUCCEEDED


def _nothing() -> Generator[Any, Any, None]:
    return
    yield


class Trio:
    """The backend of trio."""

    @staticmethod
    def new_waiter(home: Home) -> TrioWaiter:
        task = current_task()
        loop = current_trio_token()
        if loop is not home.loop:
            home.adopt(loop)
        return TrioWaiter(task, loop)

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        current_task()  # raises RuntimeError outside of trio
        return checkpoint()  # noqa: ASYNC105  the caller awaits it
