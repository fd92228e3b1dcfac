"""One side of a channel: the tasks that stand in line there, first in, first out.

`collections.OrderedDict` is the only container of the standard library that takes from
either end, removes from the middle and puts back at the head, each in constant time. A
plain dict is slow at its head once much has been removed there; a deque is slow in its
middle. Promised tasks are never taken from the head: for them a dict will do.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast._waiter import Wakeable

Place: TypeAlias = "Wakeable"  # the waiter that a task came with, or one arm of a `select`


class Line:
    """Who waits for a turn, and who was promised one; each with the waiter to wake.

    Also counts the open endpoints of its side.
    """

    __slots__ = ("open", "own_room", "promised", "waiting")

    def __init__(self) -> None:
        self.open = 0
        self.waiting: OrderedDict[Place, Wakeable] = OrderedDict()
        self.promised: dict[Place, Wakeable] = {}
        # For those who cannot use all the room there is: how much of it is their own making.
        self.own_room: dict[Place, Callable[[], int]] = {}

    def __bool__(self) -> bool:
        """Return whether anyone is in line."""
        return bool(self.waiting or self.promised)

    def can_use(self, place: Place, room: float) -> bool:
        """Return whether one who waits here can use so much room."""
        return place not in self.own_room or self.own_room[place]() < room

    def bring_forward(self, room: float) -> bool:
        """Let the first who can use so much room head the line; return False if nobody can.

        Only a `select` is passed over, and only while all the room there is is its own: at
        most as many of them stand there as make that room.
        """
        first = next((place for place in self.waiting if self.can_use(place, room)), None)
        if first is not None:
            self.waiting.move_to_end(first, last=False)
        return first is not None

    def revoke(self) -> None:
        """Take the newest promise back; its task, which may be awake already, heads the line."""
        place, waiter = self.promised.popitem()
        self.waiting[place] = waiter
        self.waiting.move_to_end(place, last=False)
