"""The core of one channel: the messages, the tasks that wait, and every transition of both.

The rules stand here. ``docs/how-it-works.md`` has the reasons and the pictures.

The rules
---------
All code here is synchronous. Each public method is one step: it runs from its first line to its
last without an ``await``. A channel belongs to one event loop at a time, and no other task of that
event loop runs within a step. So the core needs no lock.

A sender and a receiver are peers of each other. A task that finds a peer waiting acts for both, in
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
operation then returns its result, and the cancellation is delivered at the task's next wait
(`anycast._waiting.late_cancellation`). Any other error that is thrown into the task at that moment,
as when its coroutine is destroyed, gives a received message back (`put_back`). So an operation that
returned has happened once, and an operation that raised has not happened.

A blocked batch waits in the queue with its whole deque. Peers take the messages out of the deque,
and the last message wakes the task. After each message the batch moves to the end of the queue:
this is fair to other senders.

A `select` waits in several queues at once, with one entry (an *arm*) in each. The first peer that
comes to an arm decides. The other arms leave their queues in the same step.

Who is woken, and by what
-------------------------
- A waiting receiver: by a send, with the message; by a message that comes back (`put_back`); by the
  close of its end, or of the channel once the channel has run dry, with `NOTHING`.
- A waiting sender: by a receive that took its message, with None; by the close of its end or of
  the channel, with `NOTHING`.

Invariants, true before and after each step
-------------------------------------------
1. While a receiver waits, the buffer is empty and all senders have been served. Exception: a
   `select` may wait to send and to receive in the same rendezvous channel; its own arms never meet.
2. While a sender waits, the buffer is full: at least ``limit`` messages are stored. More than
   ``limit`` messages are stored only after a lease, or a destroyed task, gave a message back.
3. In a closed channel the queue of senders is empty. Receivers wait only while a lease is open.

A waiter in a queue can be done: its task is being cancelled, and has not run since. Peers remove
such a waiter from the queue, and go on to the next waiter.

A finalizer or a signal handler may run between any two lines of code here, and use the channel
through an operation that does not wait. Three rules keep the core exact then. A waiter leaves its
queue before the waiter is woken. After a wake-up that fails, the next waiter is woken. A task
that joins a queue checks once more, after its waiter is made, that the task has to wait.

Yielding
--------
An operation that can complete at once does not yield. ``transfers`` counts the messages put and
taken. When ``transfers`` reaches ``yield_at``, the next operation yields first, whatever the
operation does then. A yield and a wait both set ``yield_at`` to ``transfers + budget``.

Some transfers are exempt: the peer's half of a transfer, the messages of a batch after the first,
and the operations that never yield. An exempt transfer moves ``yield_at`` one further. An operation
that raises is counted without a transfer: the operation moves ``yield_at`` one closer.

Rejected designs
----------------
- Wake a task with a promise, and let the task act when the task runs. Each wait then costs a second
  task switch, and a receiver cannot take the message of a blocked sender.
- Drop a late cancellation: the task might run for ever. Raise the late cancellation and take the
  transfer back: the peer may have gone on already.
- Wake all waiting tasks and let them race (a condition variable): order is lost, and each
  wake-up costs as much as there are tasks.
- Leave a cancelled waiter in its queue and skip it later: the queue grows without a bound.
"""

from __future__ import annotations

import sys
from collections import OrderedDict, deque
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from anycast._statistics import ChannelStatistics
from anycast._waiter import NOTHING, LoopBinding, outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from anycast._log import BlockingLog
    from anycast._waiter import Waiter, WaitQueue, Wakeable

T = TypeVar("T")

# The methods of `deque` itself: no code of a caller's own subclass runs in a peer's step.
_length, _popleft = deque[Any].__len__, deque[Any].popleft


class Batch(NamedTuple, Generic[T]):
    """What a blocked `send_many` waits in the queue with, in place of a message."""

    messages: deque[T]


@dataclass(slots=True, eq=False, repr=False)
class Core(LoopBinding, Generic[T]):
    """The one owner of a channel's messages and queues.

    A queue is an ordered dict: the only container of the standard library that takes from its
    head and removes from its middle, each in constant time. (A plain dict is slow at its head
    once much was removed there, a deque in its middle.)
    """

    kind: type  # of channel: errors name it
    name: str
    limit: float
    auto_close: bool
    yield_every: InitVar[int]
    closed: bool = False
    # How many messages may be stored: -1 in a closed channel.
    capacity: int = 0
    buffer: deque[T] = field(default_factory=deque)
    peak: int = 0  # the most messages that were ever stored
    leases: int = 0  # messages that were taken and may come back
    # The waiting receivers, each with the leases that its message adds: 0 or 1.
    receivers: OrderedDict[Wakeable, int] = field(default_factory=OrderedDict)
    # The waiting senders, each with its message, or its `Batch`.
    senders: OrderedDict[Wakeable, Any] = field(default_factory=OrderedDict)
    open_receivers: int = 0
    open_senders: int = 0
    transfers: int = 0
    budget: int = 0  # operations in a row that may complete at once: none with ``yield_every=1``
    yield_at: int = 0
    log: BlockingLog | None = None  # made for the first sender that blocks

    def __post_init__(self, yield_every: int) -> None:
        LoopBinding.__init__(self)
        self.capacity = int(min(self.limit, sys.maxsize))  # no deque holds more
        self.budget = self.yield_at = yield_every if yield_every > 1 else 0

    def __str__(self) -> str:
        return f"{self.kind.__name__}:{self.name}"

    @property
    def ended(self) -> bool:
        """Whether no message is left, and none will ever come or come back."""
        return self.closed and not self.buffer and not self.leases

    # Waiting and yielding.

    def checkpoint(self) -> Awaitable[None]:
        """Return what the running task is to await in order to yield; raise as the base does."""
        self.yield_at = self.transfers + self.budget
        return LoopBinding.checkpoint(self)

    def queues(self) -> tuple[WaitQueue, ...]:
        return self.receivers, self.senders

    def interrupted(self, queue: WaitQueue, waiter: Waiter) -> Any:
        """Leave the queue, since the error that is being handled has ended a wait.

        Returns:
            What the operation is to return, since it has happened.

        Raises:
            BaseException: the error, if the operation has not happened.
        """
        queue.pop(waiter, None)
        return outcome(waiter, self.put_back if queue is self.receivers else None)

    # Sending and receiving. The caller has seen that the channel is open.

    def offer(self, message: T) -> bool:
        """Send one message if that is possible at once."""
        if self.receivers and self.hand_over(message):
            return True
        used = len(self.buffer)
        if used >= self.capacity:
            return False
        self.transfers += 1
        self.buffer.append(message)
        if used >= self.peak:
            self.peak = used + 1
        return True

    def hand_over(self, message: T) -> bool:
        """Give a message to the receiver that has waited longest; return False if there is none."""
        if self.running_loop() is not self.loop:
            self.check_thread()
        while self.receivers:
            waiter, leases = self.receivers.popitem(last=False)
            self.leases += leases
            if self.wake(waiter, message):
                self.transfers += 2  # it was sent, and received
                self.yield_at += 1
                return True
            self.leases -= leases
        return False

    def take(self) -> Any:
        """Receive the oldest message; return `NOTHING` if there is none."""
        buffer = self.buffer
        if self.senders and len(buffer) <= self.capacity:  # what is taken makes room for one more
            message = self.pull()
            if message is not NOTHING:
                buffer.append(message)
        if not buffer:
            return NOTHING
        self.transfers += 1
        return buffer.popleft()

    def pull(self) -> Any:
        """Take the message of the sender that has waited longest, and let that sender go on.

        Returns:
            The message, which counts as sent; `NOTHING` if no sender waits.
        """
        if self.running_loop() is not self.loop:
            self.check_thread()
        senders = self.senders
        while senders:
            waiter, message = senders.popitem(last=False)
            if message.__class__ is Batch:
                messages = message.messages
                if _length(messages) > 1 and not waiter.done():
                    senders[waiter] = message  # behind the others
                elif not self.wake(waiter, None) or not _length(messages):  # or its owner took all
                    continue
                message = _popleft(messages)
            elif not self.wake(waiter, None):
                continue
            self.transfers += 1
            self.yield_at += 1
            return message
        return NOTHING

    def put_many(self, messages: deque[T]) -> None:
        """Send messages out of a deque, as far as that is possible at once.

        However many they are, they count as one operation.
        """
        buffer, left = self.buffer, self.yield_at - self.transfers
        while messages and self.receivers and self.hand_over(messages[0]):
            _popleft(messages)
        room = max(min(self.capacity - len(buffer), len(messages)), 0)
        buffer.extend([_popleft(messages) for _ in range(room)])
        self.transfers += room
        self.peak = max(self.peak, len(buffer))
        self.yield_at = self.transfers + left - 1

    def take_many(self, most: int) -> list[T]:
        """Receive the oldest messages, ``most`` at most; they do not count as operations."""
        buffer, left = self.buffer, self.yield_at - self.transfers
        if self.senders:
            self._pull_many(most + self.capacity)
        messages = [buffer.popleft() for _ in range(min(most, len(buffer)))]
        self.transfers += len(messages)
        self.yield_at = self.transfers + left
        return messages

    def _pull_many(self, size: int) -> None:
        """Store what waiting senders offer, until so many messages are stored."""
        self.check_thread()
        buffer, senders = self.buffer, self.senders
        room = size - len(buffer)
        batches = [
            offer.messages
            for waiter, offer in (senders.items() if len(senders) <= room else ())
            if offer.__class__ is Batch and not waiter.done()
        ]
        if batches and len({id(batch) for batch in batches}) == len(senders):
            # Whole rounds leave the queue as it is: the last message of a batch would not.
            rounds = max(min(room // len(batches), min(map(_length, batches)) - 1), 0)
            buffer.extend([_popleft(batch) for _ in range(rounds) for batch in batches])
            self.transfers += rounds * len(batches)
        while len(buffer) < size and (message := self.pull()) is not NOTHING:
            buffer.append(message)

    # Giving back.

    def put_back(self, message: T) -> None:
        """Undo a receive: the message goes to the receiver that waits, else to the head."""
        if self.receivers:
            self.check_thread()  # before anything has changed
        self.transfers -= 1
        self.yield_at -= 1
        if self.receivers and self.hand_over(message):
            self.transfers -= 1  # the message was counted as sent before
        else:
            self.buffer.appendleft(message)
            self.peak = max(self.peak, len(self.buffer))

    def end_lease(self) -> None:
        """Count a leased message as done; it may have been the last one."""
        if self.closed:
            self.check_thread()  # before anything has changed
        self.leases -= 1
        self._end()

    def give_back(self, message: T) -> None:
        """End a lease, and put its message back, over ``limit`` if need be."""
        self.put_back(message)
        self.end_lease()

    # Opening and closing.

    def count_end(self, queue: WaitQueue, change: int) -> int:
        """Count an endpoint that opens or closes; return how many are open on its side."""
        if queue is self.senders:
            self.open_senders += change
            return self.open_senders
        self.open_receivers += change
        return self.open_receivers

    def detach(self, queue: WaitQueue, waiters: Iterable[Wakeable]) -> None:
        """Close one endpoint, in which these wait."""
        self._dismiss(queue, waiters)
        if not self.count_end(queue, -1) and self.auto_close:
            self.close()

    def close(self) -> None:
        """Accept no more messages; whoever can no longer proceed is woken."""
        self.check_thread()  # before anything has changed
        self.closed, self.capacity = True, -1
        self._dismiss(self.senders, self.senders)
        self._end()

    def _end(self) -> None:
        """Let the receivers of a closed channel go once it has run dry."""
        if self.receivers and self.ended:
            self._dismiss(self.receivers, self.receivers)

    def _dismiss(self, queue: WaitQueue, waiters: Iterable[Wakeable]) -> None:
        """Wake tasks with nothing: their endpoint, or the channel, is closed."""
        for waiter in list(waiters):
            if queue.pop(waiter, NOTHING) is not NOTHING:  # its event loop is not over
                self.wake(waiter, NOTHING)

    def statistics(self) -> ChannelStatistics:
        """Return a snapshot."""
        used = len(self.buffer)
        received = (self.transfers - used) // 2
        return ChannelStatistics(
            current_buffer_used=used,
            max_buffer_size=self.limit,
            peak_buffer_used=self.peak,
            open_senders=self.open_senders,
            open_receivers=self.open_receivers,
            tasks_waiting_send=len(self.senders),
            tasks_waiting_receive=len(self.receivers),
            messages_sent=received + used,
            messages_received=received,
        )
