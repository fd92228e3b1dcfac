"""An event for one task that waits: setting the event wakes the task once."""

from __future__ import annotations

from anyio import Event


class AutoResetEvent:
    """An event that `wait` resets as it returns. One task at a time may wait.

    An event that is set before the task waits stays set, so the next `wait` returns at once.
    Setting the event several times before that has the same effect as setting it once.
    """

    __slots__ = ("_event", "_is_set")

    def __init__(self) -> None:
        self._is_set = False
        # What the task waits in, if a task waits. An `anyio.Event` cannot be reset, so each
        # wait has its own.
        self._event: Event | None = None

    def set(self) -> None:
        """Wake the task that waits, or let the next `wait` return at once."""
        if not self._is_set:
            self._is_set = True
            if self._event is not None:
                self._event.set()

    async def wait(self) -> None:
        """Wait until the event is set, then reset it."""
        if not self._is_set:
            self._event = Event()
            await self._event.wait()
            self._event = None
        self._is_set = False
