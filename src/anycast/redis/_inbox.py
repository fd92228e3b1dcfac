"""What receivers wait on: a channel in memory, which the receive pump fills on demand.

The channel carries tokens, each of which says that there is a message more; whoever gets one
takes the oldest message when it runs. So what is given back can be the newest, and nothing
is reordered by a task that gave up. A token that was handed to a waiting task is in the channel
no more. Its message stays here until that task runs: it is not given back, unless everything is.

Demand is what decides how much the pump asks the server for: a message for each task that
waits, what those would take along, and `prefetch` more. While nobody waits it only refills,
and only if something was taken since it last asked: messages that nobody takes are not to
pile up here, where other processes cannot get them. For the same reason they go back

- at once if the tasks that wanted them gave up and there are more than `prefetch`, or if
  no receiver is open any more;
- soon if none was taken between two beats of the heartbeat.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from anyio import WouldBlock

from anycast._anycast.channel import Anycast
from anycast._interface.errors import ReceiverStoppedError
from anycast.redis._auto_reset_event import AutoResetEvent
from anycast.redis._scripts import MAX_BATCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from anycast._combinators.receivers import ReceiverBase
    from anycast.redis._delivery import Delivery

T = TypeVar("T")


class Inbox(Generic[T]):
    """Deliveries that no receiver has taken yet.

    Args:
        prefetch: how many to hold ready beyond those that tasks wait for.
    """

    def __init__(self, prefetch: int) -> None:
        self.wakeup = AutoResetEvent()
        self._prefetch = prefetch
        # As many as there are tokens, in the channel or with tasks that have yet to run.
        self._deliveries: deque[Delivery[T]] = deque()
        self._channel = Anycast[None](name="inbox", limit=math.inf)
        self._sender = self._channel.new_sender()
        self._own_receiver = self._channel.new_receiver()
        self._asking = 0  # tasks that want a message, and have not taken one yet
        self._more = 0  # messages that those would take along
        self.taken = 0
        self._taken_when_asked = 0
        self._taken_at_beat = 0
        self.peak = 0

    # What receivers do.

    def new_receiver(self) -> ReceiverBase[None]:
        """Return a receiver of tokens, whose user tells here what happens."""
        return cast("ReceiverBase[None]", self._channel.new_receiver())

    def add_demand(self, count: int) -> None:
        """Take note that a task is about to take messages, or to wait for one of so many."""
        self._asking += 1
        self._more += count - 1
        if self._asking > len(self._deliveries):
            self.wakeup.set()

    def take_demanded(self, count: int) -> Delivery[T]:
        """Take a message, for a task which wanted so many and got a token."""
        self._asking -= 1
        self._more -= count - 1
        return self.take()

    def take(self) -> Delivery[T]:
        """Take a message, for a task that got a token without waiting."""
        self.taken += 1
        delivery = self._deliveries.popleft()
        if len(self._deliveries) <= self._prefetch // 2:
            self.wakeup.set()
        return delivery

    def remove_demand(self, count: int) -> None:
        """Take note that a task which wanted so many messages wants none any more."""
        self._asking -= 1
        self._more -= count - 1
        self.check_surplus()

    def check_surplus(self) -> None:
        """Take note that there may be fewer to take what is here."""
        self.wakeup.set()

    @property
    def ended(self) -> bool:
        """Whether nothing is here, and nothing will ever come."""
        return self._channel.is_closed and not self.stock

    # What the pump does.

    @property
    def stock(self) -> int:
        """How many messages are here; tasks that have yet to run have the tokens of some."""
        return len(self._deliveries)

    @property
    def open_receivers(self) -> int:
        """How many receivers there are to take what is here."""
        return self._channel.statistics().open_receivers - 1  # one is ours

    @property
    def waiting(self) -> int:
        """How many tasks wait for a message; one in a `select`, once for each receiver there."""
        return self._channel.statistics().tasks_waiting_receive

    @property
    def lacking(self) -> int:
        """How many tasks wait for a message that is not here yet."""
        # A task in a `select` does not ask: it can be seen only in the queue where it waits.
        return max(self.waiting, self._asking - self.stock)

    def wanted(self) -> int:
        """Return how many messages to ask the server for now."""
        idle = self.taken == self._taken_when_asked
        self._taken_when_asked = self.taken
        if lacking := self.lacking:
            return min(lacking + self._more + self._prefetch, MAX_BATCH)
        if idle or self.stock > self._prefetch // 2 or not self.open_receivers:
            return 0
        return min(self._prefetch - self.stock, MAX_BATCH)

    def put(self, deliveries: Iterable[Delivery[T]]) -> None:
        """Hand deliveries to the tasks that wait, and keep the rest for the next."""
        for delivery in deliveries:
            self._deliveries.append(delivery)
            self._sender.send_nowait(None)
        self.peak = max(self.peak, self.stock)

    def surplus(self) -> Iterator[Delivery[T]]:
        """Take out what is to be given back, newest first, since tasks or receivers have gone."""
        keep = self._prefetch + self._asking + self._more
        yield from self._take_out(keep if self.open_receivers else 0)

    def idle(self) -> Iterator[Delivery[T]]:
        """Take out everything if nothing was taken since this was last asked."""
        if self.taken == self._taken_at_beat:
            yield from self._take_out(0)
        self._taken_at_beat = self.taken

    def end(self) -> list[Delivery[T]]:
        """Let receivers stop; return everything that is here.

        Tasks that have yet to run take theirs out even so, and find that they are not ours.
        """
        self._channel.close()
        return [*self._take_out(0), *self._deliveries]

    def close(self) -> None:
        """Let receivers stop once they have taken what is here."""
        self._channel.close()

    def _take_out(self, keep: int) -> Iterator[Delivery[T]]:
        while self.stock > keep:
            try:
                self._own_receiver.receive_nowait()
            except (WouldBlock, ReceiverStoppedError):
                return  # tasks that have yet to run have the tokens of the rest
            yield self._deliveries.pop()
