"""The state of one channel, and every transition of it.

The rules
---------
Everything here is synchronous. Endpoints ask, wait, and undo; this object decides.
There is no lock because none is needed: a channel belongs to one event loop at a time,
and between two awaits nothing else of that loop runs. Each public method is such a step.

A channel has two lines of tasks: receivers wait for a message, senders wait for room.
Each line has a *credit*: how many more operations of its side may happen now.

    receivers.credit = buffered messages - promised receivers
    senders.credit   = limit + receivers in line - buffered messages - promised senders

where "in line" means waiting or promised. A receiver that waits makes room for one more
message than ``limit``, since that message will not stay; so ``limit=0`` is a rendezvous.

A wake-up is a promise, not a delivery. The task that has waited longest is taken from
the waiting ones, and one unit of credit is set aside for it: one message, or one place,
but not which one. The woken task itself pops or appends, in the step in which its call
returns. A task that leaves without using its promise gives the credit back, and the next
in line gets it. So a cancellation, whenever it comes, either finds the operation done
and the call returned, or finds nothing done; it need never be swallowed or shielded.

Invariants, restored by `Core._settle` before each transition returns:

1. Whenever a task waits in a line, the line has no credit. So whoever could go on has
   been woken, and a newcomer, who needs credit to act at once, overtakes nobody.
2. The promised tasks of a line have all waited longer than the waiting ones.
3. The senders' credit is negative only while no sender holds a promise. When the receiver
   that made room leaves, or a lease gives a message back, the newest promise is taken
   back and its sender waits again, at the head of the line: it may be awake already, so
   a woken task always looks at what it holds before it acts.
4. Once the channel is closed no sender is in line; once it has also run dry (nothing
   buffered, no lease open) no receiver is.

Which state a task is in follows from where it stands: among the waiting, among the
promised, or in neither, which means that it was dismissed and must find out why.

Rejected designs
----------------
- Hand the message itself to the waiting receiver: lost when that task is cancelled after
  the hand-over and before it runs, which asyncio cannot rule out.
- Let the receiver take a blocked sender's message: the sender is cancelled, reports that
  nothing was sent, and its retry sends the message twice.
- Wake everyone and let them race (a condition variable): no order, and a herd.
- Leave those who have gone in the line and skip them later: debris that P9 forbids.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from anycast._line import Line
from anycast._statistics import ChannelStatistics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anycast._waiter import Waiter

T = TypeVar("T")


class Core(Generic[T]):
    """The one owner of a channel's messages, lines and promises."""

    __slots__ = (
        "allowance",
        "auto_close",
        "budget",
        "buffer",
        "closed",
        "label",
        "leases",
        "limit",
        "loop",
        "peak",
        "receivers",
        "senders",
        "sent",
    )

    def __init__(self, label: str, *, limit: float, yield_every: int, auto_close: bool) -> None:
        self.label = label
        self.limit = limit
        self.auto_close = auto_close
        self.closed = False
        self.buffer: deque[T] = deque()
        self.receivers = Line(credit=0, room=1)
        self.senders = Line(credit=limit, room=0)
        self.leases = 0
        self.sent = 0
        self.peak = 0
        self.loop: object = None
        # How many operations may still complete at once before one must yield. With
        # ``yield_every=1`` none may, not even the first or the one after a wait.
        self.allowance = yield_every if yield_every > 1 else 0
        self.budget = self.allowance

    @property
    def ended(self) -> bool:
        """Whether no message is left, and none will ever come or come back."""
        return self.closed and not self.buffer and not self.leases

    # Acting: the caller has seen credit, or redeemed a promise, in this same step. The sums
    # come first and the message last, with no call in between: a finalizer or a handler of
    # a signal, which Python may run after any call, then finds them to agree.

    def put(self, message: T) -> None:
        """Accept one message; the receiver that has waited longest is promised one."""
        buffer, receivers = self.buffer, self.receivers
        self.sent += 1
        self.senders.credit -= 1
        receivers.credit += 1
        buffer.append(message)
        if len(buffer) > self.peak:  # noqa: PLR1730  max() takes longer than all the rest
            self.peak = len(buffer)
        if receivers.waiting:
            self._settle()

    def take(self) -> T:
        """Remove the oldest message; the sender that has waited longest gets the room."""
        senders = self.senders
        self.receivers.credit -= 1
        senders.credit += 1
        message = self.buffer.popleft()
        if senders.waiting or self.closed:
            self._settle()
        return message

    def take_many(self, most: int) -> list[T]:
        """Remove the oldest messages that are promised to nobody, ``most`` at most."""
        count = min(most, int(self.receivers.credit))
        self.receivers.credit -= count
        self.senders.credit += count
        self.budget -= count - 1  # the operation itself counts already
        messages = [self.buffer.popleft() for _ in range(count)]
        self._settle()
        return messages

    def lease(self) -> T:
        """Remove the oldest message for now: the channel does not end without it."""
        self.leases += 1
        return self.take()

    def end_lease(self) -> None:
        """Count a leased message as done; it may have been the last one."""
        self.leases -= 1
        self._settle()

    def give_back(self, message: T) -> None:
        """Put a leased message back at the head, over ``limit`` if need be."""
        self.buffer.appendleft(message)
        self.peak = max(self.peak, len(self.buffer))
        self.receivers.credit += 1
        self.senders.credit -= 1
        self.end_lease()

    def pass_on(self) -> None:
        """Give redeemed credit that the caller has no use for to the next in line."""
        self._settle()

    # Waiting.

    def join(self, line: Line, waiter: Waiter) -> None:
        """Let a task wait in line; a receiver's arrival makes room for a sender.

        Raises:
            RuntimeError: if tasks of another event loop are in line. Nothing has changed.
        """
        if waiter.loop != self.loop:
            if self.receivers or self.senders:
                raise RuntimeError(
                    f"{self.label} serves one event loop at a time,"
                    " and tasks of another one are waiting in it"
                )
            self.loop = waiter.loop
        self.budget = self.allowance  # whoever waits lets the others run
        line.waiting[waiter] = None
        self.senders.credit += line.room
        if line.room and self.senders.waiting:
            self._settle()

    def redeem(self, line: Line, waiter: Waiter) -> None:
        """Turn a promise into credit that the caller uses up in this same step."""
        del line.promised[waiter]  # raises KeyError, were nothing promised
        line.credit += 1
        self._gone(line)

    def leave(self, line: Line, waiter: Waiter) -> None:
        """Let a task go that gave up; what it was promised goes to the next in line."""
        self._remove(line, waiter)
        self._settle()

    def dismiss(self, line: Line, waiters: Iterable[Waiter]) -> None:
        """Wake tasks without a promise: their endpoint, or the channel, is closed."""
        for waiter in list(waiters):
            self._remove(line, waiter)
            waiter.wake()
        self._settle()

    # Opening and closing.

    def attach(self, line: Line) -> None:
        """Count one more open endpoint of a line."""
        line.open += 1

    def detach(self, line: Line, waiters: Iterable[Waiter]) -> None:
        """Close one endpoint of a line; these tasks wait in it."""
        line.open -= 1
        self.dismiss(line, waiters)
        if self.auto_close and not line.open:
            self.close()

    def close(self) -> None:
        """Accept no more messages; whoever can no longer proceed is woken."""
        self.closed = True
        self.senders.credit = -math.inf  # closed for good: nothing ever adds up to room
        self.dismiss(self.senders, [*self.senders.promised, *self.senders.waiting])

    # The primitives.

    def _promise(self, line: Line) -> None:
        """Wake the task that has waited longest, for credit that was set aside.

        One that is leaving just leaves.
        """
        if not line.waiting:  # a finalizer that ran meanwhile saw to it
            line.credit += 1
            return
        waiter, _ = line.waiting.popitem(last=False)
        line.promised[waiter] = None
        if not waiter.wake():
            self._remove(line, waiter)

    def _remove(self, line: Line, waiter: Waiter) -> None:
        """Take a task out, unless it was dismissed before; its promise becomes credit."""
        if waiter in line.promised:
            del line.promised[waiter]
            line.credit += 1
            self._gone(line)
        elif waiter in line.waiting:
            del line.waiting[waiter]
            self._gone(line)

    def _gone(self, line: Line) -> None:
        """Account for a task that is in line no more: with a receiver goes the room it made."""
        self.senders.credit -= line.room
        if not (line.waiting or line.promised or self.receivers or self.senders):
            self.loop = None

    def _settle(self) -> None:
        """Restore the invariants: make promises, take back what cannot be kept, and end."""
        receivers, senders = self.receivers, self.senders
        while receivers.credit > 0 and receivers.waiting:
            receivers.credit -= 1
            self._promise(receivers)
        while senders.credit > 0 and senders.waiting:
            senders.credit -= 1
            self._promise(senders)
        while senders.credit < 0 and senders.promised:
            senders.revoke()
        if self.closed and receivers.waiting and self.ended:
            self.dismiss(receivers, receivers.waiting)

    def statistics(self) -> ChannelStatistics:
        """Return a snapshot."""
        return ChannelStatistics(
            current_buffer_used=len(self.buffer),
            max_buffer_size=self.limit,
            peak_buffer_used=self.peak,
            open_senders=self.senders.open,
            open_receivers=self.receivers.open,
            tasks_waiting_send=len(self.senders.waiting),
            tasks_waiting_receive=len(self.receivers.waiting),
            messages_sent=self.sent,
            messages_received=self.sent - len(self.buffer),
        )
