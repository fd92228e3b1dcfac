"""How often a message that came back from a lease was on lease."""

from __future__ import annotations

from typing import Any, NamedTuple


class Returned(NamedTuple):
    """What is given to a lease in place of a message that was on lease before."""

    message: Any
    # How often the message was on lease.
    deliveries: int


def with_deliveries(given: Any) -> tuple[Any, int]:
    """Return the message that a lease was given, and how often the message was on lease before."""
    return given if type(given) is Returned else (given, 0)


class LeaseCounts(list[tuple[int, int]]):
    """For each stored message that came back: how often the message was on lease.

    The buffer stores the messages without a count, so a receive does not pay for counts. A message
    comes back to the head of the buffer. The *place* of the message is the number of messages that
    had been received when the message became the head. This list has pairs of a place and a count,
    and the pair with the smallest place is last. When a message is received, its pair stays in the
    list, and is dropped later.
    """

    __slots__ = ()

    def store(self, place: int, deliveries: int) -> None:
        """Store the count of a message that comes back to a place."""
        self._drop_below(place + 1)
        if deliveries:
            self.append((place, deliveries))

    def take(self, place: int) -> int:
        """Return the count of the message at a place, which is taken on lease."""
        self._drop_below(place)
        return self.pop()[1] if self and self[-1][0] == place else 0

    def _drop_below(self, place: int) -> None:
        """Drop the counts of messages that were received."""
        while self and self[-1][0] < place:
            self.pop()
