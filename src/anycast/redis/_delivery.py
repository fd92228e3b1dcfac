"""A message that the server has given to this process, and which of them are in hand."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

from anycast._log import logger

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


class Delivery(Generic[T]):
    """One delivery of a message, to one process.

    Args:
        entry_id: of the entry in the stream that holds the message.
        message: the message.
        count: how often it was delivered, this time included.
    """

    __slots__ = ("count", "entry_id", "message")

    def __init__(self, entry_id: bytes, message: T, count: int) -> None:
        self.entry_id = entry_id
        self.message = message
        self.count = count


class HeldLeases(Generic[T]):
    """The deliveries that this process holds a lease of, and until when it surely does.

    Args:
        label: the channel's, for the log.
        lease: how many seconds a delivery stays ours, counted from when the server last
            heard of it; here from before it was told, which is earlier.
    """

    def __init__(self, label: str, lease: float) -> None:
        self._label = label
        self._lease = lease
        self._until: dict[bytes, float] = {}

    def __contains__(self, delivery: Delivery[T]) -> bool:
        """Return whether the lease of this delivery is ours for certain."""
        return self._until.get(delivery.entry_id, 0.0) > monotonic()

    @property
    def entry_ids(self) -> list[bytes]:
        """The ids of all that are held, sure or not."""
        return list(self._until)

    def hold(self, entry_ids: Iterable[bytes], since: float) -> None:
        """Hold what the server gave, or left, to us after this time."""
        self._until |= dict.fromkeys(entry_ids, since + self._lease)

    def extend(self, entry_ids: Iterable[bytes], since: float) -> None:
        """Extend the leases of those that are still held."""
        self.hold([entry_id for entry_id in entry_ids if entry_id in self._until], since)

    def drop(self, entry_id: bytes) -> bool:
        """Hold a delivery no more, and return whether it was held."""
        return self._until.pop(entry_id, None) is not None

    def drop_lost(self, entry_ids: Iterable[bytes]) -> None:
        """Take note that the leases of these have run out, and say so."""
        self.log_lost(sum(self.drop(entry_id) for entry_id in entry_ids))

    def log_lost(self, count: int) -> None:
        """Say that the leases of so many messages have run out."""
        if count:
            logger.warning(
                "%s: the lease of %d message(s) ran out, and others may get them",
                self._label,
                count,
            )
