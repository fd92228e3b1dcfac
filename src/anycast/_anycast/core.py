"""The core of one channel: the messages, the tasks that wait, and every transition of both.

The rules stand here. ``docs/how-it-works.md`` has the reasons and the pictures.

The rules
---------
All code here is synchronous. Each public method is one step, without an ``await``. A channel
belongs to a single event loop at a time, and another task of that event loop runs only between two
steps. So the core works without a lock.

A sender and a receiver are *peers*. A task that finds a peer waiting acts for both, in
the same step. Go, crossbeam and trio do the same.

- A sender gives the message to the receiver that has waited longest. Without a waiting receiver,
  the sender stores the message if the buffer has room. Else the sender waits in the queue of
  senders, with the message.
- A receiver takes the oldest stored message. This makes room, so the receiver then stores the
  message of the sender that has waited longest, and wakes that sender. If the buffer is empty, the
  receiver takes the message of the waiting sender directly. Without a waiting sender, the receiver
  waits in the queue of receivers.

A waiting task is woken with the result of its operation. The operation happened in the step of the
peer, and stays: a close or a cancellation after that step does not undo the operation. On
asyncio, a cancellation can strike a task after the peer's step and before the task runs. The
operation then returns its result, and the cancellation is delivered later, as
`anycast._waiting.late_cancellation` explains. A different error that is thrown into the task at
that moment, as when the coroutine is destroyed, gives a received message back (`put_back`). So an
operation that returned has happened once, and an operation that raised has not happened. There is
one exception: if a sender's coroutine is destroyed after a receiver took the message, the send
stays done.

A blocked batch waits in the queue with its whole deque. Peers take the messages out of the deque,
and the last message wakes the task. After each message the batch moves to the end of the queue, so
all blocked senders take turns.

A `select` waits in several queues at once, with an *arm* in each queue. The first peer that comes
to an arm decides, and in the same step all arms leave their queues.

Who is woken, and by what
-------------------------
- A waiting receiver: by a send or by a message that comes back (`put_back`), with the message; by
  the close of the endpoint, or by the end of the channel, with `NOTHING`. A receiver that waits for
  a further message of a batch (`PartialBatch`): also by the close of the channel.
- A waiting sender: by a receive, which takes the message or makes room for the message, with None;
  by the close of the endpoint or of the channel, with `NOTHING`. The task of a batch is woken when
  the last message is taken, or when a receiver finds that the caller of `send_many` has emptied
  the deque.
- A task that waits in `Channel.join`, a *joiner*: with `NOTHING`, by the step that leaves the
  channel idle. In this step the last message leaves the buffer, the last lease ends, or the last
  waiting sender leaves the queue.

Invariants, true before and after each step
-------------------------------------------
1. While a receiver waits, the buffer is empty and all senders have been served. Exception: a
   `select` may wait to send and to receive in the same rendezvous channel; these arms never meet.
2. While a sender waits, the buffer is full: at least ``limit`` messages are stored. More than
   ``limit`` messages are stored only after a lease, or a destroyed task, gave a message back.
3. In a closed channel the queue of senders is empty. Receivers wait only while a lease is open.

A waiter in a queue can be done: the task is *leaving*, which means that the task is being
cancelled, and has not run since. Peers remove such a waiter from the queue, and go on to the next
waiter.

A finalizer or a signal handler may run in the middle of a step, where a call begins or returns, and
may use the channel through an operation that does not wait. Four rules keep the core exact. A
waiter leaves its queue before the waiter is woken. After a wake-up that fails, the next waiter is
woken. A task that joins a queue makes a waiter first, and then checks once more that the task has
to wait. Between the look whether a deque has a message, and the call that takes the message, stands
no other call.

Yielding
--------
Most operations that can complete at once do not yield. ``budget.spent`` counts such operations over
all channels of the thread (`anycast._waiting.budget` has the reasons). When the count reaches
``allowance``, the next operation in this channel yields first, whatever the operation does then.
The count goes back to 0 when a task runs again after a yield or a wait.

An operation that raises counts, too. A batch counts as a single operation. A transfer adds 1, and
not 2: the operation of the waiting peer adds nothing. Operations that never yield do not count.

Rejected designs
----------------
- Wake a task with a promise, and let the task act when the task runs. Each wait then costs a second
  task switch, and a receiver cannot take the message of a blocked sender.
- Drop a late cancellation: the task might run for ever.
- Raise a late cancellation, and undo the transfer: the peer may have gone on already.
- Wake all waiting tasks and let them race (a condition variable): order is lost, and each
  wake-up costs as much as there are tasks.
- Leave a cancelled waiter in its queue and skip it later: the queue grows without a bound.
"""

from __future__ import annotations

import sys
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import InitVar, dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from anycast._anycast.lease_counts import LeaseCounts, Returned
from anycast._interface.statistics import ChannelStatistics
from anycast._log import BlockingLog
from anycast._waiting.event_loop import LoopBinding
from anycast._waiting.interruption import result_or_raise
from anycast._waiting.waiter import NOTHING, Waiter, WaitQueue, Wakeable

T = TypeVar("T")

# Unbound methods of `deque`: a caller's subclass must not run code of its own in a peer's step.
_length, _popleft = deque[Any].__len__, deque[Any].popleft
_appendleft, _extendleft = deque[Any].appendleft, deque[Any].extendleft


def _take_first(messages: deque[T], most: int) -> list[T]:
    """Remove the first messages of a deque, at most ``most``, and return these messages."""
    if len(messages) > most or type(messages) is not deque:
        return [_popleft(messages) for _ in range(most) if messages]
    taken = [*messages]
    messages.clear()  # no call before this: no other code can take the same messages
    return taken


class Batch(NamedTuple):
    """What stands in the queue of senders for a blocked `send_many`, in place of a message."""

    messages: deque[Any]


class BatchHold(Protocol):
    """What the core knows of the hold on a message of a batch."""

    # Whether the message came back, or never comes back: a filter has dropped the message.
    ended: bool

    def give_back(self) -> None:
        """Give the message back to the channel."""


class PartialBatch(int):
    """What stands in the queue of receivers for a task that waits for a further message of a batch.

    The class inherits from int, and each object equals 1: the number that `Core.receivers` needs
    for a message on lease. A message of a batch is on lease until the batch is complete. The close
    of the channel wakes the task, even while other leases are open. If the event loop of the task
    is over, the messages of the batch go back to the channel.
    """

    def __init__(self, _: int) -> None:
        # The holds on the messages of the batch, in the order in which the messages were taken.
        self.holds: list[BatchHold] = []


@dataclass(slots=True, eq=False, repr=False)
class Core(LoopBinding, Generic[T]):
    """The one owner of a channel's messages and queues.

    A queue is an ordered dict. Of the containers in the standard library, only the ordered dict
    takes from the head and removes from the middle in constant time. (A plain dict becomes slow at
    the head after many removals there. A deque is slow in the middle.)
    """

    # Of the channel, for errors and logs.
    kind: type
    name: str
    # What the channel was made with.
    limit: float
    auto_close: bool
    yield_every: InitVar[int]
    closed: bool = False
    # How many messages may be stored: ``limit`` as an int, and -1 in a closed channel, in which
    # even an empty buffer has no room.
    capacity: int = 0
    # The stored messages, oldest first.
    buffer: deque[T] = field(default_factory=deque)
    # The buffer. While tasks wait in `Channel.join`, a deque that is always empty: then a receive
    # takes a stored message by `take`, which can wake these tasks.
    unwatched: deque[T] = field(init=False)
    # The highest number of messages that were stored at one time.
    peak: int = 0
    # How many messages are on lease. Each may come back, so a closed channel with an open lease has
    # not ended.
    leases: int = 0
    # How often stored messages were on lease. Made for the first message that comes back.
    lease_counts: LeaseCounts | None = None
    # The waiting receivers. Beside each waiter stands its entry, the number that is added to
    # `leases` when the task is given a message: 0 for a receive, 1 for a lease, `PartialBatch`
    # (which is 1) for a further message of a batch.
    receivers: OrderedDict[Wakeable, int] = field(default_factory=OrderedDict)
    # The waiting senders. Beside each waiter stands the message of a send, or the `Batch` of a
    # `send_many`.
    senders: OrderedDict[Wakeable, Any] = field(default_factory=OrderedDict)
    # The tasks that wait in `Channel.join`: an ordered set, whose values have no meaning. Made for
    # the first task that joins: in most channels no task ever joins.
    joiners: OrderedDict[Wakeable, Any] | None = None
    # The endpoints that are open.
    open_receivers: int = 0
    open_senders: int = 0
    # The messages that were received.
    received: int = 0
    # How many operations in a row may complete at once: ``yield_every``, but 0 if ``yield_every``
    # is 1. With 0 every operation yields, the first operation of a row included.
    allowance: int = 0
    # Made for the first sender that blocks: most channels never need a log.
    log: BlockingLog | None = None

    def __post_init__(self, yield_every: int) -> None:
        LoopBinding.__init__(self)
        self.unwatched = self.buffer
        self.capacity = int(min(self.limit, sys.maxsize))  # as large as a deque can be
        self.allowance = yield_every if yield_every > 1 else 0

    def __str__(self) -> str:
        return f"{self.kind.__name__}:{self.name}"

    @property
    def ended(self) -> bool:
        """Whether the channel is closed and empty, and every lease has ended."""
        return self.closed and not self.buffer and not self.leases

    @property
    def idle(self) -> bool:
        """Whether no message is stored, offered by a waiting sender, or on lease."""
        return not (self.buffer or self.senders or self.leases)

    # Waiting and yielding.

    def queues(self) -> tuple[WaitQueue, ...]:
        queues = self.receivers, self.senders
        return (*queues, self.joiners) if self.joiners else queues

    def forget_tasks(self) -> None:
        batches = [entry for entry in self.receivers.values() if isinstance(entry, PartialBatch)]
        LoopBinding.forget_tasks(self)
        for batch in batches:
            for hold in reversed(batch.holds):
                if not hold.ended:
                    hold.give_back()

    def blocking_log(self) -> BlockingLog:
        """Return the log of blocked senders."""
        if self.log is None:
            self.log = BlockingLog()
        return self.log

    def end_interrupted_wait(self, queue: WaitQueue, waiter: Waiter) -> Any:
        """Decide whether an operation has happened whose wait was ended by an error.

        To be called where an ``except`` clause handles the error: a cancellation, for example. The
        waiter leaves the queue.

        Returns:
            What a peer gave to the waiter before the error, if the operation has happened. A
            cancellation is then delivered later.

        Raises:
            BaseException: the error, if the operation has not happened. If a receiver was given a
                message, and the error is not a cancellation, the message has been put back.
        """
        queue.pop(waiter, None)
        self.wake_joiners()
        return result_or_raise(waiter, self.put_back if queue is self.receivers else None)

    # Sending and receiving. The caller has checked that the channel is open.

    def offer(self, message: T) -> bool:
        """Send one message if that is possible at once; return whether it was."""
        if self.receivers and self.hand_over(message):
            return True
        used = len(self.buffer)
        if used < self.capacity:
            self.budget.spent += 1
            self.buffer.append(message)
            if used >= self.peak:
                self.peak = used + 1
            return True
        return False

    def hand_over(self, message: T, deliveries: int = 0) -> bool:
        """Give a message to the receiver that has waited longest, and wake that receiver.

        Args:
            message: the message.
            deliveries: how often the message was on lease.

        Returns:
            False if no receiver waits. The message is not sent then.
        """
        if self.running_loop() is not self.loop:
            self.check_thread()
        while self.receivers:
            waiter, entry = self.receivers.popitem(last=False)
            self.leases += entry
            given = Returned(message, deliveries) if deliveries and entry else message
            if self.wake(waiter, given):
                self.received += 1
                self.budget.spent += 1
                return True
            self.leases -= entry
        return False

    def take(self) -> Any:
        """Receive the oldest message; return `NOTHING` if the channel has no message."""
        # First store the message of a waiting sender, over the limit for a moment. `pull` may raise
        # (`check_thread`), and must raise before anything has changed. In a rendezvous channel,
        # the stored message is the message that is taken below.
        if self.senders and len(self.buffer) <= self.capacity:
            self.pull()
        buffer = self.unwatched
        if buffer:
            message = buffer.popleft()
            self.received += 1
            self.budget.spent += 1
            return message
        return self._take_watched() if self.buffer else NOTHING

    def _take_watched(self) -> Any:
        """Do as the end of `take`, and wake the tasks that join if the channel is idle now."""
        self.check_thread()  # as in `end_lease`
        if not self.buffer:
            return NOTHING  # code that ran meanwhile has taken the last message
        message = self.buffer.popleft()
        self.received += 1
        self.budget.spent += 1
        self.wake_joiners()
        return message

    def take_leased(self) -> Any:
        """Take the oldest message on lease.

        Returns:
            The message; `Returned` if the message was on lease before; `NOTHING` if the channel has
            no message.
        """
        message = NOTHING
        self.leases += 1  # first: a channel with an open lease does not end
        try:
            message = self.take()
        finally:
            if message is NOTHING:
                self.leases -= 1
                self.wake_joiners()
        if message is NOTHING:
            return message
        deliveries = self.lease_counts.take(self.received - 1) if self.lease_counts else 0
        return Returned(message, deliveries) if deliveries else message

    def pull(self) -> bool:
        """Store the message of the sender that has waited longest, and wake that sender.

        A batch is woken when the last message of its deque is taken.

        Returns:
            False if no sender waits. Nothing is stored then.
        """
        if self.running_loop() is not self.loop:
            self.check_thread()
        senders = self.senders
        while senders:
            waiter, message = senders.popitem(last=False)
            if type(message) is Batch:
                messages = message.messages
                if _length(messages) > 1 and not waiter.done():
                    senders[waiter] = message  # to the end of the queue
                    if self.closed:  # by code that ran while the waiter was in no queue
                        self._dismiss(senders, [waiter])
                        break
                elif not self.wake(waiter, None):
                    continue  # the task is leaving
                try:
                    message = _popleft(messages)
                except IndexError:
                    continue  # the caller has emptied the deque
            elif not self.wake(waiter, None):
                continue
            self.buffer.append(message)
            return True
        self.wake_joiners()
        return False

    def put_many(self, messages: deque[T]) -> None:
        """Send messages out of a deque, as many as possible at once.

        Together these messages count as one operation.
        """
        buffer, spent = self.buffer, self.budget.spent
        if self.receivers:
            self.check_thread()  # first: `hand_over` may not raise once a message is taken
        while self.receivers and messages:
            message = _popleft(messages)
            if not self.hand_over(message):
                _appendleft(messages, message)
        moved = _take_first(messages, self.capacity - len(buffer))
        buffer.extend(moved)
        # Code that ran meanwhile may have filled the buffer, or closed the channel.
        excess = min(len(buffer) - self.capacity, len(moved))
        if excess > 0:
            _extendleft(messages, [buffer.pop() for _ in range(excess) if buffer])
        self.peak = max(self.peak, len(buffer))
        self.budget.spent = spent + 1

    def take_many(self, most: int) -> list[T]:
        """Receive the oldest messages, at most ``most``, without being counted as an operation."""
        buffer = self.buffer
        if self.senders:
            self._pull_many(most + self.capacity)
        messages = _take_first(buffer, most)
        self.received += len(messages)
        if self.joiners:
            self.wake_joiners()
        return messages

    def _pull_many(self, size: int) -> None:
        """Store the messages of waiting senders, until ``size`` messages are stored.

        ``size`` is what the caller takes, and ``capacity`` more: the buffer stays full.
        """
        self.check_thread()
        buffer, senders = self.buffer, self.senders
        room = size - len(buffer)
        batches = [
            offer.messages
            for waiter, offer in ([*senders.items()] if len(senders) <= room else ())
            if type(offer) is Batch and type(offer.messages) is deque and not waiter.done()
        ]
        if batches and len({id(batch) for batch in batches}) == len(senders):
            # Only batches wait. A whole round takes a message of each batch, and so leaves the
            # order of the queue. The last message of a batch is left to `pull`: it wakes the task.
            # (And a deque of a subclass is left to `pull`: its `__len__` may be a caller's.)
            rounds = min(room // len(batches), min(map(_length, batches)) - 1)
            buffer.extend(
                [_popleft(each) for _ in range(rounds) for each in batches if each]
                if len(batches) > 1
                else _take_first(batches[0], rounds)
            )
        while len(buffer) < size and self.pull():
            pass

    # Giving back.

    def put_back(self, message: T, deliveries: int = 0) -> None:
        """Undo a receive: give the message to a waiting receiver, or else to the buffer's head.

        Args:
            message: the message.
            deliveries: how often the message was on lease.
        """
        if self._hand_back(message, deliveries):
            return
        self.received -= 1
        if self.lease_counts is None:
            self.lease_counts = LeaseCounts()
        self.lease_counts.store(self.received, deliveries)
        self.buffer.appendleft(message)
        self.peak = max(self.peak, len(self.buffer))

    def _hand_back(self, message: T, deliveries: int) -> bool:
        """Give a received message to a waiting receiver; return whether a receiver waited."""
        if not (self.receivers and self.hand_over(message, deliveries)):
            return False
        self.received -= 1
        self.budget.spent -= 1
        return True

    def end_lease(self) -> None:
        """End a lease as done. If this was the last lease, a closed channel may end."""
        if self.closed or self.joiners:
            self.check_thread()  # first: if this raises, nothing has changed
        self.leases -= 1
        self._wake_at_end()
        if self.joiners:
            self.wake_joiners()

    def give_back(self, message: T, deliveries: int) -> None:
        """End a lease, and put its message back, even if ``limit`` messages are stored.

        Args:
            message: the message.
            deliveries: how often the message was on lease.
        """
        self.put_back(message, deliveries)
        if self.buffer:
            self.leases -= 1  # with a stored message, the channel has not ended, and is not idle
        else:
            self.end_lease()

    def pass_on(self, message: T, deliveries: int) -> bool:
        """Do as `give_back` if a receiver waits; return whether a receiver waited."""
        passed = self._hand_back(message, deliveries)
        if passed:
            self.end_lease()
        return passed

    # Opening and closing.

    def count_endpoint(self, queue: WaitQueue, change: int) -> int:
        """Count an endpoint that opens or closes.

        Args:
            queue: of the endpoint's side.
            change: 1 or -1.

        Returns:
            How many endpoints of that side are open now.
        """
        if queue is self.senders:
            self.open_senders += change
            return self.open_senders
        self.open_receivers += change
        return self.open_receivers

    def detach(self, queue: WaitQueue, waiters: Iterable[Wakeable]) -> None:
        """Close one endpoint, and wake the tasks that wait in that endpoint.

        Args:
            queue: of the endpoint's side.
            waiters: of these tasks.
        """
        self._dismiss(queue, waiters)
        if not self.count_endpoint(queue, -1) and self.auto_close:
            self.close()

    def close(self) -> None:
        """Close the channel: wake all senders, and wake the receivers if the channel has ended."""
        self.check_thread()  # as in `end_lease`
        self.closed, self.capacity = True, -1
        self._dismiss(self.senders, self.senders)
        if self.receivers:
            batches = [w for w, entry in self.receivers.items() if isinstance(entry, PartialBatch)]
            self._dismiss(self.receivers, batches)
            self._wake_at_end()

    def _wake_at_end(self) -> None:
        """Wake the receivers if the channel has ended."""
        if self.receivers and self.ended:
            self._dismiss(self.receivers, self.receivers)

    def _dismiss(self, queue: WaitQueue, waiters: Iterable[Wakeable]) -> None:
        """Wake tasks with `NOTHING`, because their endpoint or the channel is closed."""
        for waiter in list(waiters):
            # A waiter that is not in the queue any more keeps its result: the task was woken before
            # and has not run since, or another arm of the same select was woken, or the event loop
            # is over.
            if queue.pop(waiter, NOTHING) is not NOTHING:
                self.wake(waiter, NOTHING)
        if self.joiners:
            self.wake_joiners()

    # Joining.

    def add_joiner(self, waiter: Wakeable) -> None:
        """Add a task that waits until the channel is idle, and watch the buffer from now on."""
        if self.joiners is None:
            self.joiners = OrderedDict()
        self.joiners[waiter] = None
        self.unwatched = deque()
        self.wake_joiners()  # code that ran meanwhile may have taken the last message

    def remove_joiner(self, waiter: Wakeable) -> None:
        """Remove a task that waited until the channel is idle. The last task ends the watch."""
        if self.joiners:
            self.joiners.pop(waiter, None)
        if not self.joiners:
            self.unwatched = self.buffer

    def wake_joiners(self) -> None:
        """Wake the tasks in `joiners` if the channel is idle."""
        if self.joiners and self.idle:
            self._dismiss(self.joiners, self.joiners)

    def statistics(self) -> ChannelStatistics:
        """Return a snapshot."""
        used = len(self.buffer)
        return ChannelStatistics(
            current_buffer_used=used,
            max_buffer_size=self.limit,
            peak_buffer_used=self.peak,
            open_senders=self.open_senders,
            open_receivers=self.open_receivers,
            tasks_waiting_send=len(self.senders),
            tasks_waiting_receive=len(self.receivers),
            messages_sent=self.received + used,
            messages_received=self.received,
        )
