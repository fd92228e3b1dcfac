"""A task that waits for several operations, of which exactly one happens.

One waiter waits in the queues of all leaves at once, by an *arm* in each. The first peer that
comes to an arm claims the waiter: all arms leave their queues in that same step, and the task is
woken with what the peer gave. The closing of an end claims it too, and gives nothing.

A select never meets itself: its arms may wait on both sides of a rendezvous, and only a task that
comes later acts.
"""

# How operations proceed is private to the package, and not to their class.
# pyright: reportPrivateUsage=none

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anycast._choice import shuffle
from anycast._waiter import NOTHING, outcome

if TYPE_CHECKING:
    from anycast._operation import Leaf, Operation


class Arm:
    """What one leaf of a `select` waits in the queue by.

    Args:
        blocked: the select.
        claim: the leaf, and its operation.
    """

    __slots__ = ("blocked", "claim")

    def __init__(self, blocked: BlockedSelect, claim: tuple[Operation[Any], Leaf[Any]]) -> None:
        self.blocked = blocked
        self.claim = claim

    def done(self) -> bool:
        return self.blocked.waiter.done()

    def set_result(self, result: Any) -> None:
        blocked = self.blocked
        if not blocked.waiter.done():
            blocked.leave()
        blocked.waiter.set_result(result)
        blocked.winner = self.claim


class BlockedSelect:
    """One task that waits in several queues at once.

    Args:
        leaves: what to wait for, each with its operation.
        in_order: whether those that share a queue wait there in the order given.

    Raises:
        RuntimeError: if tasks of another event loop wait in one of the channels. Nothing has
            changed.
    """

    __slots__ = ("arms", "missed", "waiter", "winner")

    def __init__(self, leaves: list[tuple[Operation[Any], Leaf[Any]]], *, in_order: bool) -> None:
        self.winner = leaves[0]  # whichever is claimed
        first = leaves[0][1].core
        self.waiter = first.new_waiter()
        for _, leaf in leaves:
            leaf.core.bind_like(first)
        if not in_order and len({id(leaf.queue) for _, leaf in leaves}) < len(leaves):
            shuffle(leaves)
        self.arms = arms = [Arm(self, claim) for claim in leaves]
        for arm in arms:
            _, leaf = arm.claim
            leaf.queue[arm] = leaf.offer
            leaf.endpoint.waiters[arm] = None
            leaf.core.yield_at = leaf.core.transfers + leaf.core.budget
        # A finalizer, say, that ran meanwhile may have claimed it, or sent where nobody waited yet.
        self.missed = any(leaf.needs_no_peer() for _, leaf in leaves)
        if self.missed or self.waiter.done():
            self.arms = arms
            self.leave()
            self.missed = not self.waiter.done()

    def leave(self) -> None:
        """Leave every queue."""
        arms, self.arms = self.arms, []  # each arm knows its select: a cycle
        for arm in arms:
            _, leaf = arm.claim
            leaf.queue.pop(arm, None)
            leaf.endpoint.waiters.pop(arm, None)

    async def wait(self) -> tuple[Operation[Any], Leaf[Any]]:
        """Wait until one leaf has an outcome; return the leaf, and its operation."""
        try:
            result = await self.waiter
        except BaseException:  # noqa: BLE001  it is raised again, or comes later
            self.leave()
            result = outcome(self.waiter, self.winner[1].undo)
        operation, leaf = self.winner
        if result is NOTHING:
            leaf.set_ended()
        else:
            leaf.accept(result)
        return operation, leaf
