"""The messages of a single receiver of a broadcast channel.

A subscription is a core, with the messages that its receiver has not read yet. So a receive, a
batch, a lease and a waiting task behave as in an `Anycast`, and several tasks that use the same
receiver share the messages. Three things differ:

- The hub puts the messages in: a subscription has no senders of its own. If the receiver can block
  senders, `senders` is the queue of the hub. A receive that makes room while senders wait asks the
  hub to let the next sender go on.
- A receiver with ``overflow="drop_oldest"`` loses its oldest message when the receiver has more
  than ``limit`` messages. The subscription notes a *gap* where the message was lost, and the
  receive that comes to the gap raises.
- The event loop is the event loop of the hub: a whole broadcast channel serves one event loop at a
  time.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, TypeVar

from anycast._anycast.core import Core
from anycast._broadcast.options import ReceiverOptions
from anycast._waiting.budget import this_thread
from anycast._waiting.event_loop import LoopBinding
from anycast._waiting.protection import protected
from anycast._waiting.waiter import NOTHING, Backend, Waiter, WaitQueue, Wakeable

T = TypeVar("T")


class LagAvoidingCore(Core[T]):
    """A core that lets a woken task run before the task's receiver loses a message.

    Take a receiver that drops messages, and a task that waited in this receiver and was given a
    message. If more messages fill the receiver before the task runs, the next message would be
    lost, although the task is fast enough. The receiver is *at risk*. An operation that may wait
    yields first, and so lets the task run. The hub and the subscriptions inherit this class.
    """

    __slots__ = ("at_risk",)

    # The receivers at risk, shared by the hub and all subscriptions of the channel.
    at_risk: dict[Subscription[T], None]

    def checkpoint(self) -> Awaitable[None]:
        turn = super().checkpoint()
        return self._let_run(turn) if self.at_risk else turn

    async def _let_run(self, turn: Awaitable[None]) -> None:
        """Await a turn of the event loop, and a second turn if a receiver is still full."""
        # How many tasks of each receiver at risk had been woken before this turn.
        known = {subscription: subscription.woken for subscription in self.at_risk}
        await turn
        if any(subscription.full for subscription in known):
            # trio runs the tasks of a turn in random order: the woken task may come after this one.
            await super().checkpoint()
        for subscription, woken in known.items():
            subscription.resumed = woken
            if subscription.woken == woken:
                self.at_risk.pop(subscription, None)


class HubInterface(LagAvoidingCore[T]):
    """What a subscription knows of the hub. `Hub` implements this interface."""

    __slots__ = ()

    @abstractmethod
    def unblock_senders(self, subscription: Subscription[T]) -> None:
        """Let blocked senders go on, because a receiver is about to take a message.

        Raises:
            RuntimeError: if the senders wait in an event loop of another thread. Nothing has
                changed then.
        """

    @abstractmethod
    def note_full(self, subscription: Subscription[T]) -> None:
        """Note that a receiver has ``limit`` unread messages or more."""

    @abstractmethod
    def note_busy(self, subscription: Subscription[T]) -> None:
        """Note that a receiver has a message, if tasks join the channel."""

    @abstractmethod
    def clone(self, subscription: Subscription[T]) -> Subscription[T]:
        """Return a new subscription with the position and the options of another."""

    @abstractmethod
    def unsubscribe(self, subscription: Subscription[T]) -> None:
        """Forget a receiver that is closed."""


class Subscription(LagAvoidingCore[T]):
    """The unread messages of one receiver, and the tasks that wait in the receiver.

    Args:
        hub: of the channel.
        options: of the receiver.
        number: of the receiver within the channel, for `str`.
        messages: the first unread messages.
        gaps: where messages were lost: an index into ``messages``, and how many messages were lost
            right before that message. The smallest index is last.
    """

    __slots__ = (
        "drops",
        "fills_at",
        "gaps",
        "hub",
        "lost",
        "number",
        "options",
        "raises_on_lag",
        "resumed",
        "woken",
    )

    def __init__(
        self,
        hub: HubInterface[T],
        options: ReceiverOptions,
        number: int,
        messages: Iterable[T],
        gaps: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.hub = hub
        super().__init__(
            hub.kind,
            hub.name,
            limit=options.limit,
            auto_close=hub.auto_close,
            yield_every=max(hub.allowance, 1),
        )
        self.options = options
        self.number = number
        self.drops = options.drops
        self.raises_on_lag = options.raise_on_lag
        self.at_risk = hub.at_risk
        if not self.drops:
            self.senders = hub.senders
        self.buffer = self.unwatched = deque(messages)
        self.peak = len(self.buffer)
        # The messages that this receiver has lost. They count as `received`, too.
        self.lost = self.received = sum(lost for _, lost in gaps)
        # Where messages were lost: a place, and how many messages were lost right before the
        # message at that place. A place is the number of messages that left before, as in
        # `LeaseCounts`; `received` counts these. The smallest place is last.
        self.gaps = [(self.received + index, lost) for index, lost in gaps]
        # With this number of unread messages, the next message fills the receiver.
        self.fills_at = self.limit - 1
        # How often a waiting task was given a message; and how many of these tasks have run since.
        self.woken = self.resumed = 0

    @property
    def label(self) -> str:
        """The name of the receiver in logs, after the name of the channel."""
        return f"_Receiver#{self.number}"

    @property
    def highest(self) -> int:
        """The highest number of unread messages so far."""
        return max(self.peak, len(self.buffer))

    @property
    def full(self) -> bool:
        """Whether the receiver has ``limit`` unread messages or more."""
        return len(self.buffer) >= self.limit

    @property
    def blocks(self) -> bool:
        """Whether senders have to wait for the receiver."""
        return not self.drops and self.full

    @property
    def idle(self) -> bool:
        return not (self.buffer or self.leases)

    # Receiving.

    @property
    def may_cause_lag(self) -> bool:
        """Whether a receive may let a sender go on, by which a receiver at risk loses a message."""
        return bool(self.senders and self.at_risk)

    @property
    def at_gap(self) -> bool:
        """Whether messages were lost right before the next message."""
        return bool(self.gaps) and self.gaps[-1][0] == self.received

    def take_lag(self) -> int:
        """Return how many messages were lost right before the next message, and drop the gap."""
        return self.gaps.pop()[1] if self.at_gap else 0

    def take(self) -> Any:
        buffer = self.buffer
        used = len(buffer)
        if used > self.peak:  # noqa: PLR1730  faster than `max`
            self.peak = used
        if not used:
            return NOTHING  # if a sender waits, the sender waits for another receiver
        if used == self.limit and self.senders:
            self.hub.unblock_senders(self)
        if self.joiners:
            return self._take_watched()
        message = buffer.popleft()
        self.received += 1
        self.budget.spent += 1
        return message

    def take_many(self, most: int) -> list[T]:
        """Receive the oldest messages up to a gap, without being counted as an operation."""
        spent, messages = self.budget.spent, list[T]()
        while len(messages) < most and not self.at_gap and not self.may_cause_lag:
            message = self.take()
            if message is NOTHING:
                break
            messages.append(message)
        self.budget.spent = spent
        return messages

    # Called by the hub to store messages.

    def store_at_limit(self, message: T) -> None:
        """Store a message that fills the receiver: drop the oldest message, or block senders."""
        self.buffer.append(message)
        if self.peak < self.limit:
            self.peak = int(self.limit)
        if not self.drops:
            self.hub.note_full(self)
            return
        while len(self.buffer) > self.limit:
            self._drop()
        if self.woken != self.resumed:
            self.at_risk[self] = None

    def _drop(self) -> None:
        """Lose the oldest message, and note the gap."""
        dropped = self.buffer.popleft()
        gaps, place = self.gaps, self.received + 1
        self.received = place
        self.lost += 1
        if self.raises_on_lag:
            lost = 1
            # The gap before the lost message, and the gap behind it, become one.
            while gaps and gaps[-1][0] <= place:
                lost += gaps.pop()[1]
            gaps.append((place, lost))
        del dropped  # last: its finalizer may use the channel

    def _hand_back(self, message: T, deliveries: int) -> bool:
        if self.receivers:
            self.woken += 1
        return super()._hand_back(message, deliveries)

    def put_back(self, message: T, deliveries: int = 0) -> None:
        super().put_back(message, deliveries)
        if self.blocks:
            self.hub.note_full(self)
        self.hub.note_busy(self)

    # Opening and closing.

    def count_endpoint(self, queue: WaitQueue, change: int) -> int:  # noqa: ARG002  there is one
        return self.hub.count_endpoint(self.hub.receivers, change)

    def detach(self, queue: WaitQueue, waiters: Iterable[Wakeable]) -> None:
        self._dismiss(queue, waiters)
        self.hub.unsubscribe(self)

    def discard(self) -> object:
        """Forget the unread messages, because the receiver is closed.

        A message that a lease gives back later is forgotten at once.

        Returns:
            The unread messages. The caller keeps the messages until its step is done, since
            finalizers of messages may use the channel.
        """
        unread = self.buffer
        self.buffer = self.unwatched = deque(maxlen=0)
        self.gaps.clear()
        self.wake_joiners()
        return unread

    # The event loop, which is the event loop of the hub.

    def check_thread(self) -> None:
        self.hub.check_thread()

    @protected
    def bind(self, loop: object) -> None:
        if self.hub.loop is not loop:
            self.hub.bind(loop)
        self.loop = loop
        self.budget = this_thread.budget

    def bind_like(self, other: LoopBinding) -> None:
        self.hub.bind_like(other)
        super().bind_like(other)

    @protected
    def new_waiter_elsewhere(self, unfit: type[Backend]) -> Waiter:
        waiter = super().new_waiter_elsewhere(unfit)
        self.hub.bind_like(self)
        return waiter
