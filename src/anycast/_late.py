"""Cancellations of asyncio that come too late, and are delivered at the next wait.

On asyncio, `Task.cancel` can strike a task that was woken with its result and has yet to run:
the operation has happened, and ``CancelledError`` is raised where the task waited. Then the
operation returns its result, and the cancellation is delivered later. (On trio this cannot
happen: a task that was rescheduled is not cancelled any more.) The rules:

1. When a wait begins, note the task's count of cancellation requests, `Task.cancelling`.
2. When a ``CancelledError`` ends a wait that was given its result, return the result, and ask
   for the cancellation again in the next turn of the loop, unless the count has fallen back to
   what was noted: `asyncio.timeout` and `asyncio.TaskGroup` take their requests back when
   their block ends. The count at the beginning is compared, and not the count at the time of
   the error: of two timeouts that fire at once one may be taken back, and the other must still
   be delivered. It is not compared with 0 either: up to Python 3.12 a task group leaves requests
   behind, and so does code that catches ``CancelledError`` without calling `Task.uncancel`.
3. If the task waits in a channel again before that turn, the cancellation is delivered there
   and then. So a busy channel cannot hand a task one message after another and outrun it.
4. Cancel scopes of anyio need none of this, and are not harmed by it: a scope does not
   cancel a task whose future is done, and it cancels again until its block has ended.

A count does not tell whose a request was. So a late cancellation may pass for one that was taken
back where a timeout takes back its own: in the block of an `asyncio.timeout` that had fired before,
and whose error was swallowed; and where the block of an `asyncio.timeout` whose time is over begins
right after the operation, without a wait in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

if TYPE_CHECKING:
    from asyncio import Task

# The tasks that are owed a cancellation: its arguments, and the count when the wait began.
# No task is kept alive by this, should its event loop never run again.
owed: dict[ref[Task[Any]], tuple[tuple[Any, ...], int]] = {}


def _forget(task: ref[Task[Any]]) -> None:
    owed.pop(task, None)


def postpone(task: Task[Any], error: BaseException, count: int) -> None:
    """Owe a cancellation to the running task: its operation has happened.

    Args:
        task: the running task.
        error: what ended its wait.
        count: the task's requests for cancellation when the wait began.
    """
    owed[ref(task, _forget)] = error.args, count
    task.get_loop().call_soon(deliver, task)


def deliver(task: Task[Any]) -> bool:
    """Ask again for the cancellation that a task is owed, unless it was taken back.

    Returns:
        Whether the task is being cancelled by this.
    """
    debt = owed.pop(ref(task), None)
    if debt is None:
        return False
    args, count = debt
    if task.done() or task.cancelling() <= count:
        return False
    task.uncancel()  # it was counted when it was first asked for
    return task.cancel(*args)
