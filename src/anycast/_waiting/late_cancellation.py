"""Cancellations of asyncio that come too late, and are delivered at the task's next wait.

On asyncio, `Task.cancel` can strike a task that was woken with its result and has not run since.
The operation has happened, and ``CancelledError`` is raised where the task waited. The operation
then returns its result, and the cancellation is delivered later. (trio never does this: trio does
not cancel a task that was rescheduled.) The rules:

1. When a wait begins, store the task's count of cancellation requests, `Task.cancelling`.
2. When a ``CancelledError`` ends a wait that was given a result, return the result. In the next
   turn of the event loop, compare the task's count with the stored count. If the count is higher,
   request the cancellation again. If the count has fallen back, the request was taken back.
3. If the task waits in a channel again before that turn, deliver the cancellation at this wait. So
   a busy channel, which hands a task one message after another, cannot outrun a cancellation.
4. Cancel scopes of anyio are exact without these rules, and the rules do not harm them. A scope
   does not cancel a task whose future is done, and cancels again until its block has ended.

An example: a wait begins (the stored count is 0), a peer gives a result, `Task.cancel` strikes (the
count is 1), and the task runs and returns the result. If the count is still 1 in the next turn, the
task is cancelled then. If an `asyncio.timeout` had made the request and its block has ended, the
count is 0 again, and the task goes on.

Why the count at the beginning of the wait? The count at the time of the error would lose a request:
of two timeouts that fire at once, the first may be taken back, and the second must still be
delivered. A comparison with 0 would deliver requests that are over: up to Python 3.12 a task group
leaves requests behind, and so does code that catches ``CancelledError`` without a call of
`Task.uncancel`.

A count does not tell who made a request. So a late cancellation may be taken for the request of a
timeout or scope that takes a request back. This can happen in three places: in the block of an
`asyncio.timeout` that fired earlier, and whose error was swallowed; in the block of an
`asyncio.timeout` whose time is over, if the block begins right after the operation, without a wait;
and in the block of a cancel scope of anyio that was cancelled earlier, if a shielded operation
follows, and the error of the scope was swallowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

if TYPE_CHECKING:
    from asyncio import Task

# The tasks to which a cancellation is owed: its arguments, and the count when the wait began. The
# references are weak: a task whose event loop never runs again is not kept alive.
owed: dict[ref[Task[Any]], tuple[tuple[Any, ...], int]] = {}


def _forget(task: ref[Task[Any]]) -> None:
    owed.pop(task, None)


def postpone(task: Task[Any], error: BaseException, count: int) -> None:
    """Record a cancellation, to request it again later, because the operation has happened.

    Args:
        task: the running task.
        error: the error that ended the wait.
        count: the task's cancellation requests when the wait began.
    """
    owed[ref(task, _forget)] = error.args, count
    task.get_loop().call_soon(deliver, task)


def deliver(task: Task[Any]) -> bool:
    """Request the owed cancellation of a task again, unless the cancellation was taken back.

    Returns:
        Whether the task is being cancelled by this call.
    """
    debt = owed.pop(ref(task), None)
    if debt is None:
        return False
    args, count = debt
    if task.done() or task.cancelling() <= count:
        return False
    task.uncancel()  # `cancel` counts the same request again
    return task.cancel(*args)
