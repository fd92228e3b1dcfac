"""Messages on their way to the server, in items. An item is the request of a task that sends.

An item holds one message, or several messages that a task sends as a batch. A script carries the
first messages of all items together, up to a limit. Items that the channel has no room for are
queued again at the head, in the same order. When the channel is closed, queued items fail at
once, and items in flight get the server's answer.

A script that finds no server is tried again, perhaps for a long time. Between such tries the items
are queued, and not in flight: nothing was written, so a task that is cancelled leaves at once.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from anycast.redis._auto_reset_event import AutoResetEvent
from anycast.redis._pending_request import PendingRequest, RequestState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from anycast._interface.sender import Sender
    from anycast.redis._send_errors import ErrorFactory

# The largest size of a SEND script; a single message may be larger.
MAX_MESSAGES = 128
MAX_BYTES = 1_000_000


class Item(PendingRequest):
    """The messages that a task sends together, and how many of them are stored.

    Args:
        sender: through which the task sends.
        bodies: the encoded messages, at least one message.
        headers: of each message, encoded; empty for none.
    """

    __slots__ = ("blocked", "bodies", "headers", "make_error", "sender", "stored")

    def __init__(self, sender: Sender[Any], bodies: Sequence[bytes], headers: bytes) -> None:
        super().__init__()
        self.sender = sender
        self.headers = headers
        self.bodies = bodies
        """The messages that are not stored yet."""
        # How many messages were stored since the task last asked.
        self.stored = 0
        # Whether the item found no room. The log says when the sender blocks, and goes on.
        self.blocked = False
        # Set when the send fails: makes the error that the task raises.
        self.make_error: ErrorFactory | None = None

    def check(self) -> None:
        """Raise the error of the send, if the send failed."""
        if self.make_error is not None:
            raise self.make_error(self.sender)

    def take_stored_count(self) -> int:
        """Return how many messages were stored since the last call."""
        stored, self.stored = self.stored, 0
        return stored

    def mark_stored(self, most: int) -> int:
        """Note that the first messages, up to ``most``, were stored; return how many."""
        count = min(most, len(self.bodies))
        self.bodies = self.bodies[count:]
        self.stored += count
        return count


@dataclass(frozen=True, slots=True)
class Batch:
    """The messages that one script carries.

    Args:
        items: the items of the messages, in order.
        bodies: of the messages.
        headers: for each message with headers, the place of its body, from 1 on, and the headers.
    """

    items: list[Item]
    bodies: list[bytes]
    headers: list[int | bytes]


class Flight:
    """The items of one script: in flight during a try, and queued between tries that have not run.

    Items that are put into the outbox later do not join the flight.

    Args:
        outbox: has the items.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._items = outbox.first_items()
        # None while the items are queued.
        self._batch: Batch | None = None

    def batch(self) -> Batch:
        """Return the batch, and put its items in flight if they are queued."""
        if self._batch is None:
            self._batch = self._outbox.next_batch(self._items)
        return self._batch

    def cancel(self) -> bool:
        """Queue the items again, since no try has run; return whether any item is left."""
        if self._batch is not None:
            self._outbox.settle_batch(self._batch.items, 0)
            self._batch = None
        self._items = self._outbox.present(self._items)
        return bool(self._items)

    def refill(self) -> None:
        """Take the first items of the outbox, once no item is left."""
        self._items = self._outbox.first_items()


class Outbox:
    """The items of one process, first in, first out."""

    def __init__(self) -> None:
        # Wakes the send pump: there are items to send.
        self.wakeup = AutoResetEvent()
        # How many messages were stored so far, for the statistics.
        self.stored = 0
        # Queued and in flight, in the order of their sends. A dict, so that removing is cheap.
        self._items: OrderedDict[Item, None] = OrderedDict()
        # Set when the outbox is shut: makes the error of every later send.
        self._make_error: ErrorFactory | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, sender: Sender[Any], bodies: Sequence[bytes], headers: bytes = b"") -> Item:
        """Queue messages as an item. The caller must wait for the item.

        Raises:
            Exception: if the outbox is shut.
        """
        # Before the item is made: making an item begins the wait of the task.
        self.check(sender)
        item = Item(sender, bodies, headers)
        # If items are here already, the pump is busy, or waits for room and then takes this along.
        if not self._items:
            self.wakeup.set()
        self._items[item] = None
        return item

    def withdraw(self, item: Item) -> None:
        """Withdraw an item whose task was cancelled, if the item is still queued."""
        if item.state is RequestState.QUEUED:
            del self._items[item]

    def check(self, sender: Sender[Any]) -> None:
        """Raise the error of every send if the outbox is shut."""
        if self._make_error is not None:
            raise self._make_error(sender)

    def first_items(self) -> list[Item]:
        """Return the first items, as many as one script may carry."""
        return [*islice(self._items, MAX_MESSAGES)]

    def present(self, items: Iterable[Item]) -> list[Item]:
        """Return those of the items that were neither withdrawn nor settled."""
        return [item for item in items if item in self._items]

    def next_batch(self, among: Iterable[Item]) -> Batch:
        """Put the first messages of items in flight, and return them with their items."""
        batch = Batch([], [], [])
        bodies = batch.bodies
        room = MAX_BYTES
        for item in self.present(among):
            # Pass over a task that is being cancelled: `_pending_request` says why.
            for body in () if item.leaving else item.bodies:
                room -= len(body)
                if bodies and (room < 0 or len(bodies) == MAX_MESSAGES):
                    return batch
                bodies.append(body)
                if item.headers:
                    batch.headers.extend((len(bodies), item.headers))
                if item.state is RequestState.QUEUED:
                    item.state = RequestState.IN_FLIGHT
                    batch.items.append(item)
        return batch

    def settle_batch(self, items: Iterable[Item], stored: int) -> None:
        """Settle the items that are fully stored, and queue the rest again.

        Args:
            items: in the order of their messages in the batch.
            stored: how many of the first messages of the batch are stored.
        """
        self.stored += stored
        for item in items:
            count = item.mark_stored(stored)
            stored -= count
            make_error = item.make_error or self._make_error
            if not item.bodies:
                # Stored, even if the sender or the channel was closed in the meantime.
                del self._items[item]
                item.make_error = None
                item.settle(done=True)
            elif item.abandoned or make_error:
                self.fail([item], make_error)
            else:
                # The item keeps the place in `_items`, and so goes first in the next batch.
                item.state = RequestState.QUEUED
                if count:
                    item.report_progress()

    def fail(self, items: Iterable[Item], make_error: ErrorFactory | None) -> None:
        """Settle items that are not fully stored."""
        for item in items:
            self._drop(item, make_error)
            item.settle(done=False)

    def doubt(self, items: Iterable[Item], make_error: ErrorFactory) -> None:
        """Settle items of which nobody knows whether they are stored."""
        for item in items:
            self._drop(item, make_error)
            item.doubt()

    def fail_sends_of(self, sender: Sender[Any], make_error: ErrorFactory) -> None:
        """Fail the queued items of a sender; items in flight fail unless they get stored."""
        for item in self._items:
            if item.sender is sender:
                item.make_error = make_error
        self.fail([item for item in self._queued() if item.sender is sender], make_error)

    def shut(self, make_error: ErrorFactory) -> None:
        """Refuse every later send, and fail the queued items."""
        # The first reason stays: that the channel was closed, say, and then left.
        if self._make_error is None:
            self._make_error = make_error
        self.fail(self._queued(), self._make_error)

    def abort(self, make_error: ErrorFactory) -> None:
        """Settle every item: the pump that would settle the items in flight has ended."""
        self.doubt(list(self._items), make_error)

    def _drop(self, item: Item, make_error: ErrorFactory | None) -> None:
        del self._items[item]
        item.make_error = make_error

    def _queued(self) -> list[Item]:
        return [item for item in self._items if item.state is RequestState.QUEUED]
