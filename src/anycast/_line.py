"""One side of a channel: the tasks that stand in line there, first in, first out.

`collections.OrderedDict` is the only container of the standard library that takes from
either end, removes from the middle and puts back at the head, each in constant time. A
plain dict is slow at its head once much has been removed there; a deque is slow in its
middle. Promised tasks are never taken from the head: for them a dict will do.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol


class InLine(Protocol):
    """What stands in a line: a task that waits there, or one arm of a `select`."""

    @property
    def loop(self) -> object:
        """What tells one event loop from another."""
        ...

    @property
    def own_room(self) -> int:
        """How many of the receivers in line, each of which makes room, are the same task."""
        ...

    def wake(self) -> bool:
        """Let the task go on.

        Returns:
            False if it can only find itself cancelled, or never runs again: it is to be
            promised nothing.
        """
        ...

    def renew(self) -> None:
        """Let the task wait again, which was woken and may not have run yet."""
        ...


class Line:
    """The tasks waiting for their turn, those promised one, and the credit left.

    Also counts the open endpoints of its side.

    Args:
        credit: how many operations of this side may happen at once, to begin with.
        room: how much room for senders each task in this line makes: 1 for receivers.
    """

    __slots__ = ("credit", "open", "promised", "room", "waiting")

    def __init__(self, *, credit: float, room: int) -> None:
        self.credit = credit
        self.room = room
        self.open = 0
        self.waiting: OrderedDict[InLine, None] = OrderedDict()
        self.promised: dict[InLine, None] = {}

    def pass_over(self, first: InLine) -> InLine | None:
        """Take out the next that may use one unit of credit, when the first may not.

        Only a `select` is passed over, and only while all the room there is is its own: at
        most as many of them stand there as make that room.
        """
        self._head(first)
        chosen = next((one for one in self.waiting if one.own_room <= self.credit), None)
        if chosen is not None:
            del self.waiting[chosen]
        return chosen

    def revoke(self) -> None:
        """Take the newest promise back; its task heads the line again."""
        waiter, _ = self.promised.popitem()
        waiter.renew()
        self.credit += 1
        self._head(waiter)

    def _head(self, waiter: InLine) -> None:
        self.waiting[waiter] = None
        self.waiting.move_to_end(waiter, last=False)
