"""How tasks that join a broadcast channel learn that no receiver has a message left."""

from __future__ import annotations

from typing import Any

from anycast._anycast.core import Core


class JoinCountdown:
    """Stands among the joiners of a subscription, in place of a task, and counts down in the hub.

    The subscription wakes a `JoinCountdown` as the subscription wakes a task that joins: as soon as
    no message of the receiver is unread or on lease.

    Args:
        hub: of the channel, with the count `unfinished`.
        subscription: of the receiver.
    """

    __slots__ = ("_hub", "_subscription")

    def __init__(self, hub: Any, subscription: Core[Any]) -> None:
        self._hub = hub
        self._subscription = subscription

    def done(self) -> bool:
        """Return False: a countdown can always be woken."""
        return False

    def set_result(self, _: object) -> None:
        """Count down. The last countdown wakes the tasks that join the channel."""
        self._subscription.remove_joiner(self)
        self._hub.unfinished -= 1
        self._hub.wake_joiners()
