"""How a task waits for its turn, and what yielding means, on whatever event loop runs.

The core knows no event loop: it wakes a `Waiter`, and an endpoint waits for it. One waiter
serves one call of one task. It may be waited for several times, each time for a new
one-shot event, because a promise may be taken back before its task has run. Nothing can be
missed in between: a task looks at its place in line and begins to wait in one step.
"""

from __future__ import annotations

from anyio import Event
from anyio.lowlevel import checkpoint, current_token

__all__ = ["Waiter", "checkpoint"]


class Waiter:
    """A task that waits, by way of `anyio.Event`.

    Raises:
        anyio.NoEventLoopError: if no event loop that anyio knows is running.
    """

    __slots__ = ("_event", "loop")

    def __init__(self) -> None:
        self.loop: object = current_token()
        self._event: Event | None = None

    async def wait(self) -> None:
        """Wait until `wake` is called; a checkpoint."""
        self._event = Event()
        await self._event.wait()

    def wake(self) -> bool:
        """Let the task go on.

        Returns:
            False if it can only find itself cancelled: it is to be promised nothing.
        """
        if self._event is not None:
            self._event.set()
        return True
