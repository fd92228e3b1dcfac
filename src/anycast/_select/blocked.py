"""A task that waits for several operations, of which exactly one happens.

The task has a single waiter. Each leaf gets an *arm*, which stands in the queue of a channel and
leads to that waiter. The first peer that comes to an arm wakes the task, and that arm has won. All
arms leave their queues in the same step. The close of an endpoint wakes the task too, with
`NOTHING`.

The arms of a select never meet. Two arms may wait on both sides of a rendezvous channel, and only a
task that comes later acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anycast._select.fairness import shuffle
from anycast._waiting.interruption import result_or_raise
from anycast._waiting.waiter import NOTHING

if TYPE_CHECKING:
    from anycast._select.selectable import Leaf, Selectable


class Arm:
    """Stands in a queue for a leaf of a blocked select, until a peer wakes the arm.

    Args:
        blocked: the select.
        choice: the operation, and the leaf, that are chosen if this arm is woken.
    """

    __slots__ = ("blocked", "choice")

    def __init__(self, blocked: BlockedSelect, choice: tuple[Selectable[Any], Leaf[Any]]) -> None:
        self.blocked = blocked
        self.choice = choice

    def done(self) -> bool:
        return self.blocked.waiter.done()

    def set_result(self, result: Any) -> None:
        blocked = self.blocked
        if not blocked.waiter.done():
            blocked.leave()
        blocked.waiter.set_result(result)  # raises if the task was woken before
        blocked.winner = self.choice


class BlockedSelect:
    """A task that waits in several queues at once.

    Args:
        leaves: the leaves to wait for, each after the operation of the leaf.
        in_order: whether arms in the same queue stand there in the given order. Else their order
            is random, so that each has the same chance.

    Raises:
        RuntimeError: if tasks of another event loop wait in a channel. The task waits nowhere then.
    """

    __slots__ = ("arms", "missed", "waiter", "winner")

    def __init__(self, leaves: list[tuple[Selectable[Any], Leaf[Any]]], *, in_order: bool) -> None:
        # The operation and the leaf of the arm that was woken. The first until an arm is woken.
        self.winner = leaves[0]
        binding = leaves[0][1].binding
        self.waiter = binding.new_waiter()
        if not in_order and len({id(leaf.queue) for _, leaf in leaves}) < len(leaves):
            shuffle(leaves)
        self.arms: list[Arm] = []
        ready = False
        try:
            for choice in leaves:
                arm = Arm(self, choice)
                self.arms.append(arm)
                ready |= choice[1].register(arm, binding)
        except RuntimeError:
            self.leave()
            if not self.waiter.done():  # else a peer was faster, and its operation has happened
                raise
        # Code that ran meanwhile (say, a finalizer) may have woken an arm: the task does not wait.
        # Or the code may have sent a message before the arm stood in the queue: `missed` is set,
        # and `select` looks for a ready operation again.
        woken = self.waiter.done()
        if ready or woken:
            self.leave()
        self.missed = ready and not woken

    def leave(self) -> None:
        """Take all arms out of their queues."""
        arms, self.arms = self.arms, []  # drops a cycle: each arm refers to this
        for arm in arms:
            arm.choice[1].unregister(arm)

    async def wait(self) -> tuple[Selectable[Any], Leaf[Any]]:
        """Wait until a leaf has an outcome; return the leaf, after the operation of the leaf."""
        try:
            result = await self.waiter
            self.winner[1].binding.budget.spent = 0
        except BaseException:  # noqa: BLE001  raised again, or delivered later
            self.leave()
            result = result_or_raise(self.waiter, self.winner[1].undo)
        operation, leaf = self.winner
        if result is NOTHING:
            leaf.set_ended()
        else:
            leaf.accept(result)
        return operation, leaf
