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

Who is to act holds one unit of credit: one message or one place, but not which one. A
newcomer takes it if there is any (`Core.acquire`), and acts in the same step. Whoever must
wait is promised it: a wake-up is a promise, not a delivery. The task that has waited
longest is taken from the waiting ones, and the unit is set aside for it. The woken task
itself redeems the promise and pops or appends, in the step in which its call returns. A
task that leaves without using its promise gives the unit back, and the next in line gets
it. So a cancellation, whenever it comes, either finds the operation done and the call
returned, or finds nothing done; it need never be swallowed or shielded.

Invariants, restored before each transition returns:

1. Whenever a task waits in a line, the line has no credit that it could use. So whoever
   could go on has been woken, and a newcomer, who needs credit, overtakes nobody. (What a
   `select` that both sends and receives cannot use is the room that it makes itself.)
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

from anycast._line import InLine, Line
from anycast._statistics import ChannelStatistics
from anycast._waiter import NoWaiter

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
        "in_line",
        "label",
        "leases",
        "limit",
        "loop",
        "peak",
        "receivers",
        "senders",
        "sent",
        "waiter_kind",
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
        self.in_line = 0  # how many tasks stand in either line
        self.loop: object = None  # theirs
        self.waiter_kind: type[Waiter] = NoWaiter  # what fitted the loop of late
        # How many operations may still complete at once before one must yield. With
        # ``yield_every=1`` none may, not even the first or the one after a wait.
        self.allowance = yield_every if yield_every > 1 else 0
        self.budget = self.allowance

    @property
    def ended(self) -> bool:
        """Whether no message is left, and none will ever come or come back."""
        return self.closed and not self.buffer and not self.leases

    # Acting: the caller holds one unit of credit, which it acquired or redeemed in this same
    # step. The sums come first and the message last, with no call in between: a finalizer or
    # a handler of a signal, which Python may run after any call, then finds them to agree.

    def acquire(self, line: Line) -> None:
        """Use up one unit of credit, as if the caller had joined the line and been promised it."""
        line.credit -= 1
        self.senders.credit += line.room

    def put(self, message: T) -> None:
        """Accept one message; the receiver that has waited longest is promised one."""
        buffer, receivers = self.buffer, self.receivers
        self.sent += 1
        receivers.credit += 1
        buffer.append(message)
        if len(buffer) > self.peak:  # noqa: PLR1730  max() takes longer than all the rest
            self.peak = len(buffer)
        if receivers.waiting:
            self.promise(receivers)

    def take(self) -> T:
        """Remove the oldest message; the sender that has waited longest gets the room."""
        message = self.buffer.popleft()
        if self.senders.waiting:
            self.promise(self.senders)
        elif self.closed:
            self.end()
        return message

    def put_many(self, messages: deque[T]) -> None:
        """Accept messages out of a deque, while there is room and nobody need be let run."""
        senders, buffer = self.senders, self.buffer
        # While receivers wait it is one at a time: several of them may be arms of one `select`,
        # which leaves with the first message, and takes the room along.
        room = 0 if self.receivers.waiting else senders.credit
        more = max(0, int(min(len(messages) - 1, room, self.budget)))
        senders.credit -= more
        self.budget -= more
        unused = 1 + more
        try:
            while unused and messages and not self.closed:
                buffer.append(messages.popleft())
                unused -= 1
        finally:  # whatever a deque of the caller's own making raises, what was moved is sent
            moved = 1 + more - unused
            self.sent += moved
            self.receivers.credit += moved
            senders.credit += unused
            self.peak = max(self.peak, len(buffer))
            self._settle()

    def take_many(self, most: int) -> list[T]:
        """Remove the oldest messages that are promised to nobody, ``most`` at most."""
        more = int(min(most - 1, self.receivers.credit))
        self.receivers.credit -= more
        self.senders.credit += more
        self.budget -= more
        messages = [self.buffer.popleft() for _ in range(more)]
        messages.append(self.take())
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

    # Waiting.

    def join(self, line: Line, waiter: InLine) -> None:
        """Let a task wait in line; a receiver's arrival makes room for a sender.

        Raises:
            RuntimeError: if tasks of another event loop are in line. Nothing has changed.
        """
        if waiter.loop != self.loop:
            if self.in_line:
                raise RuntimeError(
                    f"{self.label} serves one event loop at a time,"
                    " and tasks of another one are waiting in it"
                )
            self.loop = waiter.loop
        self.budget = self.allowance  # whoever waits lets the others run
        self.in_line += 1
        line.waiting[waiter] = None
        if line.room:
            self.senders.credit += line.room
            if self.senders.waiting:
                self.promise(self.senders)

    def redeem(self, line: Line, waiter: InLine) -> None:
        """Turn a promise into the unit of credit that the caller holds from now on."""
        del line.promised[waiter]  # raises KeyError, were nothing promised
        self._gone()

    def leave(self, line: Line, waiter: InLine) -> None:
        """Let a task go that gave up; what it was promised goes to the next in line."""
        self._remove(line, waiter)
        self._settle()

    def dismiss(self, line: Line, waiters: Iterable[InLine]) -> None:
        """Wake tasks without a promise: their endpoint, or the channel, is closed."""
        for waiter in list(waiters):
            self._remove(line, waiter)
            waiter.wake()
        self._settle()

    # Opening and closing.

    def attach(self, line: Line) -> None:
        """Count one more open endpoint of a line."""
        line.open += 1

    def detach(self, line: Line, waiters: Iterable[InLine]) -> None:
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

    def promise(self, line: Line) -> None:
        """Wake those who have waited longest, as far as there is credit for them."""
        refused = False
        while line.credit > 0 and line.waiting:
            line.credit -= 1
            waiter, _ = line.waiting.popitem(last=False)
            if waiter.own_room > line.credit:
                chosen = line.pass_over(waiter)
                if chosen is None:
                    line.credit += 1
                    return
                waiter = chosen
            line.promised[waiter] = None
            if not waiter.wake():  # it is leaving: let it go, and wake the next
                self._remove(line, waiter)
                refused = True
        if refused:
            self._settle()

    def _remove(self, line: Line, waiter: InLine) -> None:
        """Take a task out, unless it was dismissed before; its promise becomes credit."""
        if waiter in line.promised:
            del line.promised[waiter]
            line.credit += 1
        elif waiter in line.waiting:
            del line.waiting[waiter]
        else:
            return
        self.senders.credit -= line.room  # with a receiver goes the room that it made
        self._gone()

    def _gone(self) -> None:
        """Account for a task that is in line no more."""
        self.in_line -= 1
        if not self.in_line:
            self.loop = None

    def _settle(self) -> None:
        """Restore the invariants: make promises, take back what cannot be kept, and end."""
        receivers, senders = self.receivers, self.senders
        self.promise(receivers)
        self.promise(senders)
        while senders.credit < 0 and senders.promised:
            senders.revoke()
        if self.closed:
            self.end()

    def end(self) -> None:
        """Let the receivers of a closed channel go once it has run dry."""
        if self.receivers.waiting and self.ended:
            self.dismiss(self.receivers, self.receivers.waiting)

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
