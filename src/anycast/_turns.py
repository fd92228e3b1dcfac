"""Whose turn it is: the lines of a channel, and what is promised to whom in them.

The rules
---------
Everything here is synchronous. Endpoints ask, wait, and undo; the core of the channel decides.
There is no lock because none is needed: a channel belongs to one event loop at a time,
and between two awaits nothing else of that loop runs. Each public method is such a step.

A channel has two lines of tasks: receivers wait for a message, senders wait for room.
Two numbers say how much of either is there for a newcomer:

    free messages = buffered messages - reserved
    free room     = capacity - buffered messages

where ``reserved`` counts the receivers that were promised a message, and ``capacity`` is
``limit``, plus one for each receiver in line (waiting or promised: the message it is about
to take will not stay; so ``limit=0`` is a rendezvous), less one for each sender that was
promised room. Neither number is touched by an operation that need not wait: to append a
message or to pop one is the whole of it, and that is what makes it fast.

A newcomer that finds a free message, or free room, acts in the same step. Whoever must wait
is promised one: a wake-up is a promise, not a delivery. The task that has waited longest is
taken from the waiting ones, and a message (one, not which one) or a place is set aside for
it. The woken task itself redeems the promise and pops or appends, in the step in which its
call returns. A task that leaves without using its promise gives it back, and the next in
line gets it. So a cancellation, whenever it comes, either finds the operation done and the
call returned, or finds nothing done; it need never be swallowed or shielded.

Invariants, restored before each transition returns:

1. Whenever a receiver waits, no message is free; whenever a sender waits, no room is. So
   whoever could go on has been woken, and a newcomer overtakes nobody. (What a `select`
   that both sends and receives cannot use is the room that it makes itself.)
2. The promised tasks of a line have all waited longer than the waiting ones.
3. Free room is negative only while no sender holds a promise. When the receiver
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
import sys
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from anycast._line import Line, Place
from anycast._waiter import Unknown, running_backend, wake

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from anycast._waiter import Backend, Waiter, Wakeable

T = TypeVar("T")


class Turns(Generic[T]):
    """The part of a core that lets tasks wait, and makes promises to them."""

    __slots__ = (
        "acts",
        "backend",
        "buffer",
        "capacity",
        "closed",
        "kind",
        "leases",
        "limit",
        "loop",
        "make_waiter",
        "name",
        "receivers",
        "reserved",
        "row",
        "senders",
        "yield_at",
    )

    def __init__(self, kind: type, name: str, *, limit: float, yield_every: int) -> None:
        self.kind = kind  # of channel: errors name it
        self.name = name
        self.limit = limit
        self.closed = False
        self.buffer: deque[T] = deque()
        self.reserved = 0
        # No deque holds more than `sys.maxsize`: nobody ever waits for that.
        self.capacity = sys.maxsize if limit == math.inf else limit
        self.receivers = Line()
        self.senders = Line()
        self.leases = 0  # messages that were taken and may come back
        self.loop: object = None  # of the tasks in line, or of those that were there last
        self._serve(Unknown)
        self.acts: int = 0  # how often a message was put or taken, less what leases gave back
        # How many operations in a row may complete at once before one must yield. With
        # ``yield_every=1`` none may, not even the first or the one after a wait.
        self.row: int = yield_every if yield_every > 1 else 0
        self.yield_at: int = self.row  # at so many acts the next operation yields

    @property
    def ended(self) -> bool:
        """Whether no message is left, and none will ever come or come back."""
        return self.closed and not self.buffer and not self.leases

    def is_free(self, line: Line) -> bool:
        """Whether an operation of this side may act now."""
        if line is self.receivers:
            return len(self.buffer) > self.reserved
        return len(self.buffer) < self.capacity

    def lets_yield(self, line: Line) -> bool:
        """Whether an operation of this side that is to yield can do so before it does anything.

        It can where it may act now. Where every operation yields, it can also where nobody waits
        yet: to wait takes longer, and what it would wait for may well be there after it has
        yielded. Hardly so, though, where as many as the buffer holds are promised to others; and
        never in a rendezvous.
        """
        if self.row or line.waiting or self.closed or len(line.promised) >= self.limit:
            return self.is_free(line)
        return True

    def wait(self, line: Line, places: dict[Place, None]) -> Waiter:
        """Let the running task wait in line.

        Args:
            line: where to wait.
            places: where its endpoint keeps who waits there.

        Returns:
            What to await; it is the task's place in line, too.

        Raises:
            RuntimeError: if no event loop runs, or as `adopt`. Nothing has changed.
        """
        waiter = self.new_waiter()
        places[waiter] = None
        self.join(line, waiter, waiter)
        return waiter

    def new_waiter(self) -> Waiter:
        """Return what the running task is to await; raise as `wait`."""
        try:
            return self.make_waiter(self)
        except RuntimeError:  # the event loop is of another kind than the last one
            pass
        self._serve(running_backend())
        return self.make_waiter(self)

    def checkpoint(self) -> Awaitable[None]:
        """Return what the running task is to await in order to yield, after so many acts.

        Raises:
            RuntimeError: if no event loop runs.
        """
        self.yield_at = self.acts + self.row
        try:
            return self.backend.checkpoint()
        except RuntimeError:
            pass
        self._serve(running_backend())
        return self.backend.checkpoint()

    def _serve(self, backend: type[Backend]) -> None:
        """Let tasks wait and yield in the way of an event loop."""
        self.backend = backend
        self.make_waiter = backend.new_waiter

    def adopt(self, loop: object) -> None:
        """Serve an event loop from now on.

        Raises:
            RuntimeError: if tasks of another event loop are in line. Nothing has changed.
        """
        if self.receivers or self.senders:
            raise RuntimeError(
                f"{self.kind.__name__}:{self.name} serves one event loop at a time,"
                " and tasks of another one are waiting in it"
            )
        self.loop = loop

    def join(self, line: Line, place: Place, waiter: Wakeable) -> None:
        """Let one wait in line; a receiver's arrival makes room for a sender."""
        self.yield_at = self.acts + self.row  # whoever waits lets the others run
        line.waiting[place] = waiter
        if line is self.receivers:
            self.capacity += 1
            if self.senders.waiting:
                self.promise_room()

    def redeem(self, line: Line, place: Place) -> bool:
        """Turn a promise into what is free for the caller alone, in this step.

        Returns:
            False if nothing is promised here, be it any more.
        """
        if place not in line.promised:
            return False
        del line.promised[place]
        if line is self.receivers:
            self.reserved -= 1
            self.capacity -= 1
        else:
            self.capacity += 1
        self.yield_at += 1  # the operation that follows does not count: it had to wait
        return True

    def leave(self, line: Line, place: Place) -> None:
        """Let one go that gave up; what it was promised goes to the next in line."""
        if place in line.waiting and not self.senders.promised:
            # It was promised nothing, and no sender was promised the room that it made.
            del line.waiting[place]
            if line is self.receivers:
                self.capacity -= 1
        else:
            self._remove(line, place)
            self._settle()

    def dismiss(self, line: Line, places: Iterable[Place]) -> None:
        """Wake some without a promise: their endpoint, or the channel, is closed."""
        for place in list(places):
            # An arm of a `select` may stand in no line, and wait even so.
            wake(self._remove(line, place) or place)
        self._settle()

    # The primitives.

    def promise_messages(self) -> None:
        """Wake the receivers that have waited longest, as far as there are free messages."""
        line, refused = self.receivers, False
        while self.reserved < len(self.buffer) and line.waiting:
            place, waiter = line.waiting.popitem(last=False)
            self.reserved += 1
            line.promised[place] = waiter
            if not wake(waiter):  # it is leaving: let it go, and wake the next
                self._remove(line, place)
                refused = True
        if refused:  # with each of those went the room that it made
            self._settle()

    def promise_room(self) -> None:
        """Wake the senders that have waited longest, as far as there is free room."""
        line = self.senders
        while (room := self.capacity - len(self.buffer)) > 0 and line.waiting:
            if line.own_room and not line.bring_forward(room):
                break
            place, waiter = line.waiting.popitem(last=False)
            self.capacity -= 1
            line.promised[place] = waiter
            if not wake(waiter):  # as above; what it gives back is looked at next
                self._remove(line, place)

    def _remove(self, line: Line, place: Place) -> Wakeable | None:
        """Take one out, unless it was dismissed before; nothing is promised to it any more."""
        if place in line.promised:
            waiter = line.promised.pop(place)
            if line is self.receivers:
                self.reserved -= 1
            else:
                self.capacity += 1
        elif place in line.waiting:
            waiter = line.waiting.pop(place)
        else:
            return None
        if line is self.receivers:
            self.capacity -= 1  # with a receiver goes the room that it made
        return waiter

    def _settle(self) -> None:
        """Restore the invariants: make promises, take back what cannot be kept, and end."""
        self.promise_messages()
        self.promise_room()
        while self.senders.promised and self.capacity < len(self.buffer):
            self.capacity += 1
            self.senders.revoke()
        if self.closed:
            self.end()

    def end(self) -> None:
        """Let the receivers of a closed channel go once it has run dry."""
        if self.receivers.waiting and self.ended:
            self.dismiss(self.receivers, self.receivers.waiting)
