"""How many operations the tasks of a thread may do before the event loop must have a turn.

An operation that can complete at once does not yield. Without a limit, a loop over such operations
would hold the event loop for ever: no other task would run, and no timeout would end the loop. So
operations are counted, and the next operation yields once the count has reached the limit of its
channel, ``yield_every``.

There is a single count for a thread, and not a count for each channel. Else a loop could make a new
channel for each message, or go round many channels, and never reach a limit. A count for each task
would be slower, and would protect no better: a task that runs keeps its thread, until it yields.

When a task runs again after a yield or a wait, the event loop has had its turn. So the count goes
back to 0 at the end of a yield, and of a wait that was not interrupted. To set the count to 0 when
a wait begins would be too early on asyncio: when an eager task begins to wait, the task that
started the eager task runs on, without a turn of the event loop. trio has no eager tasks. On trio
the count also goes back to 0 when a yield begins, so that the tasks that run meanwhile need not
yield.
"""

from __future__ import annotations

from threading import local


class Budget:
    """The count of a thread. Any channel of that thread may read and change it."""

    __slots__ = ("spent",)

    def __init__(self) -> None:
        # The operations since the event loop had its turn.
        self.spent = 0


class _Thread(local):
    """The state of a thread."""

    def __init__(self) -> None:
        self.budget = Budget()


# ``this_thread.budget`` is the budget of the thread that runs.
this_thread = _Thread()
