"""The clock that times the loops of a contender.

The clock runs from the first step of the first task to the last step of the last task. So the time
to make the tasks and the event loop is left out.
"""

from __future__ import annotations

import math
from time import perf_counter_ns


class Clock:
    """The time from the first `begin` to the last `end`."""

    def __init__(self) -> None:
        self._begun = math.inf
        self._ended = 0.0

    def begin(self) -> None:
        """Record that a task runs its first step."""
        self._begun = min(self._begun, perf_counter_ns())

    def end(self) -> None:
        """Record that a task runs its last step."""
        self._ended = perf_counter_ns()

    @property
    def elapsed(self) -> float:
        """The time in nanoseconds."""
        return self._ended - self._begun
