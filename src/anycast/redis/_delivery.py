"""Deliveries: messages that the server has given to this process, and the leases on them."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

from anycast._log import logger

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


class Delivery(Generic[T]):
    """One delivery of a message to one process.

    Args:
        entry_id: of the entry in the stream that holds the message.
        message: the message, decoded.
        count: how often the message was delivered, this delivery included.
    """

    __slots__ = ("count", "entry_id", "message")

    def __init__(self, entry_id: bytes, message: T, count: int) -> None:
        self.entry_id = entry_id
        self.message = message
        self.count = count


class HeldLeases(Generic[T]):
    """The leases that this process holds, and how long each lease is certain.

    The server counts a lease from the moment when a script takes or renews the message. This
    class counts from before that script was sent. So a lease ends here before it ends there, and
    while a lease is certain, the server gives the message to this process alone.

    Args:
        label: the channel's name, for the log.
        lease: in seconds.
    """

    def __init__(self, label: str, lease: float) -> None:
        self._label = label
        self._lease = lease
        # For each entry id, the time until which the lease is certain. A lease that has run out
        # stays here until the server confirms the loss: a renewal may still save the lease.
        self._until: dict[bytes, float] = {}

    def __contains__(self, delivery: Delivery[T]) -> bool:
        """Return whether the lease on this delivery is certain."""
        return self._until.get(delivery.entry_id, 0.0) > monotonic()

    @property
    def entry_ids(self) -> list[bytes]:
        """The entry ids of all leases, certain or not."""
        return list(self._until)

    def hold(self, entry_ids: Iterable[bytes], since: float) -> None:
        """Hold leases that the server gave or renewed after the time ``since``."""
        self._until |= dict.fromkeys(entry_ids, since + self._lease)

    def extend(self, entry_ids: Iterable[bytes], since: float) -> None:
        """Extend leases, and pass over entries whose lease was dropped meanwhile."""
        self.hold([entry_id for entry_id in entry_ids if entry_id in self._until], since)

    def drop(self, entry_id: bytes) -> bool:
        """Drop a lease, and return whether it was held."""
        return self._until.pop(entry_id, None) is not None

    def drop_lost(self, entry_ids: Iterable[bytes]) -> None:
        """Drop leases that have run out at the server, and log how many were still held."""
        self.log_lost(sum(self.drop(entry_id) for entry_id in entry_ids))

    def log_lost(self, count: int) -> None:
        """Log that this many leases have run out."""
        if count:
            logger.warning(
                "%s: the lease of %d message(s) ran out, and others may get them",
                self._label,
                count,
            )
