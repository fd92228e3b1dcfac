"""One side of a channel: the tasks that stand in line there, first in, first out.

`collections.OrderedDict` is the only container of the standard library that takes from
either end, removes from the middle and puts back at the head, each in constant time. A
plain dict is slow at its head once much has been removed there; a deque is slow in its
middle.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anycast._waiter import Waiter


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
        self.waiting: OrderedDict[Waiter, None] = OrderedDict()
        self.promised: OrderedDict[Waiter, None] = OrderedDict()

    def __bool__(self) -> bool:
        """Return whether any task is in line, waiting or promised."""
        return bool(self.waiting or self.promised)

    def revoke(self) -> None:
        """Take the newest promise back; its task heads the line again."""
        waiter, _ = self.promised.popitem()
        self.credit += 1
        self.waiting[waiter] = None
        self.waiting.move_to_end(waiter, last=False)
