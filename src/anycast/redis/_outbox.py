"""Messages on their way to the server, in items, each a request of the task that sends it.

An item is one message, or several that a task sends as a batch. A script carries as many
messages as may be in flight at once, whosever they are. When the channel is full, those that
found no room are queued again, at the head. When it is closed, those that are queued are
settled with the error at once; those in flight get the server's answer.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from anycast.redis._auto_reset_event import AutoResetEvent
from anycast.redis._pending_request import PendingRequest, RequestState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from anycast._interface.sender import Sender
    from anycast.redis._send_errors import ErrorFactory

MAX_MESSAGES = 128  # in a script
MAX_BYTES = 1_000_000  # in a script of more than one message


class Item(PendingRequest):
    """What one task sends, and how much of it is stored.

    Args:
        sender: through which.
        bodies: the encoded messages, at least one.
    """

    __slots__ = ("blocked", "bodies", "make_error", "sender", "stored")

    def __init__(self, sender: Sender[Any], bodies: Sequence[bytes]) -> None:
        super().__init__()
        self.sender = sender
        self.bodies = bodies
        """Those that are not stored."""
        self.stored = 0
        self.blocked = False
        self.make_error: ErrorFactory | None = None

    def check(self) -> None:
        """Raise the error of the send, if the send failed."""
        if self.make_error is not None:
            raise self.make_error(self.sender)

    def take_stored_count(self) -> int:
        """Return how many messages were stored since this was last asked."""
        stored, self.stored = self.stored, 0
        return stored

    def mark_stored(self, most: int) -> int:
        """Take note that messages of it were stored, so many at most; return how many."""
        count = min(most, len(self.bodies))
        self.bodies = self.bodies[count:]
        self.stored += count
        return count


class Outbox:
    """The items of one process, first in, first out."""

    def __init__(self) -> None:
        self.wakeup = AutoResetEvent()
        self.stored = 0
        self._items: OrderedDict[Item, None] = OrderedDict()
        self._make_error: ErrorFactory | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, sender: Sender[Any], bodies: Sequence[bytes]) -> Item:
        """Queue messages as an item, which is then to be waited for.

        Raises:
            Exception: if nothing is accepted any more.
        """
        self.check(sender)
        item = Item(sender, bodies)
        if not self._items:
            self.wakeup.set()
        self._items[item] = None
        return item

    def withdraw(self, item: Item) -> None:
        """Withdraw an item whose task was cancelled, if it is queued still."""
        if item.state is RequestState.QUEUED:
            del self._items[item]

    def check(self, sender: Sender[Any]) -> None:
        """Raise what every send raises now, if nothing is accepted any more."""
        if self._make_error is not None:
            raise self._make_error(sender)

    def next_batch(self) -> tuple[list[Item], list[bytes]]:
        """Put the first messages in flight, and return their items, and them."""
        items: list[Item] = []
        bodies: list[bytes] = []
        room = MAX_BYTES
        for item in self._items:
            for body in () if item.leaving else item.bodies:
                room -= len(body)
                if bodies and (room < 0 or len(bodies) == MAX_MESSAGES):
                    return items, bodies
                bodies.append(body)
                if item.state is RequestState.QUEUED:
                    item.state = RequestState.IN_FLIGHT
                    items.append(item)
        return items, bodies

    def settle_batch(self, items: Iterable[Item], stored: int) -> None:
        """Settle items of which all was stored; the others are queued again."""
        self.stored += stored
        for item in items:
            count = item.mark_stored(stored)
            stored -= count
            make_error = item.make_error or self._make_error
            if not item.bodies:
                del self._items[item]
                item.make_error = None
                item.settle(done=True)
            elif item.abandoned or make_error:
                self.fail([item], make_error)
            else:
                item.state = RequestState.QUEUED
                if count:
                    item.report_progress()

    def fail(self, items: Iterable[Item], make_error: ErrorFactory | None) -> None:
        """Settle items of which not all was stored, for all we know."""
        for item in items:
            del self._items[item]
            item.make_error = make_error
            item.settle(done=False)

    def fail_sends_of(self, sender: Sender[Any], make_error: ErrorFactory) -> None:
        """Settle what a sender has queued; what is in flight fails unless it is stored."""
        for item in self._items:
            if item.sender is sender:
                item.make_error = make_error
        self.fail([item for item in self._queued() if item.sender is sender], make_error)

    def shut(self, make_error: ErrorFactory) -> None:
        """Accept no more, and settle what is queued."""
        if self._make_error is None:
            self._make_error = make_error
        self.fail(self._queued(), self._make_error)

    def abort(self, make_error: ErrorFactory) -> None:
        """Settle everything, also what is in flight: nobody is left to do it."""
        self.fail(list(self._items), make_error)

    def _queued(self) -> list[Item]:
        return [item for item in self._items if item.state is RequestState.QUEUED]
