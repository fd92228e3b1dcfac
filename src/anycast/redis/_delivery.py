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
        number: the id of its entry in the stream.
        message: the message.
        count: how often it was delivered, this time included.
    """

    __slots__ = ("count", "message", "number")

    def __init__(self, number: bytes, message: T, count: int) -> None:
        self.number = number
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
        return self._until.get(delivery.number, 0.0) > monotonic()

    @property
    def numbers(self) -> list[bytes]:
        """The ids of all that are held, sure or not."""
        return list(self._until)

    def hold(self, numbers: Iterable[bytes], since: float) -> None:
        """Hold what the server gave, or left, to us after this time."""
        self._until |= dict.fromkeys(numbers, since + self._lease)

    def extend(self, numbers: Iterable[bytes], since: float) -> None:
        """Extend the leases of those that are still held."""
        self.hold([number for number in numbers if number in self._until], since)

    def drop(self, number: bytes) -> bool:
        """Hold a delivery no more, and return whether it was held."""
        return self._until.pop(number, None) is not None

    def drop_lost(self, numbers: Iterable[bytes]) -> None:
        """Take note that the leases of these have run out, and say so."""
        self.log_lost(sum(self.drop(number) for number in numbers))

    def log_lost(self, count: int) -> None:
        """Say that the leases of so many messages have run out."""
        if count:
            logger.warning(
                "%s: the lease of %d message(s) ran out, and others may get them",
                self._label,
                count,
            )
