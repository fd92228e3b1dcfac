"""The core of a broadcast channel: the receivers, the blocked senders, and who wakes whom.

The rules stand here. The core of a channel in memory (`anycast._anycast.core`) has the rules for
steps, waiters, yielding and late cancellations; all of them hold here, too.

The rules
---------
A broadcast channel is a *hub*, and a *subscription* for each receiver. A subscription is a core
with the unread messages of the receiver, and with the tasks that wait in the receiver. The hub
gives each message to every subscription, in one step. So every receiver gets the messages in the
same order, which is the order of the channel.

- A sender gives the message to all receivers if no receiver blocks. A receiver with a waiting task
  hands the message to the task. Any other receiver stores the message.
- A receiver *blocks* if it has ``limit`` unread messages and ``overflow="block"``. While a receiver
  blocks, senders wait in the queue of the hub, with their messages.
- A receive from a receiver that blocks lets senders go on, if no other receiver blocks. The hub
  gives the message of the sender that has waited longest to all receivers, and wakes that sender.
  The close of a receiver does the same.
- A receiver with ``overflow="drop_oldest"`` never blocks. With more than ``limit`` unread messages
  it loses the oldest message, and notes the *gap*: a place among the messages, and a number. The
  receive that comes to the place takes the number, and raises. A receiver waits only with no unread
  message, so a gap is always before a stored message.

Who is woken, and by what
-------------------------
- A waiting receiver: as in an `Anycast`, by a message, by a message that comes back, or by a close.
- A waiting sender: by the step after which no receiver blocks, which is a receive or the close of
  a receiver; or by the close of the sender or of the channel.
- A task that joins: by the step that leaves every receiver without unread messages and leases.
  While tasks join, each receiver with such a message has a `JoinCountdown` among its own joiners.

Invariants, true before and after each step
-------------------------------------------
1. While a sender waits, an open receiver blocks, and stands in `blockers`.
2. Every open receiver that blocks stands in `blockers`. A receiver stays in `blockers` when a
   receive has made room, and is removed by the next sender that comes. So a receive need not tell
   the hub.
3. While a task waits in a receiver, the receiver has no unread message and no gap.
4. For each open receiver: the messages that the receiver has received, has lost, has unread and has
   on lease are together the messages that the receiver started with, and all messages sent since.
   (A closed receiver has forgotten its unread messages.)
5. More than ``limit`` messages are unread only after a message came back. A receiver that drops is
   back at ``limit`` after the next message.

Orders of events that need care
-------------------------------
- A receive lets a blocked sender go on first, and then takes the oldest message. In between, the
  receiver has ``limit`` + 1 unread messages. Calls that may raise come before any change.
- A finalizer of a message, or a signal handler, may run in the midst of `_fan_out`, and may use the
  channel. A message that this code sends waits in `buffer`, and the outer call gives the message to
  all receivers next. So all receivers see the same order. If this code closes the channel, the
  receivers end after the outer message has reached all of them.
- A receiver that is opened in the midst of `_fan_out` does not get the message of `_fan_out`: the
  receiver starts with the message if the channel keeps messages (``replay``). So `_fan_out` lists
  the receivers before it keeps the message, since a finalizer of the message that is kept no longer
  may open a receiver. A receiver that is closed in the midst of `_fan_out` has a buffer that stores
  nothing.
- A finalizer may send a message in the midst of `subscribe` or `clone`. Then the new receiver is
  made again, and starts with this message, too.
- A message that is given back goes to its receiver alone, and may fill the receiver (`note_full`).
  If the receiver is closed, the message is forgotten.
- A task that was handed a message has not run since, and its receiver fills up: the receiver is *at
  risk* (`LagAvoidingCore`). An operation that may wait yields before the operation makes a receiver
  at risk lose a message.
- All waiting tasks of a broadcast channel belong to a single event loop. So the hub and the
  subscriptions are bound together. When the hub is bound to an event loop, the hub looks at all
  receivers.

The costs
---------
A send takes time in proportion to the number of receivers. A receive, a subscribe and the close of
a receiver do not depend on that number, even while senders wait: thanks to `blockers`. `blockers`
is an `OrderedDict`: to find the first key of a plain dict takes time for each key that was removed
before the first.

Rejected designs
----------------
- A single linked list of messages, with a position for each receiver: a send to one receiver takes
  six times as long. With a thousand receivers that each take the message, both designs are equally
  fast.
- An exact count of full receivers: each receive would have to change the count.
- A gap as a special message among the messages: each receive would have to check each message.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from itertools import count, islice
from sys import maxsize
from typing import Any, TypeVar

from anycast._broadcast.join_countdown import JoinCountdown
from anycast._broadcast.options import ReceiverOptions
from anycast._broadcast.subscription import HubInterface, Subscription
from anycast._interface.statistics import BroadcastStatistics
from anycast._log import BlockingLog
from anycast._waiting.protection import protected
from anycast._waiting.waiter import Wakeable

T = TypeVar("T")

# Unbound methods of `deque`: a caller's subclass must not run code of its own in a step.
_popleft, _appendleft = deque[Any].popleft, deque[Any].appendleft


class Hub(HubInterface[T]):
    """The one owner of a broadcast channel's receivers and blocked senders.

    Args:
        kind: the class of the channel, for errors and logs.
        name: of the channel.
        options: the default options of the receivers. ``limit`` and ``replay`` are also the options
            of the channel.
        yield_every: as for `Broadcast`.
        auto_close: as for `Broadcast`.
    """

    __slots__ = (
        "_numbers",
        "blockers",
        "closed_counts",
        "closed_peak",
        "closed_with_leases",
        "closing",
        "options",
        "pumping",
        "replay_buffer",
        "sent",
        "subscriptions",
        "unfinished",
    )

    def __init__(
        self,
        kind: type,
        name: str,
        options: ReceiverOptions,
        *,
        yield_every: int,
        auto_close: bool,
    ) -> None:
        super().__init__(
            kind, name, limit=options.limit, yield_every=yield_every, auto_close=auto_close
        )
        self.options = options
        # The messages that a new receiver may start with.
        self.replay_buffer: deque[T] = deque(maxlen=int(min(options.replay, maxsize)))
        # The open receivers: an ordered set. The next three fields are ordered sets, too.
        self.subscriptions: dict[Subscription[T], None] = {}
        # The receivers with ``overflow="block"`` that were full after the last message. A receive
        # that makes room leaves its receiver in this set, and `_blocked` removes the receiver.
        self.blockers: OrderedDict[Subscription[T], None] = OrderedDict()
        # The receivers at risk, as `LagAvoidingCore` says.
        self.at_risk = {}
        # The receivers that were closed while a message was on lease.
        self.closed_with_leases: dict[Subscription[T], None] = {}
        # The messages that were sent.
        self.sent = 0
        # How many messages the closed receivers have received, and how many they have lost.
        self.closed_counts = (0, 0)
        # The highest number of unread messages that a closed receiver had.
        self.closed_peak = 0
        # Whether messages are on their way from `buffer` to the receivers.
        self.pumping = False
        # Whether the channel was closed, and the receivers have yet to learn.
        self.closing = False
        # While tasks join: how many receivers have messages that are unread or on lease.
        self.unfinished = 0
        self._numbers = count(1)

    # Sending.

    def offer(self, message: T) -> bool:
        """Send one message if that is possible at once; return whether it was."""
        if self.running_loop() is not self.loop:
            self.check_thread()
        if self.blockers and self._blocked():
            return False
        if self.pumping and not self._has_room_behind():
            return False
        spent = self.budget.spent
        self.buffer.append(message)
        self.pump()
        self.budget.spent = spent + 1
        return True

    def put_many(self, messages: deque[T]) -> None:
        """Send messages out of a deque, until a receiver blocks, or is at risk.

        Together these messages count as one operation.
        """
        spent = self.budget.spent
        sent = True
        while messages and sent and not self.at_risk:
            message, sent = _popleft(messages), False
            try:
                sent = self.offer(message)
            finally:
                if not sent:
                    _appendleft(messages, message)
        self.budget.spent = spent + 1

    def pump(self) -> None:
        """Give each message in the buffer to all receivers, and then serve blocked senders."""
        if self.pumping:
            return  # the outer call moves all messages of the buffer
        self.pumping = True
        buffer = self.buffer
        try:
            while True:
                while buffer:
                    self._fan_out(buffer.popleft())
                if not self.senders or self._blocked() or not self.pull():
                    break
        finally:
            self.pumping = False
        if self.closing:
            self._end_subscriptions()
        if self.joiners:
            self.wake_joiners()

    def _fan_out(self, message: T) -> None:
        """Give a message to every receiver that is open now."""
        self.sent += 1
        subscriptions = [*self.subscriptions]  # first: `append` may run a finalizer
        self.replay_buffer.append(message)
        for subscription in subscriptions:
            if subscription.receivers:
                subscription.woken += 1
                if subscription.hand_over(message):
                    continue
            buffer = subscription.buffer
            if len(buffer) < subscription.fills_at:
                buffer.append(message)
            else:
                subscription.store_at_limit(message)
        if self.joiners:
            for subscription in self.subscriptions:
                self.note_busy(subscription)

    def _blocked(self) -> bool:
        """Return whether a receiver blocks senders. If so, the first of `blockers` does."""
        blockers = self.blockers
        while blockers:
            subscription = next(iter(blockers))
            if subscription.full:
                return True
            blockers.pop(subscription, None)
        return False

    def has_room(self) -> bool:
        """Return whether the next message could be sent at once."""
        return not self._blocked()

    def _has_room_behind(self) -> bool:
        """Return whether every receiver has room for one message after those in the buffer.

        Asked only by code that runs in the midst of a send, such as a finalizer.
        """
        ahead = len(self.buffer) + 1  # 1 for the message that `_fan_out` is giving to the receivers
        return not self.senders and all(
            subscription.drops or len(subscription.buffer) + ahead < subscription.limit
            for subscription in self.subscriptions
        )

    # What a subscription tells.

    def unblock_senders(self, subscription: Subscription[T]) -> None:
        if self.running_loop() is not self.loop:
            self.check_thread()
        self.blockers.pop(subscription, None)
        self.pump()

    def note_full(self, subscription: Subscription[T]) -> None:
        self.blockers[subscription] = None

    # Opening and closing.

    def subscribe(self, options: ReceiverOptions) -> Subscription[T]:
        """Return the subscription of a new receiver, which starts with the last messages."""
        most = int(min(options.replay, options.limit, maxsize))
        return self._add(
            lambda: Subscription(self, options, next(self._numbers), self._last_messages(most))
        )

    def _last_messages(self, most: int) -> deque[T]:
        """Return so many of the last messages, in time in proportion to their number."""
        try:
            messages = deque(islice(reversed(self.replay_buffer), most))
        except RuntimeError:  # a finalizer has sent in the midst
            return self._last_messages(most)
        messages.reverse()
        return messages

    def clone(self, subscription: Subscription[T]) -> Subscription[T]:
        return self._add(lambda: self._copy(subscription))

    def _copy(self, subscription: Subscription[T]) -> Subscription[T]:
        received = subscription.received
        gaps = [(place - received, lost) for place, lost in subscription.gaps]
        return Subscription(
            self, subscription.options, next(self._numbers), subscription.buffer, gaps
        )

    def _add(self, make: Callable[[], Subscription[T]]) -> Subscription[T]:
        """Make a subscription, and send to the subscription from now on."""
        while True:
            sent, subscription = self.sent, make()
            if subscription.blocks:
                self.note_full(subscription)
            if self.sent == sent:
                # No other code runs between the comparison and this line.
                self.subscriptions[subscription] = None
                break
            self.blockers.pop(subscription, None)
        if self.closed:
            subscription.close()
        self.note_busy(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription[T]) -> None:
        del self.subscriptions[subscription]
        self.blockers.pop(subscription, None)
        self.at_risk.pop(subscription, None)
        received, lost = self.closed_counts
        received += subscription.received - subscription.lost
        self.closed_counts = received, lost + subscription.lost
        self.closed_peak = max(self.closed_peak, subscription.highest)
        if subscription.leases:
            self.closed_with_leases[subscription] = None
        unread = subscription.discard()
        if not self.count_endpoint(self.receivers, -1) and self.auto_close:
            self.close()
        self.pump()
        del unread

    def close(self) -> None:
        """Close the channel: wake all senders, and wake the receivers that have read all."""
        self.check_thread()
        self.closed = self.closing = True
        self._dismiss(self.senders, self.senders)
        if not self.pumping:
            self._end_subscriptions()

    def _end_subscriptions(self) -> None:
        self.closing = False
        for subscription in [*self.subscriptions]:
            if not subscription.closed:
                subscription.close()

    # Joining.

    @property
    def idle(self) -> bool:
        """Whether no message is unread, offered by a waiting sender, or on lease."""
        if self.buffer or self.senders or self.pumping:
            return False
        if self.joiners:
            return not self.unfinished
        return all(subscription.idle for subscription in self._all())

    def _all(self) -> Iterator[Subscription[T]]:
        """Return the receivers that may have messages, unread or on lease."""
        for subscription in [*self.closed_with_leases]:
            if subscription.idle:
                del self.closed_with_leases[subscription]
        return iter([*self.subscriptions, *self.closed_with_leases])

    def add_joiner(self, waiter: Wakeable) -> None:
        if self.joiners is None:
            self.joiners = OrderedDict()
        self.joiners[waiter] = None
        for subscription in self._all():
            self.note_busy(subscription)
        self.wake_joiners()

    def remove_joiner(self, waiter: Wakeable) -> None:
        if self.joiners:
            self.joiners.pop(waiter, None)

    def note_busy(self, subscription: Subscription[T]) -> None:
        """Count a receiver that is not idle, if tasks join and the receiver is not counted yet."""
        if self.joiners and not subscription.idle and not subscription.joiners:
            self.unfinished += 1
            subscription.add_joiner(JoinCountdown(self, subscription))

    # The event loop.

    def queues(self) -> tuple[Any, ...]:
        queues = [subscription.receivers for subscription in self.subscriptions]
        return (self.senders, self.joiners or {}, *queues)

    @protected
    def bind(self, loop: object) -> None:
        super().bind(loop)
        for subscription in self.subscriptions:
            subscription.loop = None  # so that the next wait binds the subscription again

    def forget_tasks(self) -> None:
        for subscription in self._all():
            subscription.forget_tasks()
        super().forget_tasks()
        self.unfinished = 0

    # Showing.

    def blocking_log(self) -> BlockingLog:
        if self.log is None:
            self.log = BlockingLog("Broadcast", "[%s] consumes a message", SlowestReceiver(self))
        return self.log

    def slowest(self) -> Subscription[T] | None:
        """Return a receiver that blocks senders, or else the receiver with most unread messages."""
        if self.senders and self._blocked():
            return next(iter(self.blockers))
        most = max(self.subscriptions, key=lambda one: len(one.buffer), default=None)
        return most if most is not None and most.buffer else None

    def statistics(self) -> BroadcastStatistics:
        now = [*self.subscriptions]
        slowest = self.slowest()
        received, lost = self.closed_counts
        return BroadcastStatistics(
            current_buffer_used=max((len(one.buffer) for one in now), default=0),
            max_buffer_size=self.limit,
            peak_buffer_used=max([self.closed_peak, *(one.highest for one in now)]),
            open_senders=self.open_senders,
            open_receivers=self.open_receivers,
            tasks_waiting_send=len(self.senders),
            tasks_waiting_receive=sum(len(one.receivers) for one in now),
            messages_sent=self.sent,
            messages_received=received + sum(one.received - one.lost for one in now),
            messages_lost=lost + sum(one.lost for one in now),
            slowest_receiver=None if slowest is None else f"{self}:{slowest.label}",
        )


class SlowestReceiver:
    """Has as `str` the slowest receiver at the time when a log record is written."""

    __slots__ = ("_hub",)

    def __init__(self, hub: Hub[Any]) -> None:
        self._hub = hub

    def __str__(self) -> str:
        slowest = self._hub.slowest()
        return "no receiver" if slowest is None else f"{self._hub}:{slowest.label}"
