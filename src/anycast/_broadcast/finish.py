"""How a task that joins a broadcast channel learns that a receiver has nothing left."""

from __future__ import annotations

from typing import Any

from anycast._anycast.core import Core


class Finish:
    """Stands among the tasks that join a subscription, and counts down in the hub.

    A subscription wakes this as it wakes a task that joins: as soon as nothing is unread or on
    lease.

    Args:
        hub: of the channel, with the count `unfinished`.
        subscription: of the receiver.
    """

    __slots__ = ("_hub", "_subscription")

    def __init__(self, hub: Any, subscription: Core[Any]) -> None:
        self._hub = hub
        self._subscription = subscription

    def done(self) -> bool:
        """Return False: this can always be woken."""
        return False

    def set_result(self, _: object) -> None:
        """Count down. The last one wakes the tasks that join the channel."""
        self._subscription.remove_joiner(self)
        self._hub.unfinished -= 1
        self._hub.wake_joiners()
