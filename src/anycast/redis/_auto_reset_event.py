"""An event that wakes a single waiting task, and then resets itself."""

from __future__ import annotations

from anyio import Event


class AutoResetEvent:
    """An event that `wait` resets on returning. A single task at a time may wait.

    An event that is set before the task waits stays set, so the next `wait` returns at once.
    Setting an event that is set already has no effect.
    """

    __slots__ = ("_event", "_is_set")

    def __init__(self) -> None:
        self._is_set = False
        # The event in which the task waits, if a task waits. An `anyio.Event` cannot be reset, so
        # each wait makes a new event.
        self._event: Event | None = None

    def set(self) -> None:
        """Wake the task that waits, or let the next `wait` return at once."""
        if not self._is_set:
            self._is_set = True
            if self._event is not None:
                self._event.set()

    async def wait(self) -> None:
        """Wait until the event is set, then reset the event."""
        if not self._is_set:
            self._event = Event()
            await self._event.wait()
            self._event = None
        self._is_set = False
