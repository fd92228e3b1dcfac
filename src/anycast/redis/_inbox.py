"""Where receivers wait, and the messages that the receive pump has fetched for them on demand.

Tasks wait in a channel in memory, which carries tokens. Each token says that one more message is
here. A task that gets a token takes the oldest message when the task runs. So the messages to
give back can be the newest messages, and a task that gives up leaves the order unchanged. A
token that was handed to a waiting task has left the channel, and the message for that token
stays here until the task runs: only `end` returns such messages to be given back.

Demand decides how many messages the pump asks the server for: one for each waiting task, the
further messages that these tasks would take along, and `prefetch` more. A task that asked in vain
and does not wait any more may ask again soon: a loop that polls never waits. So the demand for a
message lingers for half a second. While no task waits, the pump only refills the stock, and only if
a message was taken since the pump last asked: messages must not pile up here, where other processes
cannot get them. For the same reason messages are given back

- at once, if the tasks that wanted them gave up and more than `prefetch` are here, or if every
  receiver is closed;
- soon, if no message was taken between two beats of the heartbeat.
"""

from __future__ import annotations

import math
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from anyio import WouldBlock

from anycast._anycast.channel import Anycast
from anycast._interface.errors import ReceiverStoppedError
from anycast.redis._auto_reset_event import AutoResetEvent
from anycast.redis._scripts import MAX_BATCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from anycast._combinators.receivers import ReceiverBase
    from anycast._select.selectable import Selectable
    from anycast.redis._delivery import Delivery

T = TypeVar("T")

# For how many seconds the demand of a task lingers that asked in vain.
LINGER = 0.5


class Inbox(Generic[T]):
    """Deliveries that no receiver has taken yet.

    Args:
        prefetch: how many messages to hold ready beyond the messages that tasks wait for.
    """

    def __init__(self, prefetch: int) -> None:
        # Wakes the receive pump: demand, stock or receivers have changed.
        self.wakeup = AutoResetEvent()
        self._prefetch = prefetch
        # Oldest first. There is a message for each token, in the channel or with a task that has
        # not run since.
        self._deliveries: deque[Delivery[T]] = deque()
        # Carries the tokens. Without a limit, so that `put` never blocks.
        self._channel = Anycast[None](name="inbox", limit=math.inf)
        self._sender = self._channel.new_sender()
        # Takes back the token of each message that is given back.
        self._own_receiver = self._channel.new_receiver()
        # Carries nothing. Closed while the inbox is dry: a batch then waits for no more messages.
        self._dry = Anycast[None](name="dry")
        # How many tasks want a message, and have not taken a message yet.
        self._asking = 0
        # How many further messages these tasks would take along.
        self._more = 0
        # Until when the demand for a message lingers.
        self._lingers_until = 0.0
        # How many messages receivers have taken so far: now, when the pump last asked the
        # server, and at the last beat. A count that has not moved means that receivers are idle.
        self.taken = 0
        self._taken_when_asked = 0
        self._taken_at_beat = 0
        # The largest stock so far, for the statistics.
        self.peak = 0

    # Called by receivers.

    def new_receiver(self) -> ReceiverBase[None]:
        """Return a receiver of tokens. Its user must report demand to this inbox."""
        return cast("ReceiverBase[None]", self._channel.new_receiver())

    def add_demand(self, count: int) -> None:
        """Note that a task is about to wait for a message, and will take up to ``count``."""
        self._asking += 1
        self._more += count - 1
        if self._asking > len(self._deliveries):
            self.wakeup.set()

    def take_demanded(self, count: int) -> Delivery[T]:
        """Take a message for a task that added a demand of ``count``, and then got a token."""
        self._asking -= 1
        self._more -= count - 1
        return self.take()

    def take(self) -> Delivery[T]:
        """Take a message for a task that got a token without adding demand."""
        self.taken += 1
        self._lingers_until = 0.0
        delivery = self._deliveries.popleft()
        # Refill from half the prefetch on, so that a request to the server brings several.
        if len(self._deliveries) <= self._prefetch // 2:
            self.wakeup.set()
        return delivery

    def put_back(self, delivery: Delivery[T]) -> bool:
        """Undo a take: put a delivery before all deliveries that are here.

        Returns:
            Whether the delivery is here now. If not, the inbox takes no more.
        """
        if self._channel.is_closed:
            return False
        self._sender.send_nowait(None)
        self._deliveries.appendleft(delivery)
        self.taken -= 1
        self.check_surplus()
        return True

    def drying(self) -> Selectable[None]:
        """Return an operation that never gives anything, and ends when the inbox is dry."""
        return cast("ReceiverBase[None]", self._dry.new_receiver()).receiving()

    def remove_demand(self, count: int) -> None:
        """Note that a task which added a demand of ``count`` has given up."""
        self._asking -= 1
        self._more -= count - 1
        self.linger()

    def linger(self) -> None:
        """Note that a task asked in vain, and may ask again soon."""
        self._lingers_until = monotonic() + LINGER
        self.check_surplus()

    def check_surplus(self) -> None:
        """Let the pump see whether more messages are here than receivers can take."""
        self.wakeup.set()

    @property
    def ended(self) -> bool:
        """Whether the inbox is empty and stays empty."""
        return self._channel.is_closed and not self.stock

    # Called by the pump.

    @property
    def stock(self) -> int:
        """How many messages are here, also for tasks that have a token and have not run since."""
        return len(self._deliveries)

    @property
    def open_receivers(self) -> int:
        """How many open receivers there are."""
        return self._channel.statistics().open_receivers - 1  # without `_own_receiver`

    @property
    def waiting(self) -> int:
        """How many tasks wait for a message. A `select` counts once for each receiver in it."""
        return self._channel.statistics().tasks_waiting_receive

    @property
    def lingers_for(self) -> float | None:
        """For how many seconds the demand of earlier calls still counts; None if it does not."""
        seconds = self._lingers_until - monotonic()
        return seconds if seconds > 0 and self.open_receivers else None

    @property
    def lacking(self) -> int:
        """How many messages are not here yet that tasks wait for, or asked for just now."""
        # A `select` adds no demand, so `waiting` is needed: only the queue shows the task of a
        # `select`.
        lacking = max(self.waiting, self._asking - self.stock)
        return lacking or int(not self.stock and self.lingers_for is not None)

    def wanted(self) -> tuple[int, int]:
        """Return how many messages to ask the server for now: for tasks, and ahead of need."""
        idle = self.taken == self._taken_when_asked
        self._taken_when_asked = self.taken
        if lacking := self.lacking:
            demand = min(lacking + self._more, MAX_BATCH)
            return demand, min(self._prefetch, MAX_BATCH - demand)
        if idle or self.stock > self._prefetch // 2 or not self.open_receivers:
            return 0, 0
        return 0, min(self._prefetch - self.stock, MAX_BATCH)

    def put(self, deliveries: Iterable[Delivery[T]]) -> None:
        """Give deliveries to the tasks that wait, and keep the rest for later tasks."""
        for delivery in deliveries:
            # The token wakes the task that waits longest, if a task waits.
            self._deliveries.append(delivery)
            self._sender.send_nowait(None)
        self.peak = max(self.peak, self.stock)

    def set_dry(self, *, dry: bool) -> None:
        """Note whether the channel is closed and the server had no message for this process."""
        if dry:
            self._dry.close()
        elif self._dry.is_closed:
            self._dry = Anycast[None](name="dry")

    def surplus(self) -> Iterator[Delivery[T]]:
        """Take out, newest first, the messages that the tasks and receivers here do not need."""
        lingering = int(self.lingers_for is not None)
        keep = self._prefetch + max(self._asking + self._more, lingering)
        yield from self._take_out(keep if self.open_receivers else 0)

    def idle(self) -> Iterator[Delivery[T]]:
        """Take out every message if receivers took no message since the last call."""
        if self.taken == self._taken_at_beat:
            yield from self._take_out(0)
        self._taken_at_beat = self.taken

    def end(self) -> list[Delivery[T]]:
        """Let receivers stop, and return every message that is here.

        A task that got a token and has yet to run still takes its message out. That message is
        given back by then, so the receiver finds that the lease is gone.
        """
        self._channel.close()
        return [*self._take_out(0), *self._deliveries]

    def close(self) -> None:
        """Let receivers stop once they have taken the messages that are here."""
        self._channel.close()

    def _take_out(self, keep: int) -> Iterator[Delivery[T]]:
        while self.stock > keep:
            try:
                self._own_receiver.receive_nowait()
            except (WouldBlock, ReceiverStoppedError):
                return  # the remaining tokens are with tasks that have yet to run
            yield self._deliveries.pop()


class BatchDemand:
    """The demand of a task that collects a batch.

    Args:
        inbox: gets the demand.
    """

    __slots__ = ("_inbox", "lacking")

    def __init__(self, inbox: Inbox[Any]) -> None:
        self._inbox = inbox
        # How many messages the batch lacks.
        self.lacking = 0

    def change(self, lacking: int) -> None:
        """Note how many messages the batch lacks now. The caller must end with a 0."""
        if self.lacking:
            self._inbox.remove_demand(self.lacking)
        self.lacking = lacking
        if lacking:
            self._inbox.add_demand(lacking)
