"""The core of one channel: its messages, and every transition of them.

What may happen now, and who waits for it, says `anycast._turns`, whose rules hold here too.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, TypeVar

from anycast._statistics import ChannelStatistics
from anycast._turns import Turns

if TYPE_CHECKING:
    from collections.abc import Collection

    from anycast._line import Line, Place

T = TypeVar("T")


class Core(Turns[T]):
    """The one owner of a channel's messages, lines and promises."""

    __slots__ = ("auto_close", "peak")

    def __init__(
        self, kind: type, name: str, *, limit: float, yield_every: int, auto_close: bool
    ) -> None:
        super().__init__(kind, name, limit=limit, yield_every=yield_every)
        self.auto_close = auto_close
        self.peak = 0

    # Acting: the caller has found a message or room free, or has redeemed a promise, in this
    # same step.

    def put(self, message: T) -> None:
        """Accept one message; the receiver that has waited longest is promised one."""
        buffer = self.buffer
        self.acts += 1
        buffer.append(message)
        if len(buffer) > self.peak:  # noqa: PLR1730  max() takes longer than all the rest
            self.peak = len(buffer)
        if self.receivers.waiting:
            self.promise_messages()

    def take(self) -> T:
        """Remove the oldest message; the sender that has waited longest gets the room."""
        self.acts += 1
        message = self.buffer.popleft()
        if self.senders.waiting:
            self.promise_room()
        elif self.closed:
            self.end()
        return message

    def put_many(self, messages: deque[T]) -> None:
        """Accept messages out of a deque, as far as there is room; it counts as one operation."""
        buffer, before = self.buffer, self.acts
        try:
            # One at a time: a task that is being cancelled refuses, and takes the room along.
            while self.receivers.waiting and messages and len(buffer) < self.capacity:
                self.put(messages.popleft())
            if messages.__class__ is deque and len(messages) <= self.capacity - len(buffer):
                self.acts += len(messages)
                buffer.extend(messages)
                messages.clear()
            while messages and len(buffer) < self.capacity:
                buffer.append(messages.popleft())
                self.acts += 1
        finally:  # whatever a deque of the caller's own making raises, what was moved is sent
            self.yield_at += max(self.acts - before - 1, 0)
            self.peak = max(self.peak, len(buffer))
            self._settle()

    def take_many(self, most: int) -> list[T]:
        """Remove the oldest free messages, ``most`` at most; it counts as one operation."""
        buffer = self.buffer
        if len(buffer) <= most and not self.reserved:
            messages = list(buffer)
            buffer.clear()
        else:
            most = min(most, len(buffer) - self.reserved)
            messages = [buffer.popleft() for _ in range(most)]
        self.acts += len(messages)
        self.yield_at += len(messages) - 1
        if self.senders.waiting:
            self.promise_room()
        elif self.closed:
            self.end()
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
        self.acts -= 1
        self.yield_at -= 1
        self.buffer.appendleft(message)
        self.peak = max(self.peak, len(self.buffer))
        self.end_lease()

    # Opening and closing.

    def detach(self, line: Line, places: Collection[Place]) -> None:
        """Close one endpoint of a line; these wait in it."""
        line.open -= 1
        if places:
            self.dismiss(line, places)
        if self.auto_close and not line.open:
            self.close()

    def close(self) -> None:
        """Accept no more messages; whoever can no longer proceed is woken."""
        self.closed = True
        self.capacity = -math.inf  # closed for good: nothing ever adds up to room
        if self.senders:
            self.dismiss(self.senders, [*self.senders.promised, *self.senders.waiting])
        else:
            self.end()

    def statistics(self) -> ChannelStatistics:
        """Return a snapshot."""
        used = len(self.buffer)
        received = (self.acts - used) // 2  # for acts = sent + received
        return ChannelStatistics(
            current_buffer_used=used,
            max_buffer_size=self.limit,
            peak_buffer_used=self.peak,
            open_senders=self.senders.open,
            open_receivers=self.receivers.open,
            tasks_waiting_send=len(self.senders.waiting),
            tasks_waiting_receive=len(self.receivers.waiting),
            messages_sent=received + used,
            messages_received=received,
        )
