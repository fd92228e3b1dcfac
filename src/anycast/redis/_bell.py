"""A bell that wakes one pump."""

from __future__ import annotations

from anyio import Event


class Bell:
    """Rung by anyone, at any time, as often as need be; heard once.

    Ringing before the pump listens is not lost: it then does not wait at all.
    """

    __slots__ = ("_event", "_rung")

    def __init__(self) -> None:
        self._rung = False
        self._event: Event | None = None

    def ring(self) -> None:
        """Wake the pump, now or when it next listens."""
        if not self._rung:
            self._rung = True
            if self._event is not None:
                self._event.set()

    async def heard(self) -> None:
        """Wait until it rings, or has rung since it was last heard."""
        if not self._rung:
            self._event = Event()
            await self._event.wait()
            self._event = None
        self._rung = False
