"""A task that waits for several operations, of which exactly one happens.

One waiter stands in the lines of all operations at once, by an *arm* for each. The first
promise claims the waiter, and in that same step the other arms leave their lines; so no two
promises are ever held. The claim is no more than a promise: the task itself performs the
operation when it runs, or passes the promise on if it is cancelled.

Three things may wake the task:

- a promise: perform that operation;
- a closed end, which makes its operation ready: look again at what is not in line;
- a promise that was taken back before the task ran: the arm heads its line again and stays
  there; the others, which had left, look again, and wait again behind those who came since.

A receiver in line makes room for a message, and so does a receiving arm. If the same
`select` also sends to that channel, its own room must not count for it (`Line.own_room`),
or the two would wake each other for ever. And if it has several arms that receive from one
channel, it will take one message, so one of them stands in line for all: room for more would
let in a newcomer, past a sender that was promised it. The others wait for their ends to close.

A finalizer or the handler of a signal may send, or close, in the midst of all this: so
``arms`` may be another dict whenever it is looked at again.
"""

# How operations proceed is private to the package, and not to their class.
# pyright: reportPrivateUsage=none

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anycast._choice import pick
from anycast._waiter import wake

if TYPE_CHECKING:
    from anycast._operation import Leaf, Operation


class _Arm:
    """What one operation of a `select` waits by: a place, and the waiter to wake there."""

    __slots__ = ("leaf", "operation", "selection")

    def __init__(self, selection: Selection, operation: Operation[Any], leaf: Leaf[Any]) -> None:
        self.selection = selection
        self.operation = operation
        self.leaf = leaf

    def get_loop(self) -> object:
        return self.selection.waiter.get_loop()

    def done(self) -> bool:
        """Return whether there is nothing to wake; of an arm that was woken before there is."""
        waiter = self.selection.waiter
        return waiter.done() and (self._withdrawn or not wake(waiter))

    def cancelled(self) -> bool:
        return self._withdrawn or self.selection.waiter.cancelled()

    @property
    def _withdrawn(self) -> bool:
        """Whether another arm has the task, so that this one, still in line, can only leave."""
        claimed = self.selection.claimed
        return claimed is not None and claimed is not self and claimed.promised

    def set_result(self, _: None) -> None:
        selection = self.selection
        selection.woken = True
        if not selection.waiter.done():
            selection.waiter.set_result(None)
        if self.promised:
            selection.claim(self)

    @property
    def in_line(self) -> bool:
        """Whether it waits, or holds a promise."""
        return self in self.leaf.line.waiting or self.promised

    @property
    def promised(self) -> bool:
        """Whether it holds a promise."""
        return self in self.leaf.line.promised

    def own_room(self) -> int:
        """Return how much of the room for its message an arm of the same `select` makes."""
        waiting = self.leaf.core.receivers.waiting
        return int(any(arm in waiting for arm in self.selection.arms.values()))

    def forget(self) -> None:
        """Leave nothing behind but the place in line."""
        leaf = self.leaf
        leaf.endpoint.places.pop(self, None)
        if leaf.line.own_room:
            leaf.line.own_room.pop(self, None)

    def leave(self) -> None:
        """Leave the line; what it was promised goes to the next."""
        self.forget()
        leaf = self.leaf
        leaf.core.leave(leaf.line, self)


class Selection:
    """One task that waits in several lines at once."""

    __slots__ = ("_core", "arms", "claimed", "in_order", "operations", "waiter", "woken")

    def __init__(self, operations: tuple[Operation[Any], ...], *, in_order: bool) -> None:
        self.operations = operations
        self.in_order = in_order
        self.arms: dict[Leaf[Any], _Arm] = {}
        self.claimed: _Arm | None = None
        self.woken = False
        self._core = next(iter(operations[0]._leaves())).core
        self.waiter = self._core.new_waiter()

    async def wait(self) -> Operation[Any] | None:
        """Wait until one operation has happened; return None if all are to be looked at anew."""
        try:
            while True:
                self._stand()
                while not self.woken:
                    await self.waiter
                if self.claimed is not None and self.claimed.promised:
                    return self._redeem(self.claimed)
                self.woken = False
                self.waiter = self._core.new_waiter()
                while (found := self._look_again()) is not None:
                    operation, leaf = found
                    ended = leaf.endpoint.stopped
                    leaf.look()
                    if operation._perform(leaf):
                        return operation
                    if not ended:  # a filter turned a message away
                        return None
        finally:
            for arm in self.arms.values():
                arm.leave()
            self.arms.clear()  # each arm knows its selection: a cycle
            self.claimed = None

    def claim(self, arm: _Arm) -> None:
        """Let the first promise have the task: nothing else may be promised to it."""
        others = [other for other in self.arms.values() if other is not arm]
        self.arms = {arm.leaf: arm}
        self.claimed = arm
        for other in others:
            leaf = other.leaf  # `_Arm.leave`, written out: there may be many
            leaf.endpoint.places.pop(other, None)
            line = leaf.line
            if line.own_room:
                line.own_room.pop(other, None)
            leaf.core.leave(line, other)

    def _stand(self) -> None:
        """Stand in the line of each leaf that does not stand there yet."""
        loop = self.waiter.get_loop()
        lines = {arm.leaf.line for arm in self.arms.values()}
        for operation in self.operations:
            for leaf in operation._leaves():
                if leaf in self.arms:
                    continue
                core, line = leaf.core, leaf.line
                if loop is not core.loop:
                    core.adopt(loop)
                arm = self.arms[leaf] = _Arm(self, operation, leaf)
                leaf.endpoint.places[arm] = None
                if line is core.senders:
                    line.own_room[arm] = arm.own_room
                elif line in lines:
                    continue
                lines.add(line)
                core.join(line, arm, arm)

    def _redeem(self, arm: _Arm) -> Operation[Any] | None:
        self.arms.pop(arm.leaf, None)
        arm.forget()
        leaf = arm.leaf
        leaf.core.redeem(leaf.line, arm)
        return arm.operation if arm.operation._perform(leaf) else None

    def _look_again(self) -> tuple[Operation[Any], Leaf[Any]] | None:
        """Look at what does not stand in line (any more)."""
        for leaf, arm in list(self.arms.items()):
            if not arm.in_line:
                self.arms.pop(leaf, None)
                arm.leave()
        return pick(self.operations, self.arms, in_order=self.in_order)
