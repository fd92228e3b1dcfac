"""Messages on their way to the server, each an errand of the task that sends it.

When the channel is full, those that were under way are queued again, at the head. When it is
closed, those that are queued are settled with the error at once; those under way get the
server's answer.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice
from typing import TYPE_CHECKING, Any

from anycast.redis._bell import Bell
from anycast.redis._errand import Errand, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from anycast._sender import Sender

    Failure = Callable[[Sender[Any]], Exception]

MOST_MESSAGES = 128  # in a script
MOST_BYTES = 1_000_000  # in a script of more than one message


class Item(Errand):
    """One message to send.

    Args:
        sender: through which.
        body: the encoded message.
    """

    __slots__ = ("blocked", "body", "failure", "sender")

    def __init__(self, sender: Sender[Any], body: bytes) -> None:
        super().__init__()
        self.sender = sender
        self.body = body
        self.blocked = False
        self.failure: Failure | None = None


class Outbox:
    """The items of one process, first in, first out."""

    def __init__(self) -> None:
        self.bell = Bell()
        self.stored = 0
        self._items: OrderedDict[Item, None] = OrderedDict()
        self._failure: Failure | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Queue an item; it is then to be waited for.

        Raises:
            Exception: if nothing is accepted any more.
        """
        self.check(item.sender)
        self._items[item] = None
        self.bell.ring()

    def take_back(self, item: Item) -> None:
        """Withdraw an item whose task was cancelled, if it is queued still."""
        if item.place is Place.QUEUED:
            del self._items[item]

    def check(self, sender: Sender[Any]) -> None:
        """Raise what every send raises now, if nothing is accepted any more."""
        if self._failure is not None:
            raise self._failure(sender)

    def load(self) -> list[Item]:
        """Put the first items under way, and return them."""
        batch: list[Item] = []
        room = MOST_BYTES
        for item in islice(self._items, MOST_MESSAGES):
            room -= len(item.body)
            if batch and room < 0:
                break
            item.place = Place.UNDER_WAY
            batch.append(item)
        return batch

    def unload(self, batch: list[Item], stored: int) -> None:
        """Settle those of a batch that were stored; the others are queued again."""
        for item in batch[:stored]:
            del self._items[item]
            item.failure = None
            item.settle(done=True)
        self.stored += stored
        for item in batch[stored:]:
            failure = item.failure or self._failure
            if item.abandoned or failure:
                self.fail([item], failure)
            else:
                item.place = Place.QUEUED

    def fail(self, items: Iterable[Item], failure: Failure | None) -> None:
        """Settle items that were not stored, for all we know."""
        for item in items:
            del self._items[item]
            item.failure = failure
            item.settle(done=False)

    def withdraw(self, sender: Sender[Any], failure: Failure) -> None:
        """Settle what a sender has queued; what is under way fails unless it is stored."""
        items = [item for item in self._items if item.sender is sender]
        for item in items:
            item.failure = failure
        self.fail([item for item in items if item.place is Place.QUEUED], failure)

    def shut(self, failure: Failure) -> None:
        """Accept no more, and settle what is queued."""
        if self._failure is None:
            self._failure = failure
        self.fail(self._queued(), self._failure)

    def abort(self, failure: Failure) -> None:
        """Settle everything, also what is under way: nobody is left to do it."""
        self.fail(list(self._items), failure)

    def _queued(self) -> list[Item]:
        return [item for item in self._items if item.place is Place.QUEUED]
