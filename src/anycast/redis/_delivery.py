"""Deliveries: messages that the server has given to this process, and the lease on them."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

T = TypeVar("T")


class Delivery(Generic[T]):
    """One delivery of a message to one process.

    Args:
        entry_id: of the entry in the stream that holds the message.
        message: the message, decoded.
        headers: of the message.
        count: how often the message was delivered, as the server counts now: 0 for a message that
            was fetched ahead of need.
    """

    __slots__ = ("count", "counted", "entry_id", "headers", "message")

    def __init__(self, entry_id: bytes, message: T, headers: Mapping[str, str], count: int) -> None:
        self.entry_id = entry_id
        self.message = message
        self.headers = headers
        # With this delivery, whether or not the server has counted this delivery already.
        self.count = max(count, 1)
        self.counted = count > 0


class HeldLeases(Generic[T]):
    """The deliveries that this process has, under a single lease, and how long that is certain.

    The server counts the lease from the moment when a script takes messages or renews the lease.
    This class counts from the moment before that script was sent. So a lease ends here before the
    lease ends at the server. While the lease is certain, the server gives the messages to this
    process alone.

    Args:
        lease: in seconds.
    """

    def __init__(self, lease: float) -> None:
        self.seconds = lease
        self._held: dict[bytes, Delivery[T]] = {}
        # The time until which the lease is certain. The deliveries stay until the server confirms
        # that the lease has run out: a renewal may still save the lease.
        self._until = 0.0

    def __contains__(self, delivery: Delivery[T]) -> bool:
        """Return whether the lease on this delivery is certain."""
        return self._held.get(delivery.entry_id) is delivery and self._until > monotonic()

    def has(self, delivery: Delivery[T]) -> bool:
        """Return whether this process has the delivery, whether or not the lease is certain."""
        # The same message may be held anew: by a later delivery, after this lease had run out.
        return self._held.get(delivery.entry_id) is delivery

    @property
    def deliveries(self) -> list[Delivery[T]]:
        """All deliveries, whether or not the lease is certain."""
        return list(self._held.values())

    def hold(self, deliveries: Iterable[Delivery[T]]) -> None:
        """Hold deliveries that the server gave."""
        self._held |= {delivery.entry_id: delivery for delivery in deliveries}

    def renew(self, since: float) -> None:
        """Note that the server renewed the lease after the time ``since``."""
        self._until = max(self._until, since + self.seconds)

    def drop(self, delivery: Delivery[T]) -> bool:
        """Drop a delivery, and return whether the delivery was held."""
        if held := self.has(delivery):
            del self._held[delivery.entry_id]
        return held

    def lose_all(self) -> int:
        """Drop every delivery, and return how many there were."""
        count = len(self._held)
        self._held.clear()
        return count
